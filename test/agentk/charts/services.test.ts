/** The charts of registration, configuration, modules and the daemon. */
import { createActor, fromPromise } from 'xstate';
import { describe, expect, test } from 'vitest';
import {
  agentkMachine,
  configurationWatchDelays,
  configurationWatchMachine,
  moduleDelays,
  moduleMachine,
  registrationDelays,
  registrationMachine,
  type RegisterOutcome,
} from '../../../statecharts/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { PlayedChart } from './played-chart.ts';

describe('registration', () => {
  async function play(outcomes: RegisterOutcome[]) {
    const asked: number[] = [];
    const register = fromPromise<RegisterOutcome, { incarnation: number }>(async ({ input }) => {
      asked.push(input.incarnation);
      return outcomes.shift() ?? { kind: 'registered' };
    });
    const chart = new PlayedChart(
      registrationMachine.provide({ actors: { register } }),
      { registrationId: 'r' },
      ['awaitLink'],
    );
    chart.send({ type: 'link.restored', incarnation: 1 });
    await chart.clock.settle();
    return { chart, asked };
  }

  test('happens at once on a connection, every five minutes, and on each newer connection', async () => {
    const { chart, asked } = await play([]);
    expect(chart.state).toBe('registered');
    chart.send({ type: 'link.restored', incarnation: 1 });
    expect(chart.state).toBe('registered');
    chart.wait(registrationDelays.periodMs);
    expect(chart.state).toBe('waitingForLink');
    chart.send({ type: 'link.restored', incarnation: 1 });
    await chart.clock.settle();
    chart.send({ type: 'link.restored', incarnation: 2 });
    await chart.clock.settle();
    expect(asked).toEqual([1, 1, 2]);
  });

  test('backs off when it fails and waits for the link when that is lost', async () => {
    const { chart } = await play([{ kind: 'failed', atMs: 0 }, { kind: 'lost' }]);
    expect(chart.state).toBe('backingOff');
    chart.wait(registrationDelays.backoffInitMs);
    expect(chart.state).toBe('waitingForLink');
    chart.send({ type: 'link.restored', incarnation: 1 });
    await chart.clock.settle();
    expect(chart.state).toBe('waitingForLink');
    expect(chart.send({ type: 'stop.requested' }).output).toEqual({ kind: 'stopped' });
  });
});

describe('the configuration watch', () => {
  const watch = () =>
    new PlayedChart(configurationWatchMachine, { watchId: 'w' }, [
      'awaitLink',
      'openStream',
      'reportReplaced',
    ]).send({
      type: 'link.restored',
      incarnation: 1,
    });
  const end = (stream: number, verdict: string, livedMs = 60_000) => ({
    type: 'stream.ended',
    stream,
    verdict,
    atMs: 0,
    livedMs,
  });

  test('opens its stream again with the last processed commit', () => {
    const chart = watch().send({ type: 'configuration.processed', stream: 1, commitId: 'c1' });
    chart.send(end(1, 'finished')).send({ type: 'link.restored', incarnation: 1 });
    expect(chart.take().at(-1)).toBe('openStream {"stream":2,"incarnation":1,"commitId":"c1"}');
    chart.send({ type: 'configuration.processed', stream: 1, commitId: 'late' });
    expect(chart.actor.getSnapshot().context.commitId).toBe('c1');
  });

  test.each([
    ['finished', 60_000, 'waitingForLink'],
    ['finished', 10, 'backingOff'],
    ['failed', 60_000, 'backingOff'],
    ['lost', 10, 'waitingForLink'],
  ])('after %s having lived %i ms is %s', (verdict, livedMs, state) => {
    const chart = watch().send(end(1, verdict, livedMs));
    expect(chart.state).toBe(state);
    if (state === 'backingOff') {
      expect(chart.wait(configurationWatchDelays.backoffInitMs).state).toBe('waitingForLink');
    }
  });

  test('ends when the agent became another one', () => {
    const chart = watch().send({ type: 'identity.changed', stream: 1, reason: 'the agent id changed' });
    expect(chart.output).toEqual({ kind: 'identityChanged', reason: 'the agent id changed' });
    expect(chart.take().at(-1)).toBe('reportReplaced {"reason":"the agent id changed"}');
  });
});

