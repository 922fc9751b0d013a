import { describe, expect, it } from 'vitest';
import { agentConnectionMachine } from '../../statecharts/index.ts';
import { PlayedChart } from '../agentk/charts/played-chart.ts';

const times = {
  prefaceMs: 10_000,
  vacancyMs: 120_000,
  keepaliveMs: 50_000,
  pingAckMs: 20_000,
  goAwayMs: 1_000_000,
  expireMs: 500_000,
  cutMs: 3_000_000,
  lastCallMs: 5_000,
};
const id = '{"connectionId":"c"}';

/** `alive` answers every ping, as a living wire does. */
function connection(options: { alive: boolean; occupied: boolean; silent?: boolean }): PlayedChart {
  const chart = new PlayedChart(
    agentConnectionMachine,
    { connectionId: 'c', ...times },
    ['goAway', 'rebuke', 'expireIdle', 'markStale', 'cut'],
    { ping: (actor) => (options.alive ? actor.send({ type: 'ping.acknowledged' }) : undefined) },
  );
  if (options.silent !== true) chart.send({ type: 'settings.received' });
  if (options.occupied) chart.send({ type: 'agent.authenticated' });
  return chart;
}

const withoutPings = (chart: PlayedChart) => chart.take().filter((one) => !one.startsWith('ping'));
const cut = (reason: string) => `cut ${JSON.stringify({ connectionId: 'c', reason })}`;

describe('a connection on which nobody authenticates', () => {
  it('is cut, and forgotten when it does not close even then', () => {
    const chart = connection({ alive: true, occupied: false }).wait(119_999);
    expect(withoutPings(chart)).toEqual([]);
    chart.wait(1);
    expect(withoutPings(chart)).toEqual([cut('nobody authenticated on this connection')]);
    chart.wait(5_000);
    expect(chart.output).toEqual({ kind: 'gone', reason: 'nobody authenticated on this connection' });
    expect(chart.clock.pending).toBe(0);
  });

  it('is kept as long as GitLab cannot say who it is', () => {
    const chart = connection({ alive: true, occupied: false });
    for (let i = 0; i < 10; i++) chart.wait(100_000).send({ type: 'agent.undecided' });
    expect(withoutPings(chart).filter((one) => one.startsWith('cut'))).toEqual([]);
    chart.wait(120_000);
    expect(withoutPings(chart).some((one) => one.startsWith('cut'))).toBe(true);
  });

  it('is kept once somebody does', () => {
    const chart = connection({ alive: true, occupied: true }).wait(600_000);
    expect(withoutPings(chart)).toEqual([]);
  });
});

describe('a connection whose peer', () => {
  it('does not speak HTTP/2 in time is cut', () => {
    const chart = connection({ alive: true, occupied: false, silent: true }).wait(9_999);
    expect(withoutPings(chart)).toEqual([]);
    chart.wait(1);
    expect(withoutPings(chart)).toEqual([cut('no HTTP/2 settings came in time')]);
  });

  it('abuses it is told why and cut, also with an agent on it', () => {
    const chart = connection({ alive: true, occupied: true });
    chart.send({ type: 'peer.abused', reason: 'too_many_pings' });
    expect(withoutPings(chart)).toEqual([
      `rebuke ${JSON.stringify({ connectionId: 'c', reason: 'too_many_pings' })}`,
      cut('too_many_pings'),
    ]);
    chart.wait(5_000);
    expect(chart.output).toEqual({ kind: 'gone', reason: 'too_many_pings' });
  });
});

describe('keepalive', () => {
  it('pings after each quiet time', () => {
    const chart = connection({ alive: true, occupied: true }).wait(49_999);
    expect(chart.take()).toEqual([]);
    chart.wait(1);
    expect(chart.take()).toEqual([`ping ${id}`]);
    chart.wait(50_000);
    expect(chart.take()).toEqual([`ping ${id}`]);
  });

  it('cuts a wire that does not answer in time', () => {
    const reason = 'keepalive ping was not answered';
    const chart = connection({ alive: false, occupied: true }).wait(69_999);
    expect(chart.take()).toEqual([`ping ${id}`]);
    chart.wait(1);
    expect(chart.take()).toEqual([`markStale ${id}`, cut(reason)]);
    chart.send({ type: 'connection.closed', reason });
    expect(chart.output).toEqual({ kind: 'gone', reason });
    expect(chart.clock.pending).toBe(0);
  });
});

