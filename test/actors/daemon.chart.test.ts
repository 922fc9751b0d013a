/** The lives of listeners and of the whole process. */
import { fromPromise } from 'xstate';
import { describe, expect, it } from 'vitest';
import { agentkMachine, kasMachine, listenerMachine } from '../../statecharts/index.ts';
import { PlayedChart } from '../agentk/charts/played-chart.ts';

type Hand = 'done' | 'silence' | Error;

function hands(names: readonly string[], script: Readonly<Record<string, Hand>>, told: string[]) {
  const hand = (name: string) =>
    fromPromise<void, never>(async () => {
      told.push(name);
      const outcome = script[name] ?? 'done';
      if (outcome === 'silence') return new Promise<never>(() => {});
      if (outcome instanceof Error) throw outcome;
    });
  return Object.fromEntries(names.map((name) => [name, hand(name)]));
}

function listener(script: Readonly<Record<string, Hand>> = {}) {
  const told: string[] = [];
  const machine = listenerMachine.provide({
    actors: hands(['open', 'drain', 'cut'], script, told),
  });
  const input = { name: 'l', listenGraceMs: 5_000, shutdownGraceMs: 60_000 };
  const chart = new PlayedChart(machine, input, ['announceDrain']);
  return { chart, told, advance: (ms: number) => chart.clock.advanceAsync(ms) };
}

describe('a listener', () => {
  it('is ready once it listens', async () => {
    const { chart, advance } = listener();
    expect(chart.actor.getSnapshot().hasTag('ready')).toBe(false);
    await advance(0);
    expect(chart.actor.getSnapshot().hasTag('ready')).toBe(true);
  });

  it('that cannot open ends with the reason', async () => {
    const { chart, advance } = listener({ open: new Error('EADDRINUSE') });
    await advance(0);
    expect(chart.output).toEqual({ kind: 'failed', reason: 'EADDRINUSE' });
  });

  it('lingers, drains and closes', async () => {
    const { chart, told, advance } = listener();
    await advance(0);
    chart.send({ type: 'stop.requested' });
    await advance(4_999);
    expect([chart.state, told]).toEqual(['lingering', ['open']]);
    await advance(1);
    expect([told, chart.take(), chart.output]).toEqual([
      ['open', 'drain'],
      ['announceDrain {"name":"l"}'],
      { kind: 'closed' },
    ]);
    expect(chart.clock.pending).toBe(0);
  });

  it('cuts what has not ended after its grace', async () => {
    const { chart, told, advance } = listener({ drain: 'silence' });
    await advance(0);
    chart.send({ type: 'stop.requested' });
    await advance(5_000 + 59_999);
    expect(told).toEqual(['open', 'drain']);
    await advance(1);
    expect([told, chart.output]).toEqual([['open', 'drain', 'cut'], { kind: 'closed' }]);
  });

  it('goes one step further with each request to stop', async () => {
    const { chart, told, advance } = listener({ drain: 'silence', cut: 'silence' });
    await advance(0);
    for (const state of ['lingering', 'draining', 'cutting', 'cutting']) {
      chart.send({ type: 'stop.requested' });
      expect(chart.state).toBe(state);
    }
    expect(told).toEqual(['open', 'drain', 'cut']);
  });

  it('asked to stop while it opens cuts', async () => {
    const { chart, told, advance } = listener({ open: 'silence' });
    chart.send({ type: 'stop.requested' });
    await advance(0);
    expect([told, chart.output]).toEqual([['open', 'cut'], { kind: 'closed' }]);
  });

  it('whose socket breaks cuts the rest and tells why', async () => {
    const { chart, told, advance } = listener({ cut: new Error('also broken') });
    await advance(0);
    chart.send({ type: 'socket.failed', reason: 'EMFILE' });
    await advance(0);
    expect([told, chart.output]).toEqual([['open', 'cut'], { kind: 'failed', reason: 'EMFILE' }]);
  });

  it('whose drain fails cuts', async () => {
    const { chart, told, advance } = listener({ drain: new Error('no') });
    await advance(0);
    chart.send({ type: 'stop.requested' }).send({ type: 'stop.requested' });
    await advance(0);
    expect([told, chart.output]).toEqual([['open', 'drain', 'cut'], { kind: 'closed' }]);
  });
});

function kas(script: Readonly<Record<string, Hand>> = {}) {
  const told: string[] = [];
  const machine = kasMachine.provide({
    actors: hands(['startTree', 'drainTree', 'killTree'], script, told),
  });
  const chart = new PlayedChart(machine, { drainMsMax: 60_000 }, []);
  return { chart, told, advance: (ms: number) => chart.clock.advanceAsync(ms) };
}
const stop = { type: 'stop.requested', reason: 'SIGTERM' };

