/**
 * Crash storms from a seed: random trees, random crashes, ends, failing starts and stop requests, at random times. After
 * each step the invariants hold; at the end nothing is alive. A failing seed is printed by the test's name.
 */
import { describe, expect, test } from 'vitest';
import {
  DynamicSupervisor,
  Supervisor,
  type Restart,
  type ShutdownBudget,
  type SomeChildSpec,
  type Strategy,
} from '../../src/supervisor/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { steady, World, type Behaviour } from './world.ts';

const seeds = Array.from({ length: 40 }, (_, seed) => seed + 1);
const strategies: readonly Strategy[] = ['one_for_one', 'one_for_all', 'rest_for_one'];
const restarts: readonly Restart[] = ['permanent', 'permanent', 'transient', 'temporary'];
const budgets: readonly ShutdownBudget[] = ['brutal', 0, 50, 5000, 'infinity'];
const manners: readonly NonNullable<Behaviour['onStop']>[] = ['obey', 'obey', 'slow', 'crash', 'ignore'];

function randomSpec(world: World, random: SeededRandom, id: string) {
  const restart = random.pick(restarts);
  const shutdown = random.pick(budgets);
  const onStop = shutdown === 'infinity' ? 'obey' : random.pick(manners);
  const warms = random.next() < 0.3;
  return world.spec(
    id,
    {
      restart,
      shutdown,
      ...(warms ? { ready: 'tag', readyMs: 20 } : {}),
      ...(restart !== 'temporary' && random.next() < 0.5 ? { backoff: steady } : {}),
    },
    { onStop, ...(warms ? { readyAfterMs: random.below(22) } : {}) },
  );
}

/** Crashes, finishes or sabotages a random worker. */
function strike(world: World, random: SeededRandom): void {
  const id = world.live.length === 0 ? undefined : random.pick(world.live);
  if (id === undefined) return;
  if (random.next() < 0.2) world.failingStarts.set(id, 1 + random.below(3));
  world.send(id, random.next() < 0.7 ? 'crash' : 'finish');
}

/** No more granted restarts in any window than allowed. */
function checkWindows(world: World, supervisor: string, intensity: number, periodMs: number): void {
  const times = world.reports
    .filter((report) => report.supervisor === supervisor && report.kind === 'restarting')
    .map(({ at }) => at);
  times.forEach((at, index) => {
    const inWindow = times.slice(0, index + 1).filter((other) => other >= at - periodMs);
    expect(inWindow.length).toBeLessThanOrEqual(intensity);
  });
}

/** As many deaths as births, never two lives of one worker at once, and no timer left behind. */
function checkNothingLeft(world: World): void {
  expect(world.trace.filter((entry) => entry.startsWith('!'))).toEqual([]);
  const births = world.trace.filter((entry) => entry.startsWith('+'));
  const deaths = world.trace.filter((entry) => entry.startsWith('-'));
  expect(deaths.length).toBe(births.length);
  expect(world.live).toEqual([]);
  expect(world.clock.pending).toBe(0);
  expect(world.registry.size).toBe(0);
}

describe('ordered supervisors', () => {
  test.each(seeds)('seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    const world = new World(seed);
    const intensity = random.below(8);
    const ids = Array.from({ length: 1 + random.below(6) }, (_, n) => `w:${n}`);
    const specs = ids.map((id) => randomSpec(world, random, id));
    const innerSpecs = ids.map((id) => randomSpec(world, random, `inner-${id}`));
    const inner = () =>
      new Supervisor(
        { id: 'inner', strategy: random.pick(strategies), intensity: 2, children: innerSpecs },
        world.env,
      );
    const children: SomeChildSpec[] =
      random.next() < 0.5 ? specs : [...specs, { id: 'inner', supervisor: inner }];
    const supervisor = new Supervisor(
      { id: 'top', strategy: random.pick(strategies), intensity, periodMs: 1000, children },
      world.env,
    );
    void supervisor.start().catch(() => {});
    const end = { reached: false };
    void supervisor.exit.then(() => (end.reached = true));
    for (let step = 0; step < 60 && !end.reached; step++) {
      await world.clock.advanceAsync(random.below(random.next() < 0.1 ? 3000 : 150));
      strike(world, random);
    }
    checkWindows(world, 'top', intensity, 1000);
    const aliveBefore = world.live;
    const mark = world.trace.length;
    const stopped = supervisor.stop();
    await world.clock.advanceAsync(60_000);
    await stopped;
    expect(world.trace.slice(mark).some((entry) => entry.startsWith('+'))).toBe(false);
    // Among those nobody was stopping yet, later places go first.
    const place = (id: string) => children.findIndex((child) => child.id === id);
    const order = world.trace.slice(mark).map((entry) => place(entry.slice(1)));
    if (aliveBefore.length === order.length && !end.reached) {
      const own = order.filter((index) => index !== -1);
      expect(own).toEqual(own.toSorted((a, b) => b - a));
    }
    checkNothingLeft(world);
  });
});

describe('dynamic supervisors', () => {
  test.each(seeds)('seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    const world = new World(seed);
    const maxChildren = 1 + random.below(20);
    const intensity = random.below(60);
    const supervisor = new DynamicSupervisor(
      { id: 'top', maxChildren, intensity, periodMs: 1000 },
      world.env,
    );
    await supervisor.start();
    const end = { reached: false };
    void supervisor.exit.then(() => (end.reached = true));
    let next = 0;
    for (let step = 0; step < 200 && !end.reached; step++) {
      if (random.next() < 0.5) {
        const { ready: _ready, readyMs: _readyMs, ...spec } = randomSpec(world, random, `m:${next++}`);
        const full = supervisor.count() >= maxChildren;
        if (random.next() < 0.1) world.failingStarts.set(spec.id, 1);
        const { kind } = supervisor.startChild(spec);
        if (full) expect(kind).toBe('refused');
      }
      if (random.next() < 0.5) strike(world, random);
      if (random.next() < 0.1 && world.live.length > 0)
        void supervisor.terminateChild(random.pick(world.live));
      if (random.next() < 0.5) await world.clock.advanceAsync(random.below(200));
      expect(supervisor.count()).toBeLessThanOrEqual(maxChildren);
      expect(world.live.length).toBeLessThanOrEqual(maxChildren);
    }
    checkWindows(world, 'top', intensity, 1000);
    const mark = world.trace.length;
    const stopped = supervisor.stop();
    await world.clock.advanceAsync(60_000);
    await stopped;
    expect(world.trace.slice(mark).some((entry) => entry.startsWith('+'))).toBe(false);
    expect(supervisor.count()).toBe(0);
    checkNothingLeft(world);
  });
});

test('one seed gives one story', async () => {
  const story = async () => {
    const random = new SeededRandom(11);
    const world = new World(11);
    const specs = ['a', 'b', 'c', 'd'].map((id) => randomSpec(world, random, id));
    const supervisor = new Supervisor(
      { id: 'top', strategy: 'rest_for_one', intensity: 20, children: specs },
      world.env,
    );
    void supervisor.start().catch(() => {});
    for (let step = 0; step < 40; step++) {
      await world.clock.advanceAsync(random.below(100));
      strike(world, random);
    }
    void supervisor.stop();
    await world.clock.advanceAsync(60_000);
    return JSON.stringify([world.trace, world.reports.map(({ kind, at, childId }) => [kind, at, childId])]);
  };
  expect(await story()).toBe(await story());
});
