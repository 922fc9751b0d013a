/**
 * How xstate actors live, stop and cost, and that our supervision does not fall into it (`design/style.md` B4, whose
 * numbers the names carry).
 */
import {
  createActor,
  createMachine,
  enqueueActions,
  fromCallback,
  fromTransition,
  setup,
  SimulatedClock,
  spawnChild,
} from 'xstate';
import { expect, test } from 'vitest';
import { DynamicSupervisor, guarded, Supervisor } from '../../src/supervisor/index.ts';
import { safeEnvironment } from '../../src/supervisor/environment.ts';
import { outcome, running, World } from './world.ts';

async function open(world: World, maxChildren = 10, intensity = 1): Promise<DynamicSupervisor> {
  const supervisor = new DynamicSupervisor({ id: 'd', maxChildren, intensity }, world.env);
  await supervisor.start();
  return supervisor;
}

test('5: events are delivered on the stack of the sender; endless restarts are not', async () => {
  const order: string[] = [];
  const receiver = createActor(fromTransition(() => void order.push('received'), undefined)).start();
  receiver.send({ type: 'any' });
  order.push('sent');
  expect(order).toEqual(['received', 'sent']);
  const world = new World();
  const supervisor = await open(world, 1, 3000);
  supervisor.startChild(world.spec('a'));
  world.failingStarts.set('a', Number.POSITIVE_INFINITY);
  await world.tell('a', 'crash');
  world.clock.advance(1);
  expect(await outcome(supervisor)).toMatchObject({ kind: 'shutdown' });
  expect(world.reports.filter(({ kind }) => kind === 'restarting')).toHaveLength(3000);
});

test('6: a mailbox has no bound, so the entrance has one', async () => {
  const world = new World();
  const supervisor = await open(world, 3);
  const kinds = ['a', 'b', 'c', 'd', 'e'].map((id) => supervisor.startChild(world.spec(id)).kind);
  expect(kinds).toEqual(['started', 'started', 'started', 'refused', 'refused']);
});

test('7: a stop from outside runs no exit actions; being asked first does', async () => {
  const world = new World();
  let exits = 0;
  const logic = createMachine({
    initial: 'on',
    states: { on: { exit: () => (exits += 1), on: { 'stop.requested': 'off' } }, off: { type: 'final' } },
  });
  createActor(logic).start().stop();
  expect(exits).toBe(0);
  const supervisor = await running(world, { strategy: 'one_for_one', children: [{ id: 'a', logic }] });
  await supervisor.stop();
  expect(exits).toBe(1);
});

test('8: xstate stops children in the order of their keys, numbers first; guarded logic and supervisors in reverse', () => {
  const world = new World();
  const trace: string[] = [];
  const part = fromCallback<{ type: 'none' }, string>(
    ({ input }) =>
      () =>
        trace.push(input),
  );
  const children = (ids: readonly string[]) =>
    createMachine({ invoke: ids.map((id) => ({ id, src: part, input: id })) });
  const stops = (logic: ReturnType<typeof children>) => {
    createActor(logic).start().stop();
    return trace.splice(0).join(' ');
  };
  expect(stops(children(['a', 'b', '10', '9']))).toBe('9 10 a b');
  expect(stops(guarded(children(['a', 'b', 'c'])))).toBe('c b a');
  expect(
    () => new Supervisor({ id: 's', strategy: 'one_for_one', children: [world.spec('10')] }, world.env),
  ).toThrow('numeric id');
});

test('9: an ended child stays in its parent for ever; a supervisor forgets it', async () => {
  const done = createMachine({ initial: 'off', states: { off: { type: 'final' } } });
  const parent = createActor(createMachine({ entry: spawnChild(done, { id: 'child' }) })).start();
  expect(Object.keys(parent.getSnapshot().children)).toEqual(['child']);
  const world = new World();
  const supervisor = await open(world);
  supervisor.startChild({ id: 'child', logic: done, restart: 'temporary' });
  expect([supervisor.count(), supervisor.whichChildren()]).toEqual([0, []]);
});