describe('a module', () => {
  async function play(input: object, start: () => Promise<void> = async () => {}) {
    const machine = moduleMachine.provide({
      actors: { startModule: fromPromise(start), stopModule: fromPromise(async () => {}) },
    });
    const chart = new PlayedChart(machine, { name: 'm', ...input }, ['configure', 'reportFailure']);
    await chart.clock.settle();
    return chart;
  }

  test('runs while the configuration wants it', async () => {
    const chart = await play({ wanted: false });
    expect(chart.state).toBe('resting');
    chart.send({ type: 'configuration.changed', wanted: true });
    await chart.clock.settle();
    expect([chart.state, chart.take()]).toEqual(['running', ['configure {"name":"m"}']]);
    chart.send({ type: 'configuration.changed', wanted: true });
    expect(chart.take()).toEqual(['configure {"name":"m"}']);
    chart.send({ type: 'configuration.changed', wanted: false });
    await chart.clock.settle();
    expect(chart.state).toBe('resting');
  });

  test('that fails is started again after a growing wait', async () => {
    const chart = await play({ wanted: true });
    for (const waitMs of [1_000, 2_000, 4_000]) {
      chart.send({ type: 'module.failed', reason: 'broken' });
      expect(chart.state).toBe('restarting');
      chart.wait(waitMs - 1);
      expect(chart.state).toBe('restarting');
      await chart.clock.advanceAsync(1);
      expect(chart.state).toBe('running');
    }
    chart.wait(moduleDelays.provenMs);
    expect(chart.actor.getSnapshot().context.failures).toBe(0);
  });

  test('that does not start in time is tried again', async () => {
    const chart = await play({ wanted: true }, () => new Promise(() => {}));
    expect(chart.state).toBe('starting');
    chart.wait(moduleDelays.startMs);
    expect(chart.take()).toEqual(['reportFailure {"name":"m","reason":"the module did not start in time"}']);
    chart.send({ type: 'stop.requested' });
    await chart.clock.settle();
    expect(chart.output).toEqual({ kind: 'stopped' });
  });
});

describe('the daemon', () => {
  async function play(
    drain: () => Promise<void> = async () => {},
    start: () => Promise<void> = async () => {},
  ) {
    const clock = new VirtualClock();
    const killed: string[] = [];
    const machine = agentkMachine.provide({
      actors: {
        startTree: fromPromise(start),
        drainTree: fromPromise(drain),
        killTree: fromPromise<void, void>(async () => void killed.push('killed')),
      },
    });
    const actor = createActor(machine, { input: { drainMsMax: 25_000 }, clock }).start();
    await clock.settle();
    return { clock, killed, actor };
  }
  const never = () => new Promise<void>(() => {});

  test('starts, is ready, drains and has stopped', async () => {
    const { clock, actor } = await play();
    expect(actor.getSnapshot().value).toBe('ready');
    actor.send({ type: 'stop.requested' });
    await clock.settle();
    expect(actor.getSnapshot().output).toEqual({ kind: 'stopped' });
  });

  test('that cannot start fails with the reason', async () => {
    const { actor } = await play(undefined, () => Promise.reject(new Error('port in use')));
    expect(actor.getSnapshot().output).toEqual({ kind: 'failed', reason: 'port in use' });
  });

  test.each([
    ['its deadline', (clock: VirtualClock) => clock.advance(25_000), undefined],
    ['a second stop request', undefined, { type: 'stop.requested' } as const],
  ])('whose drain hangs is killed at %s', async (_, pass, event) => {
    const { clock, actor, killed } = await play(never);
    actor.send({ type: 'stop.requested' });
    pass?.(clock);
    if (event !== undefined) actor.send(event);
    await clock.settle();
    expect([killed, actor.getSnapshot().output]).toEqual([['killed'], { kind: 'stopped' }]);
  });

  test('asked to restart drains and ends as failed', async () => {
    const { clock, actor } = await play();
    actor.send({ type: 'restart.requested', reason: 'another agent' });
    await clock.settle();
    expect(actor.getSnapshot().output).toEqual({ kind: 'failed', reason: 'another agent' });
  });
});
