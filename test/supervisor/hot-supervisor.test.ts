import { setup } from 'xstate';
import { beforeEach, describe, expect, it } from 'vitest';
import { compileMachine, DeadlineWheel, HotSupervisor, type HotActorOf } from '../../src/supervisor/index.ts';
import { World } from './world.ts';

/** Obeys a stop at once, after a while, or never; can finish and crash. */
const workerMachine = setup({
  types: {
    context: {} as { readonly manner: Manner },
    events: {} as { readonly type: 'finish.requested' | 'crash.requested' | 'stop.requested' },
    input: {} as { readonly manner: Manner },
    output: {} as { readonly kind: 'over' },
  },
  actions: { crash: () => {} },
  guards: {
    obeys: ({ context }) => context.manner === 'obey',
    ignores: ({ context }) => context.manner === 'ignore',
  },
  delays: { slowness: 1_000 },
}).createMachine({
  id: 'worker',
  description: 'A worker.',
  options: { maxIterations: 100 },
  context: ({ input }) => input,
  initial: 'working',
  output: { kind: 'over' },
  states: {
    working: {
      on: {
        'finish.requested': 'over',
        'crash.requested': { target: 'over', actions: 'crash' },
        'stop.requested': [{ guard: 'obeys', target: 'over' }, { guard: 'ignores' }, { target: 'stopping' }],
      },
    },
    stopping: { after: { slowness: 'over' }, on: { 'stop.requested': {} } },
    over: { type: 'final' },
  },
});
type Manner = 'obey' | 'slow' | 'ignore';
type Worker = HotActorOf<typeof workerMachine>;

let world: World;
let hot: HotSupervisor;
let ends: string[];

const startedIn = () => {
  const wheel = new DeadlineWheel(world.clock, 50);
  const logic = compileMachine<typeof workerMachine>(workerMachine, {
    wheel,
    actions: {
      crash: () => {
        throw new Error('bug');
      },
    },
  });
  return (id: string, manner: Manner = 'obey'): Worker | undefined =>
    hot.startChild(logic, {
      id,
      input: { manner },
      onCreated: () => ends.push(`+${id}`),
      onDone: ({ status }) => ends.push(`${status} ${id}`),
    });
};

beforeEach(async () => {
  world = new World();
  ends = [];
  hot = new HotSupervisor({ id: 'hot', maxChildren: 3, shutdownMs: 5_000 }, world.env);
  await hot.start();
});

describe('a hot supervisor', () => {
  it('counts its members and forgets each when it ends', () => {
    const start = startedIn();
    const worker = start('a');
    start('b');
    expect([hot.count(), ends]).toEqual([2, ['+a', '+b']]);
    worker?.send({ type: 'finish.requested' });
    expect([hot.count(), ends.at(-1)]).toEqual([1, 'done a']);
  });

  it('takes no more than it may, and again when there is room', () => {
    const start = startedIn();
    const [first] = ['a', 'b', 'c'].map((id) => start(id));
    expect([start('d'), hot.count()]).toEqual([undefined, 3]);
    first?.send({ type: 'finish.requested' });
    expect(start('d')).toBeDefined();
  });

  it('reports a crash once; the others live on and nobody is restarted', () => {
    const start = startedIn();
    const worker = start('a');
    start('b');
    worker?.send({ type: 'crash.requested' });
    expect([hot.count(), ends.at(-1)]).toEqual([1, 'error a']);
    expect(world.reports.filter(({ supervisor }) => supervisor === 'hot')).toMatchObject([
      { kind: 'exited', childId: 'a', reason: 'bug' },
    ]);
    world.clock.advance(60_000);
    expect(hot.count()).toBe(1);
  });

  it('stops at once when nobody is there', async () => {
    await hot.stop();
    expect(await hot.exit).toMatchObject({ kind: 'shutdown' });
    expect(world.clock.pending).toBe(0);
  });

  it('stops with the slowest that obeys, and then takes nobody', async () => {
    const start = startedIn();
    start('a');
    start('b', 'slow');
    let over = false;
    const stopped = hot.stop().then(() => (over = true));
    await world.clock.settle();
    expect([hot.count(), start('c')]).toEqual([1, undefined]);
    await world.clock.advanceAsync(900);
    expect(over).toBe(false);
    await world.clock.advanceAsync(200);
    await stopped;
    expect(ends).toEqual(['+a', '+b', 'done a', 'done b']);
    expect(start('d')).toBeUndefined();
  });

  it('ends those who ignore it when the budget is spent', async () => {
    const start = startedIn();
    const deaf = start('a', 'ignore');
    let over = false;
    const stopped = hot.stop().then(() => (over = true));
    await world.clock.advanceAsync(4_999);
    expect(over).toBe(false);
    await world.clock.advanceAsync(1);
    await stopped;
    expect([hot.count(), deaf?.snapshot.status, ends]).toEqual([0, 'stopped', ['+a']]);
  });

  it('takes nobody before it runs', () => {
    hot = new HotSupervisor({ id: 'unborn', maxChildren: 3 }, world.env);
    expect(startedIn()('a')).toBeUndefined();
  });
});
