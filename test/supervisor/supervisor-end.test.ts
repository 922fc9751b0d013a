import { createMachine } from 'xstate';
import { describe, expect, test } from 'vitest';
import { DynamicSupervisor, Supervisor } from '../../src/supervisor/index.ts';
import { outcome, running, steady, World } from './world.ts';

describe('stopping', () => {
  test('children stop in reverse order, one after the other, each within its own budget', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      children: [
        world.spec('a'),
        world.spec('b', { shutdown: 300 }, { onStop: 'ignore' }),
        world.spec('c', { shutdown: 'infinity' }, { onStop: 'slow' }),
        world.spec('d', { shutdown: 'brutal' }, { onStop: 'ignore' }),
        world.spec('e', {}, { onStop: 'ignore' }),
      ],
    });
    const stopped = supervisor.stop();
    await world.clock.advanceAsync(4999);
    expect(world.takeTrace()).toBe(''); // e has the default of 5 s
    await world.clock.advanceAsync(1);
    expect(world.takeTrace()).toBe('-e -d');
    await world.clock.advanceAsync(1000);
    expect(world.takeTrace()).toBe('-c');
    await world.clock.advanceAsync(300);
    await stopped;
    expect(world.takeTrace()).toBe('-b -a');
    expect(world.clock.pending).toBe(0);
  });

  test('a second stop request joins the first', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      children: [world.spec('a', {}, { onStop: 'slow' })],
    });
    const both = Promise.all([supervisor.stop('first'), supervisor.stop('second')]);
    expect(supervisor.whichChildren()[0]?.status).toBe('stopping');
    await world.clock.advanceAsync(1000);
    await both;
    expect(await supervisor.exit).toEqual({ kind: 'shutdown', reason: 'first' });
    expect(world.clock.pending).toBe(0);
    expect(world.takeTrace()).toBe('-a');
  });

  test('a crash on the way out is reported and does not stop the stopping', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      children: [world.spec('a'), world.spec('b', {}, { onStop: 'crash' })],
    });
    await supervisor.stop();
    expect(world.takeTrace()).toBe('-b -a');
    expect(world.reports.find(({ kind }) => kind === 'stopFailed')).toMatchObject({
      childId: 'b',
      reason: 'b crashed',
    });
  });

  test('a stop request in the middle of a group restart leaves nothing alive and starts nothing', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_all',
      children: [world.spec('a'), world.spec('b', {}, { onStop: 'slow' }), world.spec('c')],
    });
    await world.tell('c', 'crash');
    const stopped = supervisor.stop();
    await world.clock.advanceAsync(1000);
    await stopped;
    expect(world.takeTrace()).toBe('-c -b -a');
  });

  test('a stop request from a child that is just being started again starts no more siblings', async () => {
    const world = new World();
    let lives = 0;
    const logic = createMachine({
      entry: () => {
        lives++;
        if (lives === 2) void supervisor.stop('from inside');
      },
      on: {
        crash: {
          actions: () => {
            throw new Error('crash');
          },
        },
      },
    });
    const supervisor = await running(world, {
      strategy: 'one_for_all',
      children: [{ id: 'a', logic, shutdown: 'brutal' }, world.spec('b')],
    });
    supervisor.whichChildren()[0]?.ref?.send({ type: 'crash' });
    await world.clock.settle();
    expect([lives, world.takeTrace()]).toEqual([2, '-b']);
    expect(await outcome(supervisor)).toEqual({ kind: 'shutdown', reason: 'from inside' });
  });

  test('one that ends by itself while a sibling stops is not restarted', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      intensity: 100,
      children: [world.spec('a'), world.spec('b', {}, { onStop: 'slow' })],
    });
    const stopped = supervisor.stop();
    await world.tell('a', 'crash');
    await world.clock.advanceAsync(1000);
    await stopped;
    expect(world.takeTrace()).toBe('-a -b');
  });
});

describe('auto shutdown', () => {
  const significant = { restart: 'transient', significant: true } as const;

  test('any_significant: the first significant child that ends by itself ends the supervisor', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      autoShutdown: 'any_significant',
      children: [world.spec('a'), world.spec('b', significant), world.spec('c', significant)],
    });
    await world.tell('b', 'finish');
    expect(world.takeTrace()).toBe('-b -c -a');
    expect(await outcome(supervisor)).toEqual({ kind: 'shutdown', reason: 'significant child "b" ended' });
  });

  test('all_significant: only the last one ends it', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      autoShutdown: 'all_significant',
      children: [
        world.spec('a'),
        world.spec('b', significant),
        world.spec('c', { ...significant, restart: 'temporary' }),
      ],
    });
    await world.tell('c', 'crash');
    expect(await outcome(supervisor)).toBe('alive');
    await world.tell('b', 'finish');
    expect(await outcome(supervisor)).toMatchObject({ kind: 'shutdown' });
    expect(world.live).toEqual([]);
  });

  test('a significant child that waits for its restart is not over', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      autoShutdown: 'all_significant',
      children: [world.spec('a', { ...significant, backoff: steady }), world.spec('b', significant)],
    });
    await world.tell('a', 'crash');
    await world.tell('b', 'finish');
    expect(await outcome(supervisor)).toBe('alive');
    await world.clock.advanceAsync(100);
    expect(world.live).toEqual(['a']);
    await world.tell('a', 'finish');
    expect(await outcome(supervisor)).toMatchObject({ kind: 'shutdown' });
  });

  test('a significant child that is restarted, or stopped by its supervisor, ends nothing', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_all',
      autoShutdown: 'any_significant',
      intensity: 5,
      children: [world.spec('a'), world.spec('b', significant)],
    });
    await world.tell('b', 'crash');
    await world.tell('a', 'crash');
    expect(await outcome(supervisor)).toBe('alive');
    expect(world.live).toEqual(['a', 'b']);
  });
});

