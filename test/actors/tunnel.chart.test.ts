/** The life of a tunnel in kas, event by event (`statecharts/tunnel.ts`). */
import { describe, expect, it } from 'vitest';
import { tunnelLimits, tunnelMachine } from '../../statecharts/index.ts';
import { PlayedChart } from '../agentk/charts/played-chart.ts';

const recorded = ['offer', 'withdraw', 'loseClaim', 'finishCall'];
const id = '{"tunnelId":"t","agentId":7}';
const offer = 'offer';
const withdraw = 'withdraw';
const lost = 'loseClaim {"tunnelId":"t","requestId":"r"}';
const ended = (code = 0, message = '') => `finishCall {"tunnelId":"t","code":${code},"message":"${message}"}`;

/** `agentId` is a number here, because what is recorded is JSON. */
function tunnel(): PlayedChart {
  const input = { tunnelId: 't', agentId: 7, incarnation: 3 };
  const chart = new PlayedChart(tunnelMachine, input, recorded);
  expect(chart.take()).toEqual([`${offer} ${id}`]);
  return chart;
}

const claim = { type: 'claim.requested', requestId: 'r' };
const started = { type: 'forward.started', requestId: 'r' };
const finished = { type: 'forward.finished', requestId: 'r', reusable: false, code: 0, message: '' };
const named = (chart: PlayedChart) =>
  chart.take().map((done) => (done.endsWith(id) ? done.split(' ')[0] : done));

const states = {
  idle: () => tunnel(),
  claimed: () => tunnel().send(claim),
  forwarding: () => tunnel().send(claim).send(started),
  finishing: () => tunnel().send(claim).send(started).send({ type: 'age.expired' }),
  rearming: () =>
    tunnel()
      .send(claim)
      .send(started)
      .send({ ...finished, reusable: true }),
} as const;

function at(state: keyof typeof states): PlayedChart {
  const chart = states[state]();
  expect(chart.state).toBe(state);
  chart.take();
  return chart;
}

describe('a tunnel', () => {
  it('is in the directory exactly while it is idle', () => {
    const chart = tunnel().send(claim);
    expect([chart.state, named(chart)]).toEqual(['claimed', [withdraw]]);
    chart.send({ type: 'release.requested', requestId: 'r' });
    expect([chart.state, named(chart)]).toEqual(['idle', [offer]]);
  });

  it.each([
    ['idle', { type: 'peer.finished', incarnation: 3 }, 'done', [withdraw, ended()]],
    ['idle', { type: 'age.expired' }, 'done', [withdraw, ended()]],
    ['idle', { type: 'stop.requested' }, 'done', [withdraw, ended()]],
    ['idle', { type: 'peer.closed', incarnation: 3, reason: 'reset' }, 'lost', [withdraw]],
    ['claimed', { type: 'peer.finished', incarnation: 3 }, 'done', [lost, ended()]],
    ['claimed', { type: 'age.expired' }, 'done', [lost, ended()]],
    ['claimed', { type: 'stop.requested' }, 'done', [lost, ended()]],
    ['claimed', { type: 'peer.closed', incarnation: 3, reason: 'reset' }, 'lost', [lost]],
    ['claimed', started, 'forwarding', []],
    ['forwarding', { type: 'age.expired' }, 'finishing', []],
    ['forwarding', { type: 'stop.requested' }, 'finishing', []],
    ['forwarding', { type: 'peer.closed', incarnation: 3, reason: 'reset' }, 'lost', []],
    ['forwarding', { ...finished, code: 14, message: 'gone' }, 'done', [ended(14, 'gone')]],
    ['forwarding', { ...finished, reusable: true }, 'rearming', []],
    ['finishing', { ...finished, code: 13, message: 'x' }, 'done', [ended(13, 'x')]],
    ['finishing', { ...finished, reusable: true }, 'done', [ended()]],
    ['finishing', { type: 'stop.requested' }, 'finishing', []],
    ['rearming', { type: 'descriptor.received', incarnation: 3 }, 'idle', [offer]],
    ['rearming', { type: 'peer.finished', incarnation: 3 }, 'done', [ended()]],
    ['rearming', { type: 'age.expired' }, 'done', [ended()]],
    ['rearming', { type: 'stop.requested' }, 'done', [ended()]],
  ] as const)('%s, on %j, is %s and does %j', (state, event, next, done) => {
    const chart = at(state).send(event);
    expect([chart.state, named(chart)]).toEqual([next, done]);
  });

  it.each([
    ['claimed', { ...claim, requestId: 'another' }],
    ['claimed', { type: 'release.requested', requestId: 'another' }],
    ['claimed', { ...started, requestId: 'another' }],
    ['forwarding', { ...finished, requestId: 'another' }],
    ['forwarding', { ...finished, requestId: 'another', reusable: true }],
    ['finishing', { ...finished, requestId: 'another' }],
    ['idle', { type: 'peer.finished', incarnation: 2 }],
    ['idle', { type: 'peer.closed', incarnation: 2, reason: 'old' }],
    ['claimed', { type: 'peer.finished', incarnation: 2 }],
    ['claimed', { type: 'peer.closed', incarnation: 2, reason: 'old' }],
    ['rearming', { type: 'descriptor.received', incarnation: 2 }],
    ['rearming', { type: 'peer.finished', incarnation: 2 }],
  ] as const)('%s is not moved by %j of others', (state, event) => {
    const chart = at(state).send(event);
    expect([chart.state, chart.take()]).toEqual([state, []]);
  });

  it('is given back when its claimant does not use it in time, and its claimant is told', () => {
    const chart = at('claimed').wait(tunnelLimits.claimMs - 1);
    expect(chart.state).toBe('claimed');
    chart.wait(1);
    expect([chart.state, named(chart)]).toEqual(['idle', [lost, offer]]);
  });

  it('ends when an agent that reuses offers nothing in time', () => {
    const chart = at('rearming').wait(tunnelLimits.rearmMs);
    expect([chart.state, chart.take(), chart.clock.pending]).toEqual(['done', [ended()], 0]);
  });

  it('forgets who had it, however it comes back', () => {
    const free = { type: 'release.requested', requestId: 'r' };
    const again = { type: 'descriptor.received', incarnation: 3 };
    for (const chart of [
      at('claimed').send(free),
      at('claimed').wait(tunnelLimits.claimMs),
      at('rearming').send(again),
    ])
      expect([chart.state, chart.actor.getSnapshot().context.requestId]).toEqual(['idle', '']);
  });

  it('says how it ended', () => {
    expect(at('forwarding').send({ ...finished, code: 14, message: 'gone' }).output).toEqual({
      kind: 'answered',
      code: 14,
      message: 'gone',
    });
    const closed = { type: 'peer.closed', incarnation: 3, reason: 'reset' };
    expect(at('idle').send(closed).output).toEqual({ kind: 'lost', reason: 'reset' });
    expect(at('claimed').send(closed).output).toEqual({ kind: 'lost', reason: 'reset' });
  });
});
