import { describe, expect, test } from 'vitest';
import { outcome, running, steady, World } from './world.ts';

describe('intensity', () => {
  test('intensity 0 ends the supervisor at the first failure', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      intensity: 0,
      children: [world.spec('a'), world.spec('b'), world.spec('c')],
    });
    await world.tell('b', 'crash');
    expect(world.takeTrace()).toBe('-b -c -a');
    expect(await outcome(supervisor)).toEqual({
      kind: 'shutdown',
      reason: 'more than 0 restarts in 5000 ms, the last of child "b": b crashed',
    });
    expect(world.kinds()).toContain('gaveUp b');
  });

  test('restarts count per supervisor over all children, in a sliding window', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      intensity: 2,
      periodMs: 1000,
      children: [world.spec('a'), world.spec('b')],
    });
    await world.tell('a', 'crash');
    await world.clock.advanceAsync(600);
    await world.tell('b', 'crash');
    await world.clock.advanceAsync(401);
    await world.tell('a', 'crash'); // the first has left the window
    expect(await outcome(supervisor)).toBe('alive');
    await world.tell('b', 'crash');
    expect((await outcome(supervisor)) === 'alive').toBe(false);
    expect(world.live).toEqual([]);
  });

  test('one group restart counts one, however many children it starts', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_all',
      intensity: 2,
      children: [world.spec('a'), world.spec('b'), world.spec('c'), world.spec('d')],
    });
    await world.tell('a', 'crash');
    await world.tell('d', 'crash');
    expect(await outcome(supervisor)).toBe('alive');
    await world.tell('d', 'crash');
    expect(await outcome(supervisor)).toMatchObject({ kind: 'shutdown' });
  });

  test('each failed try of a restart counts', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      intensity: 3,
      children: [world.spec('a'), world.spec('b')],
    });
    world.failingStarts.set('b', 2);
    await world.tell('b', 'crash'); // 1: fails to start
    await world.clock.advanceAsync(0); // 2: fails again; 3: starts
    expect(world.takeTrace()).toBe('-b +b');
    expect(supervisor.whichChildren()[1]?.restarts).toBe(3);
    world.failingStarts.set('b', 1000);
    await world.tell('b', 'crash');
    await world.clock.advanceAsync(0);
    expect(await outcome(supervisor)).toMatchObject({ kind: 'shutdown' });
    expect(world.live).toEqual([]);
  });

  test('a failed start inside a group restart repeats the group of the child that failed', async () => {
    const world = new World();
    await running(world, {
      strategy: 'rest_for_one',
      intensity: 5,
      children: [world.spec('a'), world.spec('b'), world.spec('c')],
    });
    world.failingStarts.set('c', 1);
    await world.tell('a', 'crash');
    await world.clock.advanceAsync(0);
    expect(world.takeTrace()).toBe('-a -c -b +a +b +c');

    const all = new World();
    await running(all, {
      strategy: 'one_for_all',
      intensity: 5,
      children: [all.spec('a'), all.spec('b'), all.spec('c')],
    });
    all.failingStarts.set('c', 1);
    await all.tell('a', 'crash');
    await all.clock.advanceAsync(0);
    expect(all.takeTrace()).toBe('-a -c -b +a +b -b -a +a +b +c');
  });

  test('a stop request is served between the tries of a child that never starts', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      intensity: 1_000_000,
      children: [world.spec('a'), world.spec('b')],
    });
    world.failingStarts.set('b', Number.POSITIVE_INFINITY);
    world.send('b', 'crash');
    for (let tries = 0; tries < 10; tries++) {
      await new Promise(setImmediate);
      world.clock.advance(0);
    }
    await supervisor.stop('enough');
    expect(await supervisor.exit).toEqual({ kind: 'shutdown', reason: 'enough' });
    expect(world.reports.filter(({ kind }) => kind === 'startFailed')).toHaveLength(10);
    expect(world.clock.pending).toBe(0);
  });
});

describe('backoff', () => {
  test('waits grow from try to try and reset only after proven uptime', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      intensity: 100,
      children: [world.spec('a', { backoff: steady }), world.spec('b')],
    });
    world.failingStarts.set('a', 2);
    await world.tell('a', 'crash');
    expect(supervisor.whichChildren()[0]?.status).toBe('waiting');
    await world.clock.advanceAsync(99);
    expect(world.reports.filter(({ kind }) => kind === 'startFailed')).toHaveLength(0);
    await world.clock.advanceAsync(1 + 200);
    expect(world.takeTrace()).toBe('-a');
    await world.clock.advanceAsync(400);
    expect(world.takeTrace()).toBe('+a');
    await world.clock.advanceAsync(5000);
    await world.tell('a', 'crash'); // up for less than resetMs: goes on where it was
    await world.clock.advanceAsync(799);
    expect(world.takeTrace()).toBe('-a');
    await world.clock.advanceAsync(1);
    expect(world.takeTrace()).toBe('+a');
    await world.clock.advanceAsync(10_001);
    await world.tell('a', 'crash');
    await world.clock.advanceAsync(100);
    expect(world.takeTrace()).toBe('-a +a');
    expect(world.reports.flatMap(({ waitMs }) => waitMs ?? [])).toEqual([100, 200, 400, 800, 100]);
  });

  test('while one child waits, the ends of others are served', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      intensity: 100,
      children: [world.spec('a', { backoff: steady }), world.spec('b')],
    });
    await world.tell('a', 'crash');
    await world.tell('b', 'crash');
    expect(world.takeTrace()).toBe('-a -b +b');
    await world.clock.advanceAsync(100);
    expect(world.takeTrace()).toBe('+a');
    expect(supervisor.whichChildren().every(({ status }) => status === 'running')).toBe(true);
  });

  test('a group stops at once and starts after the wait; a newer plan takes over a waiting one', async () => {
    const world = new World();
    await running(world, {
      strategy: 'rest_for_one',
      intensity: 100,
      children: [world.spec('a'), world.spec('b', { backoff: steady }), world.spec('c')],
    });
    await world.tell('b', 'crash');
    expect(world.takeTrace()).toBe('-b -c');
    await world.tell('a', 'crash');
    expect(world.takeTrace()).toBe('-a +a +b +c');
    await world.clock.advanceAsync(10_000);
    expect(world.takeTrace()).toBe('');
  });

  test('a wait that ends while a newer plan is still stopping siblings starts nothing by itself', async () => {
    const world = new World();
    await running(world, {
      strategy: 'rest_for_one',
      intensity: 100,
      children: [
        world.spec('a'),
        world.spec('b', {}, { onStop: 'slow' }),
        world.spec('c', { backoff: steady }),
      ],
    });
    await world.tell('c', 'crash');
    await world.tell('a', 'crash');
    await world.clock.advanceAsync(500);
    expect(world.takeTrace()).toBe('-c -a');
    await world.clock.advanceAsync(500);
    expect(world.takeTrace()).toBe('-b +a +b +c');
  });

  test('a stop request does not wait for a backoff', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      children: [world.spec('a', { backoff: steady })],
    });
    await world.tell('a', 'crash');
    await supervisor.stop();
    expect(world.clock.pending).toBe(0);
    expect(world.takeTrace()).toBe('-a');
  });
});