describe('nesting', () => {
  test('a nested supervisor that gives up is restarted by its parent, with all its children', async () => {
    const world = new World();
    const inner = () =>
      new Supervisor(
        {
          id: 'inner',
          strategy: 'one_for_one',
          intensity: 0,
          children: [world.spec('x'), world.spec('y')],
        },
        world.env,
      );
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      children: [world.spec('a'), { id: 'inner', supervisor: inner }],
    });
    await world.tell('x', 'crash');
    expect(world.takeTrace()).toBe('-x -y +x +y');
    const [, info] = supervisor.whichChildren();
    expect(info).toMatchObject({ kind: 'supervisor', restarts: 1, status: 'running' });
    expect(info?.children?.map(({ id }) => id)).toEqual(['x', 'y']);
    await supervisor.stop();
    expect(world.takeTrace()).toBe('-y -x -a');
  });

  test('failures multiply upward until the top gives up', async () => {
    const world = new World();
    const inner = () =>
      new Supervisor(
        { id: 'inner', strategy: 'one_for_one', intensity: 1, children: [world.spec('x')] },
        world.env,
      );
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      intensity: 1,
      children: [{ id: 'inner', supervisor: inner }],
    });
    let crashes = 0;
    while (world.live.includes('x')) {
      await world.tell('x', 'crash');
      crashes++;
    }
    expect(crashes).toBe(4); // (1 + 1) × (1 + 1)
    expect(await outcome(supervisor)).toMatchObject({ kind: 'shutdown' });
  });

  test('a nested supervisor that cannot start fails the start of its parent, which names it', async () => {
    const world = new World();
    world.failingStarts.set('x', 1);
    const inner = () =>
      new Supervisor({ id: 'inner', strategy: 'one_for_one', children: [world.spec('x')] }, world.env);
    const supervisor = new Supervisor(
      {
        id: 'top',
        strategy: 'one_for_one',
        children: [world.spec('a'), { id: 'nested', supervisor: inner }],
      },
      world.env,
    );
    await expect(supervisor.start()).rejects.toThrow(
      'child "nested" failed to start: supervisor "inner" did not start: child "x" failed to start: x cannot start',
    );
    expect(world.takeTrace()).toBe('+a -a');
  });

  test('a supervisor child must be permanent unless it shuts down by itself', async () => {
    const world = new World();
    const make = (autoShutdown: 'never' | 'any_significant') => () =>
      new Supervisor(
        {
          id: 'inner',
          strategy: 'one_for_one',
          autoShutdown,
          children: [
            autoShutdown === 'never'
              ? world.spec('x')
              : world.spec('x', { restart: 'transient', significant: true }),
          ],
        },
        world.env,
      );
    const bad = new Supervisor(
      {
        id: 'top',
        strategy: 'one_for_one',
        children: [{ id: 'inner', supervisor: make('never'), restart: 'transient' }],
      },
      world.env,
    );
    await expect(bad.start()).rejects.toThrow('supervisor "inner" must be permanent, not transient');
    const good = await running(world, {
      strategy: 'one_for_one',
      children: [world.spec('a'), { id: 'inner', supervisor: make('any_significant'), restart: 'transient' }],
    });
    await world.tell('x', 'finish');
    expect(world.takeTrace()).toBe('-x');
    expect(good.whichChildren().map(({ status }) => status)).toEqual(['running', 'ended']);
  });

  test('a factory that throws is a failed start', async () => {
    const world = new World();
    const supervisor = new Supervisor(
      {
        id: 'top',
        strategy: 'one_for_one',
        children: [
          {
            id: 'inner',
            supervisor: () => {
              throw new Error('no configuration');
            },
          },
        ],
      },
      world.env,
    );
    await expect(supervisor.start()).rejects.toThrow('child "inner" failed to start: no configuration');
  });

  test('a dynamic supervisor nests too, and its parent waits for its members', async () => {
    const world = new World();
    const members = new DynamicSupervisor({ id: 'members', maxChildren: 10 }, world.env);
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      children: [world.spec('a'), { id: 'members', supervisor: () => members }],
    });
    members.startChild(world.spec('m:1', {}, { onStop: 'slow' }));
    world.takeTrace();
    const stopped = supervisor.stop();
    await world.clock.advanceAsync(999);
    expect(world.takeTrace()).toBe('');
    await world.clock.advanceAsync(1);
    await stopped;
    expect(world.takeTrace()).toBe('-m:1 -a');
  });
});
