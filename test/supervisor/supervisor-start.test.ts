import { createMachine } from 'xstate';
import { describe, expect, test } from 'vitest';
import { Supervisor } from '../../src/supervisor/index.ts';
import { outcome, running, steady, World } from './world.ts';

describe('starting', () => {
  test('children start from left to right, each when the one before is ready', async () => {
    const world = new World();
    const supervisor = new Supervisor(
      {
        id: 'top',
        strategy: 'one_for_one',
        children: [
          world.spec('a', { ready: 'tag' }, { readyAfterMs: 50 }),
          world.spec('b', { ready: 'tag' }, { readyAfterMs: 50 }),
          world.spec('c'),
        ],
      },
      world.env,
    );
    const started = supervisor.start();
    await world.clock.advanceAsync(49);
    expect(world.live).toEqual(['a']);
    await world.clock.advanceAsync(1);
    expect(world.live).toEqual(['a', 'b']);
    expect(supervisor.whichChildren().map(({ status }) => status)).toEqual(['running', 'starting', 'ended']);
    await world.clock.advanceAsync(50);
    await started;
    expect(world.live).toEqual(['a', 'b', 'c']);
    expect(world.kinds()).toEqual(['started a', 'started b', 'started c']);
  });

  test('a child that fails at the first start is not retried: the others stop in reverse and start() names it', async () => {
    const world = new World();
    world.failingStarts.set('c', 1);
    const supervisor = new Supervisor(
      {
        id: 'top',
        strategy: 'one_for_one',
        intensity: 10,
        children: [world.spec('a'), world.spec('b'), world.spec('c'), world.spec('d')],
      },
      world.env,
    );
    await expect(supervisor.start()).rejects.toThrow(
      'supervisor "top" did not start: child "c" failed to start: c cannot start',
    );
    expect(world.takeTrace()).toBe('+a +b -b -a');
    expect((await supervisor.exit).kind).toBe('shutdown');
    expect(world.clock.pending).toBe(0);
  });

  test('a child that is not ready in time is killed and fails the start', async () => {
    const world = new World();
    const supervisor = new Supervisor(
      {
        id: 'top',
        strategy: 'one_for_one',
        children: [world.spec('a'), world.spec('b', { ready: 'tag', readyMs: 300 })],
      },
      world.env,
    );
    const started = expect(supervisor.start()).rejects.toThrow(
      'child "b" failed to start: not ready within 300 ms',
    );
    await world.clock.advanceAsync(300);
    await started;
    expect(world.takeTrace()).toBe('+a +b -b -a');
    expect(world.kinds()).toEqual(['started a', 'startFailed b', 'stopped a']);
  });

  test('a child that ends before it is ready fails the start', async () => {
    const world = new World();
    const supervisor = new Supervisor(
      { id: 'top', strategy: 'one_for_one', children: [world.spec('a', { ready: 'tag' })] },
      world.env,
    );
    const started = expect(supervisor.start()).rejects.toThrow('ended before it was ready: a crashed');
    await world.clock.settle();
    await world.tell('a', 'crash');
    await started;
    expect(world.clock.pending).toBe(0);
  });

  test('a stop request does not wait for readiness', async () => {
    const world = new World();
    const supervisor = new Supervisor(
      {
        id: 'top',
        strategy: 'one_for_one',
        children: [world.spec('a'), world.spec('b', { ready: 'tag' }), world.spec('c')],
      },
      world.env,
    );
    const started = expect(supervisor.start()).rejects.toThrow('changed my mind');
    await world.clock.settle();
    await supervisor.stop('changed my mind');
    await started;
    expect(world.takeTrace()).toBe('+a +b -b -a');
    expect(world.kinds()).toEqual(['started a', 'stopped b', 'stopped a']);
    expect(world.clock.pending).toBe(0);
  });

  test('a stop request right after the start request starts nothing', async () => {
    const world = new World();
    const supervisor = new Supervisor(
      { id: 'top', strategy: 'one_for_one', children: [world.spec('a'), world.spec('b')] },
      world.env,
    );
    const started = expect(supervisor.start()).rejects.toThrow('supervisor "top" did not start: asked');
    await supervisor.stop('asked');
    await started;
    await world.clock.settle();
    expect(world.takeTrace()).toBe('');
  });

  test('a child that has done its work in its first step has started and ended', async () => {
    const world = new World();
    const logic = createMachine({ initial: 'done', states: { done: { type: 'final' } } });
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      children: [{ id: 'a', logic, restart: 'transient' }, world.spec('b')],
    });
    await world.clock.settle();
    expect(supervisor.whichChildren().map(({ status }) => status)).toEqual(['ended', 'running']);
    expect(world.kinds()).toEqual(['started a', 'exited a', 'started b']);
    const forever = new Supervisor(
      { id: 'forever', strategy: 'one_for_one', intensity: 3, children: [{ id: 'a', logic }] },
      world.env,
    );
    await forever.start();
    await world.clock.settle();
    expect(await outcome(forever)).toMatchObject({ kind: 'shutdown' });
  });

  test('a child that crashes while its later siblings start is restarted once all run', async () => {
    const world = new World();
    const supervisor = new Supervisor(
      {
        id: 'top',
        strategy: 'one_for_one',
        children: [world.spec('a'), world.spec('b', { ready: 'tag' }, { readyAfterMs: 10 })],
      },
      world.env,
    );
    const started = supervisor.start();
    await world.clock.settle();
    await world.tell('a', 'crash');
    expect(world.takeTrace()).toBe('+a +b -a');
    await world.clock.advanceAsync(10);
    await started;
    await world.clock.settle();
    expect(world.takeTrace()).toBe('+a');
    expect(supervisor.whichChildren().map(({ restarts }) => restarts)).toEqual([1, 0]);
  });

  test('a supervisor starts once in its life, and not after it was stopped', async () => {
    const world = new World();
    const supervisor = await running(world, { strategy: 'one_for_one', children: [world.spec('a')] });
    await expect(supervisor.start()).rejects.toThrow('started or stopped before');
    const never = new Supervisor({ id: 'never', strategy: 'one_for_one', children: [] }, world.env);
    await never.stop('unused');
    expect(await never.exit).toEqual({ kind: 'shutdown', reason: 'unused' });
    await expect(never.start()).rejects.toThrow('started or stopped before');
  });

  test('bad specs are refused before anything starts', () => {
    const world = new World();
    const children = [world.spec('a'), world.spec('a')];
    expect(
      () => new Supervisor({ id: 'top', strategy: 'one_for_one', intensity: -1, children }, world.env),
    ).toThrow('supervisor "top": intensity must be a whole number from 0; child "a": duplicate id');
  });
});

