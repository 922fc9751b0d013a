/**
 * What xstate does when something goes wrong, and that our supervision does not fall into it (`design/style.md` B4, whose
 * numbers the names carry). The traps themselves are pinned, so that an upgrade which changes them is noticed.
 */
import { assign, createActor, createMachine, fromCallback, fromPromise, setup } from 'xstate';
import { afterEach, expect, test, vi } from 'vitest';
import { charts } from '../../statecharts/index.ts';
import { DynamicSupervisor, guarded } from '../../src/supervisor/index.ts';
import { outcome, running, World } from './world.ts';

afterEach(() => {
  vi.useRealTimers();
});

const boom = () => {
  throw new Error('boom');
};
const crashing = createMachine({ on: { crash: { actions: boom } } });

test('1: an unobserved root throws from a timer and would end the process; a supervised one does not', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  createActor(crashing).start().send({ type: 'crash' });
  expect(vi.getTimerCount()).toBe(1);
  vi.clearAllTimers();
  const world = new World();
  const supervisor = await running(world, {
    strategy: 'one_for_one',
    children: [{ id: 'a', logic: crashing }],
  });
  supervisor.whichChildren()[0]?.ref?.send({ type: 'crash' });
  await world.clock.settle();
  expect(vi.getTimerCount()).toBe(0);
  expect(supervisor.whichChildren()[0]?.restarts).toBe(1);
});

test('1: a crash nobody handles stops the siblings in the chart; under a supervisor they are untouched', async () => {
  const world = new World();
  await running(world, { strategy: 'one_for_one', children: [world.spec('a'), world.spec('b')] });
  await world.tell('a', 'crash');
  expect(world.takeTrace()).toBe('-a +a');
});

test('2: a throw orphans children; guarded logic stops them, so births equal deaths', () => {
  const world = new World();
  const alive = new Set<object>();
  const child = fromCallback(({ self }) => {
    alive.add(self);
    return () => alive.delete(self);
  });
  const parent = createMachine({ invoke: { src: child }, on: { crash: { actions: boom } } });
  const crash = (logic: typeof parent) => {
    const actor = createActor(logic, { clock: world.clock });
    actor.subscribe({ error: () => {} });
    actor.start().send({ type: 'crash' });
    const left = alive.size;
    alive.clear();
    return left;
  };
  expect(crash(parent)).toBe(1);
  expect(crash(guarded(parent))).toBe(0);
});

test('2: a systemId taken in a failing life does not keep the next life from starting: each life is its own system', async () => {
  const world = new World();
  const supervisor = new DynamicSupervisor({ id: 'd', maxChildren: 5, intensity: 10 }, world.env);
  await supervisor.start();
  const part = fromCallback(() => {});
  const logic = createMachine({
    invoke: { src: part, systemId: 'the-part' },
    on: { crash: { actions: boom } },
  });
  supervisor.startChild({ id: 'a', logic });
  for (let life = 0; life < 5; life++) {
    supervisor.get('a')?.send({ type: 'crash' });
    await world.clock.settle();
    expect(supervisor.get('a')?.system.get('the-part')).toBeDefined();
  }
});

test('3: a wildcard swallows the crash of a child, so no chart has one', () => {
  const swallowing = createMachine({ invoke: { src: fromCallback(boom) }, on: { '*': {} } });
  expect(createActor(swallowing).start().getSnapshot().status).toBe('active');
  for (const { name, machine } of charts) {
    const wildcards = machine.events.filter((event) => event === '*' || event.endsWith('.*'));
    expect([name, wildcards]).toEqual([name, []]);
  }
});

test('4: a late rejection of promise logic is a crash its supervisor sees; a stop aborts it and ignores what follows', async () => {
  const world = new World();
  const signals: AbortSignal[] = [];
  const settle: ((error: Error) => void)[] = [];
  const logic = fromPromise(
    ({ signal }) =>
      new Promise((_, reject) => {
        signals.push(signal);
        settle.push(reject);
      }),
  );
  const supervisor = await running(world, {
    strategy: 'one_for_one',
    children: [{ id: 'a', logic, shutdown: 'brutal' }],
  });
  settle[0]?.(new Error('late'));
  await world.clock.settle();
  expect(supervisor.whichChildren()[0]?.restarts).toBe(1);
  await supervisor.stop();
  expect(signals[1]?.aborted).toBe(true);
  settle[1]?.(new Error('later still'));
  await world.clock.settle();
  expect(world.reports.at(-1)).toMatchObject({ kind: 'stopped' });
});

test('14: an inspector that throws makes send throw; ours cannot', async () => {
  const plain = createActor(crashing, {
    inspect: (event) => {
      if (event.type === '@xstate.event') boom();
    },
  });
  expect(() => plain.start().send({ type: 'other' })).toThrow('boom');
  const world = new World();
  const env = { ...world.env, observe: boom };
  const supervisor = new DynamicSupervisor({ id: 'd', maxChildren: 5 }, env);
  await supervisor.start();
  const started = supervisor.startChild(world.spec('a'));
  if (started.kind === 'started') started.ref.send({ type: 'finish' });
  expect(started.kind).toBe('started');
});

test('17: an endless chain of eventless transitions is a crash and not a hang, for every chart has a bound', async () => {
  for (const { name, machine } of charts) {
    const { options } = machine.config as { readonly options?: { readonly maxIterations?: number } };
    expect([name, options?.maxIterations]).toEqual([name, 100]);
  }
  const world = new World();
  const logic = createMachine({
    options: { maxIterations: 100 },
    initial: 'idle',
    states: {
      idle: { on: { go: 'ping' } },
      ping: { always: 'pong' },
      pong: { always: 'ping' },
    },
  });
  const supervisor = await running(world, {
    strategy: 'one_for_one',
    intensity: 0,
    children: [{ id: 'a', logic }],
  });
  supervisor.whichChildren()[0]?.ref?.send({ type: 'go' });
  await world.clock.settle();
  expect(await outcome(supervisor)).toMatchObject({ kind: 'shutdown' });
});

test('19: a throw discards the assigned context but not effects; a restart begins with neither', async () => {
  const world = new World();
  const effects: string[] = [];
  const logic = setup({ types: { context: {} as { n: number } } }).createMachine({
    context: { n: 0 },
    on: { go: { actions: [assign({ n: 1 }), () => effects.push('done'), boom] } },
  });
  const supervisor = await running(world, { strategy: 'one_for_one', children: [{ id: 'a', logic }] });
  const first = supervisor.whichChildren()[0]?.ref;
  first?.send({ type: 'go' });
  await world.clock.settle();
  const second = supervisor.whichChildren()[0]?.ref;
  expect(effects).toEqual(['done']);
  expect(first?.getSnapshot()).toMatchObject({ status: 'error', context: { n: 0 } });
  expect(second?.getSnapshot()).toMatchObject({ status: 'active', context: { n: 0 } });
});