describe('age', () => {
  it('says GOAWAY, then ends idle work, then cuts', () => {
    const chart = connection({ alive: true, occupied: true }).wait(999_999);
    expect(withoutPings(chart)).toEqual([]);
    chart.wait(1);
    expect(withoutPings(chart)).toEqual([`goAway ${id}`]);
    chart.wait(500_000);
    expect(withoutPings(chart)).toEqual([`goAway ${id}`, `expireIdle ${id}`]);
    chart.wait(2_499_999);
    expect(withoutPings(chart)).toEqual([]);
    chart.wait(1);
    expect(withoutPings(chart)).toEqual([cut('connection reached its maximum age')]);
    expect(chart.wait(5_000).output).toEqual({ kind: 'gone', reason: 'connection reached its maximum age' });
  });

  it('a request to stop does the same at once, and only once', () => {
    const chart = connection({ alive: true, occupied: true });
    chart.send({ type: 'stop.requested' }).send({ type: 'stop.requested' });
    expect(chart.take()).toEqual([`goAway ${id}`, `expireIdle ${id}`]);
  });

  it('a request to stop after GOAWAY ends idle work', () => {
    const chart = connection({ alive: true, occupied: true }).wait(1_000_000);
    chart.take();
    chart.send({ type: 'stop.requested' });
    expect(chart.take()).toEqual([`goAway ${id}`, `expireIdle ${id}`]);
  });

  it('keepalive goes on while the connection ages', () => {
    const chart = connection({ alive: false, occupied: true }).send({ type: 'stop.requested' });
    chart.take();
    chart.wait(70_000);
    expect(chart.take()).toEqual([`ping ${id}`, `markStale ${id}`, cut('keepalive ping was not answered')]);
  });
});

describe('a stop that gives the connection its turn', () => {
  const turn = { type: 'stop.requested', afterMs: 3_000 };
  const sentAway = [`goAway ${id}`, `expireIdle ${id}`];

  it('sends it away then, not before', () => {
    const chart = connection({ alive: true, occupied: true }).send(turn).wait(2_999);
    expect(chart.take()).toEqual([]);
    expect(chart.wait(1).take()).toEqual(sentAway);
  });

  it('is the same for one that has been told GOAWAY for its age', () => {
    const chart = connection({ alive: true, occupied: true }).wait(times.goAwayMs);
    chart.take();
    expect(chart.send(turn).wait(2_999).take()).toEqual([]);
    expect(chart.wait(1).take()).toEqual(sentAway);
  });

  it('holds whatever turn is spoken of later, until a stop comes without one', () => {
    const chart = connection({ alive: true, occupied: true }).send(turn).wait(1_000);
    chart.send({ ...turn, afterMs: 9_000 });
    expect(chart.wait(1_999).take()).toEqual([]);
    expect(chart.wait(1).take()).toEqual(sentAway);
    const hurried = connection({ alive: true, occupied: true }).send(turn);
    expect(hurried.send({ type: 'stop.requested' }).take()).toEqual(sentAway);
  });

  it('is at once where the turn is now', () => {
    expect(
      connection({ alive: true, occupied: true })
        .send({ ...turn, afterMs: 0 })
        .take(),
    ).toEqual(sentAway);
  });

  it('lets all else go on: silence is noticed, abuse is answered, a vacant connection is cut, a closed one forgotten', () => {
    const late = { ...turn, afterMs: 1_000_000 };
    const dead = connection({ alive: false, occupied: true }).send(late).wait(70_000);
    expect(dead.take()).toEqual([`ping ${id}`, `markStale ${id}`, cut('keepalive ping was not answered')]);
    const abused = connection({ alive: true, occupied: true }).send(late);
    abused.send({ type: 'peer.abused', reason: 'rude' });
    expect(abused.take()).toContain(cut('rude'));
    const vacant = connection({ alive: true, occupied: false }).send(late).wait(times.vacancyMs);
    expect(withoutPings(vacant)).toEqual([cut('nobody authenticated on this connection')]);
    const closed = connection({ alive: true, occupied: true }).send(late);
    closed.send({ type: 'connection.closed', reason: 'reset' });
    expect(closed.output).toEqual({ kind: 'gone', reason: 'reset' });
    for (const { clock } of [abused.wait(5_000), vacant.wait(5_000), dead.wait(5_000), closed])
      expect(clock.pending).toBe(0);
  });
});

it('ends whenever the connection closes', () => {
  const chart = connection({ alive: true, occupied: false });
  chart.send({ type: 'connection.closed', reason: 'reset' });
  expect(chart.output).toEqual({ kind: 'gone', reason: 'reset' });
  expect(chart.clock.pending).toBe(0);
});

describe('a connection that was cut', () => {
  const stale = () => connection({ alive: false, occupied: true }).wait(times.keepaliveMs + times.pingAckMs);
  const closing = () => connection({ alive: true, occupied: false }).wait(times.vacancyMs);

  it.each([
    ['stale', stale],
    ['closing', closing],
  ] as const)('is forgotten when it does not close, or at once when kas stops (%s)', (state, made) => {
    expect(made().state).toBe(state);
    expect(made().wait(times.lastCallMs - 1).state).toBe(state);
    expect(made().wait(times.lastCallMs).state).toBe('gone');
    expect(made().send({ type: 'stop.requested' }).state).toBe('gone');
  });
});