describe('names and reports', () => {
  test('a name leads to the present life of a child, and to nobody between two lives', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      children: [world.spec('a', { name: 'worker', backoff: steady })],
    });
    const first = world.registry.whereis('worker');
    expect(first).toBe(supervisor.whichChildren()[0]?.ref);
    world.registry.send('worker', { type: 'crash' });
    await world.clock.settle();
    expect(world.registry.send('worker', { type: 'crash' })).toBe(false);
    expect(world.registry.deadLetters).toBe(1);
    await world.clock.advanceAsync(100);
    expect(world.registry.whereis('worker')).toBe(supervisor.whichChildren()[0]?.ref);
    expect(world.registry.whereis('worker')).not.toBe(first);
    await supervisor.stop();
    expect(world.registry.size).toBe(0);
  });

  test('each decision is one record with child, reason and attempt', async () => {
    const world = new World();
    const supervisor = await running(world, { strategy: 'one_for_one', children: [world.spec('a')] });
    await world.tell('a', 'crash');
    await supervisor.stop();
    const records = world.reports.map(({ kind, childId, reason, attempt }) => [
      kind,
      childId,
      reason,
      attempt,
    ]);
    expect(records).toEqual([
      ['started', 'a', 'first start', 0],
      ['exited', 'a', 'a crashed', 0],
      ['restarting', 'a', 'a crashed', 1],
      ['started', 'a', 'restart', 1],
      ['stopped', 'a', 'ended normally', 1],
    ]);
  });

  test('the life of the supervisor is on its chart', async () => {
    const world = new World();
    const supervisor = await running(world, { strategy: 'one_for_one', children: [world.spec('a')] });
    await world.tell('a', 'crash');
    await world.tell('a', 'crash');
    await supervisor.exit;
    const states = world.transitions.filter(({ machine }) => machine === 'supervisor').map(({ to }) => to);
    expect(states).toEqual([
      'created',
      'starting',
      'running',
      'restarting',
      'running',
      'givingUp',
      'stopped',
    ]);
  });
});
