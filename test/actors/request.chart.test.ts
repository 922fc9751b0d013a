/** The life of a request in kas, event by event (`statecharts/request.ts`). */
import { describe, expect, it } from 'vitest';
import { requestLimits, requestMachine } from '../../statecharts/index.ts';
import { PlayedChart } from '../agentk/charts/played-chart.ts';

const recorded = [
  'authorize',
  'locate',
  'joinWaiters',
  'leaveWaiters',
  'forward',
  'cancelForwarding',
  'releaseTunnel',
  'refuse',
  'failSearch',
];

function request(): PlayedChart {
  const input = { requestId: 'r', agentId: 7, kind: 'ci' };
  const chart = new PlayedChart(requestMachine, input, recorded);
  expect(chart.take()).toEqual(['authorize {"requestId":"r","agentId":7,"kind":"ci"}']);
  return chart;
}

const granted = { type: 'authorization.granted', atMs: 1_000 };
const absent = { type: 'tunnel.absent', atMs: 1_000 };
const claimed = { type: 'tunnel.claimed', tunnelId: 't' };
const lost = { type: 'tunnel.lost', tunnelId: 't', atMs: 2_000 };
const names = (chart: PlayedChart) => chart.take().map((done) => done.split(' ')[0]);

const states = {
  authorizing: () => request(),
  locating: () => request().send(granted),
  waiting: () => request().send(granted).send(absent),
  forwarding: () => request().send(granted).send(claimed),
} as const;

function at(state: keyof typeof states): PlayedChart {
  const chart = states[state]();
  expect(chart.state).toBe(state);
  chart.take();
  return chart;
}

describe('a request', () => {
  it('in a good life is authorised, located, forwarded and done', () => {
    const chart = request().send(granted);
    expect(chart.take()).toEqual(['locate {"requestId":"r","agentId":7}']);
    chart.send(claimed);
    expect(chart.take()).toEqual([
      'leaveWaiters {"requestId":"r","agentId":7}',
      'forward {"requestId":"r","tunnelId":"t"}',
    ]);
    chart.send({ type: 'forward.finished', tunnelId: 't', outcome: 'served' });
    expect([chart.output, chart.take(), chart.clock.pending]).toEqual([
      { kind: 'forwarded', outcome: 'served' },
      [],
      0,
    ]);
  });

  it.each([
    ['authorizing', { type: 'client.gone' }, 'abandoned', []],
    ['authorizing', { type: 'stop.requested' }, 'abandoned', []],
    ['authorizing', { type: 'authorization.refused', httpStatus: 403, reason: 'no' }, 'refused', ['refuse']],
    ['locating', absent, 'waiting', ['leaveWaiters', 'joinWaiters']],
    ['locating', { type: 'search.failed', reason: 'full' }, 'unreachable', ['leaveWaiters', 'failSearch']],
    ['locating', { type: 'client.gone' }, 'abandoned', ['leaveWaiters']],
    ['locating', { type: 'stop.requested' }, 'abandoned', ['leaveWaiters']],
    ['waiting', claimed, 'forwarding', ['leaveWaiters', 'forward']],
    ['waiting', { type: 'search.failed', reason: 'full' }, 'unreachable', ['leaveWaiters', 'failSearch']],
    ['waiting', { type: 'client.gone' }, 'abandoned', ['leaveWaiters']],
    ['waiting', { type: 'stop.requested' }, 'abandoned', ['leaveWaiters']],
    ['forwarding', lost, 'locating', ['locate']],
    ['forwarding', { type: 'tunnel.claimed', tunnelId: 'u' }, 'forwarding', ['releaseTunnel']],
    ['forwarding', { type: 'client.gone' }, 'abandoned', ['cancelForwarding']],
    ['forwarding', { type: 'stop.requested' }, 'abandoned', ['cancelForwarding']],
    ['forwarding', { ...lost, tunnelId: 'u' }, 'forwarding', []],
    ['forwarding', { type: 'forward.finished', tunnelId: 'u', outcome: 'served' }, 'forwarding', []],
  ] as const)('%s, on %j, is %s and does %j', (state, event, next, done) => {
    const chart = at(state).send(event);
    expect([chart.state, names(chart)]).toEqual([next, done]);
  });

  it('that GitLab refuses is answered with the refusal', () => {
    const chart = at('authorizing').send({ type: 'authorization.refused', httpStatus: 403, reason: 'no' });
    expect(chart.take()).toEqual(['refuse {"requestId":"r","httpStatus":403,"reason":"no"}']);
    expect(chart.output).toEqual({ kind: 'refused', httpStatus: 403, reason: 'no' });
  });

  it('of which GitLab says nothing in time is refused for that', () => {
    const chart = at('authorizing').wait(requestLimits.authorizeMs - 1);
    expect(chart.state).toBe('authorizing');
    expect(chart.wait(1).output).toEqual({
      kind: 'refused',
      httpStatus: 500,
      reason: 'GitLab did not answer in time',
    });
  });

  it('that finds no tunnel waits as long as its search may take, over all rounds', () => {
    const chart = at('waiting').wait(requestLimits.findMs - 1);
    expect(chart.state).toBe('waiting');
    chart.wait(1);
    expect([chart.state, names(chart)]).toEqual(['timedOut', ['leaveWaiters', 'failSearch']]);
    const again = at('forwarding')
      .send({ ...lost, atMs: 16_000 })
      .send({ ...absent, atMs: 16_000 });
    again.wait(5_000 - 1);
    expect(again.state).toBe('waiting');
    expect(again.wait(1).state).toBe('timedOut');
    const later = at('locating')
      .send({ ...absent, atMs: 11_000 })
      .wait(10_000);
    expect(later.state).toBe('timedOut');
  });

  it('is not held up by a directory that does not answer', () => {
    expect(at('locating').wait(requestLimits.findMs).state).toBe('timedOut');
  });

  it('whose tunnels die before they are used gives up after so many, with a reason', () => {
    const chart = at('forwarding');
    for (let losses = 0; losses < requestLimits.lossesMax; losses++) {
      chart.send(lost).send(claimed);
      expect(chart.state).toBe('forwarding');
    }
    chart.take();
    chart.send(lost);
    expect(chart.take()).toEqual([
      'failSearch {"requestId":"r","code":14,"message":"Find tunnel failed: the agent keeps losing its tunnels"}',
    ]);
    expect(chart.output).toMatchObject({ kind: 'unreachable', code: 14 });
  });

  it.each(['locating', 'waiting'] as const)('%s, whose search fails, says why', (state) => {
    expect(at(state).send({ type: 'search.failed', reason: 'full' }).output).toEqual({
      kind: 'unreachable',
      code: 14,
      message: 'Find tunnel failed: full',
    });
  });

  it('forwards on the tunnel it waited for', () => {
    expect(
      at('waiting')
        .send({ ...claimed, tunnelId: 'w' })
        .take(),
    ).toContain('forward {"requestId":"r","tunnelId":"w"}');
  });
});