describe('the process', () => {
  it('is ready when its tree is up, drains and stops', async () => {
    const { chart, told, advance } = kas();
    expect(chart.actor.getSnapshot().hasTag('ready')).toBe(false);
    await advance(0);
    expect(chart.actor.getSnapshot().hasTag('ready')).toBe(true);
    chart.send(stop);
    expect(chart.actor.getSnapshot().hasTag('ready')).toBe(false);
    await advance(0);
    expect([told, chart.output]).toEqual([['startTree', 'drainTree'], { kind: 'stopped' }]);
    expect(chart.clock.pending).toBe(0);
  });

  it('that cannot start tells why', async () => {
    const { chart, advance } = kas({ startTree: new Error('port taken') });
    await advance(0);
    expect(chart.output).toEqual({ kind: 'failed', reason: 'port taken' });
  });

  it('whose tree breaks drains and tells why', async () => {
    const { chart, told, advance } = kas();
    await advance(0);
    chart.send({ type: 'tree.failed', reason: 'gave up' });
    await advance(0);
    expect([told, chart.output]).toEqual([['startTree', 'drainTree'], { kind: 'failed', reason: 'gave up' }]);
  });

  it('does not take the end of its tree during an orderly stop for a failure', async () => {
    const { chart, advance } = kas({ drainTree: 'silence' });
    await advance(0);
    chart.send(stop).send({ type: 'tree.failed', reason: 'kas is stopping' }).send(stop);
    await advance(0);
    expect(chart.output).toEqual({ kind: 'stopped' });
  });

  it('kills at the deadline of the drain', async () => {
    const { chart, told, advance } = kas({ drainTree: 'silence' });
    await advance(0);
    chart.send(stop);
    await advance(59_999);
    expect(told).toEqual(['startTree', 'drainTree']);
    await advance(1);
    expect([told, chart.output]).toEqual([['startTree', 'drainTree', 'killTree'], { kind: 'stopped' }]);
  });

  it('kills at the second request to stop, and leaves even when killing hangs', async () => {
    const { chart, told, advance } = kas({ drainTree: 'silence', killTree: 'silence' });
    await advance(0);
    chart.send(stop).send(stop).send(stop);
    expect([told, chart.state]).toEqual([['startTree', 'drainTree', 'killTree'], 'killing']);
    await advance(5_000);
    expect(chart.output).toEqual({ kind: 'stopped' });
  });

  it('can be stopped while it starts', async () => {
    const { chart, told, advance } = kas({ startTree: 'silence' });
    chart.send(stop);
    await advance(0);
    expect([told, chart.output]).toEqual([['startTree', 'drainTree'], { kind: 'stopped' }]);
  });
});

describe('the process of kas', () => {
  it('whose drain fails leaves with the reason', async () => {
    const { chart, advance } = kas({ drainTree: new Error('stuck') });
    await advance(0);
    chart.send(stop);
    await advance(0);
    expect(chart.output).toEqual({ kind: 'failed', reason: 'stuck' });
  });

  it('leaves when killing fails', async () => {
    const { chart, advance } = kas({ drainTree: 'silence', killTree: new Error('stuck') });
    await advance(0);
    chart.send(stop).send(stop);
    await advance(0);
    expect(chart.output).toEqual({ kind: 'stopped' });
  });
});

function agentk(script: Readonly<Record<string, Hand>> = {}) {
  const told: string[] = [];
  const machine = agentkMachine.provide({
    actors: hands(['startTree', 'drainTree', 'killTree'], script, told),
  });
  const chart = new PlayedChart(machine, { drainMsMax: 25_000 }, []);
  return { chart, told, advance: (ms: number) => chart.clock.advanceAsync(ms) };
}

describe('the process of agentk', () => {
  const wishes = [
    [{ type: 'stop.requested' }, { kind: 'stopped' }],
    [
      { type: 'restart.requested', reason: 'another agent' },
      { kind: 'failed', reason: 'another agent' },
    ],
    [
      { type: 'tree.failed', reason: 'gave up' },
      { kind: 'failed', reason: 'gave up' },
    ],
  ] as const;

  it.each(wishes)('is ready when its tree is up, and drains on %j', async (wish, output) => {
    const { chart, told, advance } = agentk();
    expect(chart.actor.getSnapshot().hasTag('ready')).toBe(false);
    await advance(0);
    expect(chart.actor.getSnapshot().hasTag('ready')).toBe(true);
    chart.send(wish);
    await advance(0);
    expect([told, chart.output, chart.clock.pending]).toEqual([['startTree', 'drainTree'], output, 0]);
  });

  it.each(wishes)('that is still starting drains on %j', async (wish, output) => {
    const { chart, advance } = agentk({ startTree: 'silence' });
    chart.send(wish);
    await advance(0);
    expect(chart.output).toEqual(output);
  });

  it('that cannot start ends what has begun and tells why', async () => {
    const { chart, told, advance } = agentk({ startTree: new Error('no port') });
    await advance(0);
    expect([told, chart.output]).toEqual([['startTree', 'drainTree'], { kind: 'failed', reason: 'no port' }]);
  });

  it('keeps the first of several reasons', async () => {
    const { chart, advance } = agentk({ startTree: new Error('first'), drainTree: new Error('second') });
    await advance(0);
    expect(chart.output).toEqual({ kind: 'failed', reason: 'first' });
  });

  it('kills at the deadline of the drain, and not before', async () => {
    const { chart, told, advance } = agentk({ drainTree: 'silence' });
    await advance(0);
    chart.send({ type: 'stop.requested' });
    await advance(24_999);
    expect(told).toEqual(['startTree', 'drainTree']);
    await advance(1);
    expect([told, chart.output]).toEqual([['startTree', 'drainTree', 'killTree'], { kind: 'stopped' }]);
  });

  it('kills at the second request to stop', async () => {
    const { chart, told, advance } = agentk({ drainTree: 'silence' });
    await advance(0);
    chart.send({ type: 'stop.requested' }).send({ type: 'stop.requested' }).send({ type: 'stop.requested' });
    await advance(0);
    expect([told, chart.output]).toEqual([['startTree', 'drainTree', 'killTree'], { kind: 'stopped' }]);
  });

  it('whose drain fails kills and tells why, also when killing fails', async () => {
    const { chart, told, advance } = agentk({ drainTree: new Error('stuck'), killTree: new Error('too') });
    await advance(0);
    chart.send({ type: 'stop.requested' });
    await advance(0);
    expect([told, chart.output]).toEqual([
      ['startTree', 'drainTree', 'killTree'],
      { kind: 'failed', reason: 'stuck' },
    ]);
  });
});