test('10: a second child of one id leaks the first; supervisors refuse it', async () => {
  const world = new World();
  let alive = 0;
  const part = fromCallback(() => {
    alive++;
    return () => (alive -= 1);
  });
  const twice = createMachine({ entry: [spawnChild(part, { id: 'x' }), spawnChild(part, { id: 'x' })] });
  createActor(twice).start().stop();
  expect(alive).toBe(1);
  const supervisor = await open(world);
  supervisor.startChild(world.spec('x'));
  expect(supervisor.startChild(world.spec('x'))).toEqual({ kind: 'refused', reason: 'duplicate' });
  await supervisor.stop();
  expect(world.takeTrace()).toBe('+x -x');
});

test('11, 12: members share no system, so neither children nor timers of one cost the others', async () => {
  const world = new World();
  const supervisor = await open(world);
  for (const id of ['a', 'b', 'c']) supervisor.startChild(world.spec(id, {}, { readyAfterMs: 100 }));
  const systems = ['a', 'b', 'c'].map((id) => supervisor.get(id)?.system);
  expect(new Set(systems).size).toBe(3);
  for (const system of systems) {
    expect(Object.keys(system?.getSnapshot()._scheduledEvents ?? {})).toHaveLength(1);
  }
});

test('13: without an observer nothing is inspected', async () => {
  const world = new World();
  const { observe: _observe, ...unobserved } = world.env;
  expect(safeEnvironment(unobserved).inspect).toBeUndefined();
  const supervisor = new DynamicSupervisor({ id: 'd', maxChildren: 1 }, unobserved);
  await supervisor.start();
  expect(supervisor.startChild(world.spec('a')).kind).toBe('started');
  expect(world.transitions).toEqual([]);
});

test('15: a restored actor has lost its timers; a restarted one begins anew with all of them', async () => {
  const world = new World();
  const { clock } = world;
  const logic = setup({ delays: { wait: 100 } }).createMachine({
    initial: 'waiting',
    states: { waiting: { after: { wait: 'over' } }, over: {} },
  });
  const original = createActor(logic, { clock }).start();
  const restored = createActor(logic, { clock, snapshot: original.getPersistedSnapshot() }).start();
  clock.advance(1000);
  expect([original.getSnapshot().value, restored.getSnapshot().value]).toEqual(['over', 'waiting']);
  await running(world, {
    strategy: 'one_for_one',
    children: [world.spec('a', {}, { readyAfterMs: 100 })],
  });
  await clock.advanceAsync(50);
  await world.tell('a', 'crash');
  world.transitions.length = 0;
  await clock.advanceAsync(100);
  expect(world.transitions.map(({ to }) => to)).toEqual(['warm']);
});

test("16: delays of a child and of what it invokes obey the supervisor's clock, each timer at its own time", async () => {
  const simulated = new SimulatedClock();
  let fired = 0;
  const again = () => void simulated.setTimeout(() => (fired++, again()), 1000);
  again();
  simulated.increment(10_000);
  expect(fired).toBe(1); // why the tests have their own clock
  const world = new World();
  const ticks: number[] = [];
  const ticking = setup({ delays: { second: 1000 } }).createMachine({
    initial: 'on',
    states: {
      on: {
        after: {
          second: { target: 'on', reenter: true, actions: () => ticks.push(world.clock.monotonic()) },
        },
      },
    },
  });
  const logic = createMachine({ invoke: { src: ticking } });
  await running(world, { strategy: 'one_for_one', children: [{ id: 'a', logic }] });
  world.clock.advance(3000);
  expect(ticks).toEqual([1000, 2000, 3000]);
});

test('18: enqueueActions looks at the state before its own assigns, so the supervisor chart has none', () => {
  const seen: number[] = [];
  const logic = setup({ types: { context: {} as { n: number } } }).createMachine({
    context: { n: 0 },
    on: {
      go: {
        actions: enqueueActions(({ enqueue, context }) => {
          enqueue.assign({ n: 1 });
          seen.push(context.n);
        }),
      },
    },
  });
  createActor(logic).start().send({ type: 'go' });
  expect(seen).toEqual([0]);
});

test('whoever subscribes without an error observer makes a crash unhandled again, hence watch', async () => {
  const unhandled: unknown[] = [];
  const world = new World();
  const supervisor = await open(world);
  const started = supervisor.startChild(world.spec('a', { restart: 'temporary' }));
  if (started.kind === 'refused') throw new Error('refused');
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.once('uncaughtException', resolve);
  started.ref.subscribe(() => {});
  world.send('a', 'crash');
  unhandled.push(await promise);
  for (const listener of others) process.on('uncaughtException', listener);
  expect(unhandled).toEqual([new Error('a crashed')]);
});
