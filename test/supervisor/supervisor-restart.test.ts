import { describe, expect, test } from 'vitest';
import { Supervisor } from '../../src/supervisor/index.ts';
import { outcome, running, type Behaviour, World } from './world.ts';

describe('strategies', () => {
  const three = (world: World) => [world.spec('a'), world.spec('b'), world.spec('c')];

  test('one_for_one restarts only the child that ended', async () => {
    const world = new World();
    await running(world, { strategy: 'one_for_one', children: three(world) });
    await world.tell('b', 'crash');
    expect(world.takeTrace()).toBe('-b +b');
  });

  test('one_for_all stops the others in reverse and starts all in order', async () => {
    const world = new World();
    await running(world, { strategy: 'one_for_all', children: three(world) });
    await world.tell('b', 'crash');
    expect(world.takeTrace()).toBe('-b -c -a +a +b +c');
  });

  test('rest_for_one stops what was started after it in reverse and starts from it on', async () => {
    const world = new World();
    await running(world, { strategy: 'rest_for_one', children: [...three(world), world.spec('d')] });
    await world.tell('b', 'crash');
    expect(world.takeTrace()).toBe('-b -d -c +b +c +d');
  });

  test('a group restart forgets a temporary sibling', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_all',
      children: [world.spec('a'), world.spec('b', { restart: 'temporary' }), world.spec('c')],
    });
    await world.tell('a', 'crash');
    expect(world.takeTrace()).toBe('-a -c -b +a +c');
    expect(supervisor.whichChildren().map(({ id }) => id)).toEqual(['a', 'c']);
  });

  test('a group restart starts a transient sibling again that had ended normally', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_all',
      children: [world.spec('a'), world.spec('b', { restart: 'transient' })],
    });
    await world.tell('b', 'finish');
    expect(world.takeTrace()).toBe('-b');
    expect(supervisor.whichChildren()[1]?.status).toBe('ended');
    await world.tell('a', 'crash');
    expect(world.takeTrace()).toBe('-a +a +b');
  });

  test('an end that a group restart overtook is not served again', async () => {
    const world = new World();
    const supervisor = await running(world, { strategy: 'one_for_all', children: three(world) });
    world.send('a', 'crash');
    world.send('b', 'crash');
    await world.clock.settle();
    expect(world.takeTrace()).toBe('-a -b -c +a +b +c');
    expect(await outcome(supervisor)).toBe('alive'); // intensity is 1: a second restart would have ended it
  });

  test('in a group restart each child waits for the readiness of the one before', async () => {
    const world = new World();
    const warming: Behaviour = { readyAfterMs: 10 };
    const supervisor = new Supervisor(
      {
        id: 'top',
        strategy: 'one_for_all',
        children: [world.spec('a', { ready: 'tag' }, warming), world.spec('b')],
      },
      world.env,
    );
    void supervisor.start();
    await world.clock.advanceAsync(10);
    world.takeTrace();
    await world.tell('b', 'crash');
    expect(world.takeTrace()).toBe('-b -a +a');
    await world.clock.advanceAsync(10);
    expect(world.takeTrace()).toBe('+b');
  });
});

describe('restart types', () => {
  test('a permanent child is restarted also when it ends normally', async () => {
    const world = new World();
    await running(world, { strategy: 'one_for_one', children: [world.spec('a')] });
    await world.tell('a', 'finish');
    expect(world.takeTrace()).toBe('-a +a');
  });

  test('a transient child is restarted only after a crash', async () => {
    const world = new World();
    await running(world, { strategy: 'one_for_one', children: [world.spec('a', { restart: 'transient' })] });
    await world.tell('a', 'crash');
    expect(world.takeTrace()).toBe('-a +a');
    await world.tell('a', 'finish');
    expect(world.takeTrace()).toBe('-a');
  });

  test('a transient child stopped from outside counts as ended by request', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      children: [world.spec('a', { restart: 'transient' })],
    });
    (supervisor.whichChildren()[0]?.ref as { stop(): void } | undefined)?.stop();
    await world.clock.settle();
    expect(world.takeTrace()).toBe('-a');
  });

  test('a temporary child is never restarted and its spec is dropped', async () => {
    const world = new World();
    const supervisor = await running(world, {
      strategy: 'one_for_one',
      children: [world.spec('a', { restart: 'temporary' }), world.spec('b')],
    });
    await world.tell('a', 'crash');
    expect(world.takeTrace()).toBe('-a');
    expect(supervisor.whichChildren().map(({ id }) => id)).toEqual(['b']);
  });
});
