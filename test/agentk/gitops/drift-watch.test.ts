/** Drift is seen: exactly what others did to what is ours. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DriftWatch } from '../../../src/agentk/gitops/index.ts';
import { systemClock } from '../../../src/host/index.ts';
import type { Clock } from '../../../src/ports/index.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { ShiftedClock } from '../../fakes/shifted-clock.ts';
import { cm, configMaps, counted, gitopsWorld, type GitopsWorld } from './gitops-world.ts';

let world: GitopsWorld;
let watches = 0;
beforeAll(async () => {
  world = await gitopsWorld();
}, 120_000);
afterAll(() => world.stop());

function driftWatch(clock: Clock = systemClock, client = world.client): DriftWatch {
  const { supervisor, log } = world;
  watches += 1;
  const name = `drift-${watches}`;
  return new DriftWatch({ client, supervisor, log, name, clock, random: new SeededRandom(watches) });
}

async function synced() {
  const project = await world.project();
  await project.sync([cm('a', { x: '1' }), cm('b', { y: '1' }), cm('c')]);
  return project;
}

describe('drift', () => {
  test('is what changes or deletes ours, also before anybody looked; one sight tells of all that comes soon', async () => {
    const project = await synced();
    const { namespace } = project;
    const edit = { data: { x: 'theirs' } };
    await world.client.patch(configMaps, { namespace, name: 'a' }, edit, {
      type: 'merge',
      fieldManager: 'them',
    });
    await world.client.delete(configMaps, { namespace, name: 'b' });
    const drift = await driftWatch().look(project.runner.managed, new AbortController().signal);
    expect(drift).toMatchObject({ kind: 'drifted', count: 2 });
    expect(drift.kind === 'drifted' && drift.ids.map(({ name }) => name).sort()).toEqual(['a', 'b']);
    await project.sync([cm('a', { x: '1' }), cm('b', { y: '1' }), cm('c')]);
    expect((await world.live(configMaps, 'a', namespace))?.['data']).toEqual({ x: '1' });
  });

  test('is not what others do with their own fields', async () => {
    const project = await synced();
    const { namespace } = project;
    const looking = driftWatch().look(project.runner.managed, new AbortController().signal);
    const theirs = { data: { other: 'theirs' }, metadata: { labels: { theirs: 'yes' } } };
    await world.client.patch(configMaps, { namespace, name: 'a' }, theirs, {
      type: 'merge',
      fieldManager: 'them',
    });
    // What comes later is seen later: what was done to `a` has been judged when `b` is told of.
    await world.client.delete(configMaps, { namespace, name: 'b' });
    const drift = await looking;
    expect(drift.kind === 'drifted' && drift.ids.map(({ name }) => name)).toEqual(['b']);
  });

  test('is not looked for any more once the signal says so, and nothing is left behind', async () => {
    const project = await synced();
    const before = world.supervisor.count();
    const calls = new Map<string, number>();
    const controller = new AbortController();
    const watch = driftWatch(systemClock, counted(world.client, calls));
    const looking = watch.look(project.runner.managed, controller.signal);
    await expect.poll(() => calls.get('watch'), { timeout: 20_000 }).toBe(1);
    expect(world.supervisor.count()).toBeGreaterThan(before);
    controller.abort();
    expect(await looking).toEqual({ kind: 'stopped' });
    await expect.poll(() => world.supervisor.count()).toBe(before);
  });

  test('that comes back again and again is told of ever later', { timeout: 30_000 }, async () => {
    const clock = new ShiftedClock();
    const calls = new Map<string, number>();
    const watch = driftWatch(clock, counted(world.client, calls));
    const project = await synced();
    await world.client.delete(configMaps, { namespace: project.namespace, name: 'a' });
    const drifts = async () =>
      expect(await watch.look(project.runner.managed, new AbortController().signal)).toMatchObject({
        count: 1,
      });
    const calm = async () => {
      calls.clear();
      const controller = new AbortController();
      const looking = watch.look(project.runner.managed, controller.signal);
      await expect.poll(() => calls.get('watch'), { timeout: 10_000 }).toBe(1); // the list has been looked at
      controller.abort();
      expect(await looking).toEqual({ kind: 'stopped' });
    };
    await drifts();
    await calm();
    clock.shift(10_000);
    await drifts();
    clock.shift(10_000);
    await calm();
    clock.shift(20_000);
    await drifts();
  });
});
