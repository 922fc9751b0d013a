/**
 * The informer against a server that is played, on a clock that is moved: which lists and watches it asks for, and that
 * its copy follows the cluster whatever the server does.
 */
import fc from 'fast-check';
import { createActor } from 'xstate';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  informerChild,
  ObjectStore,
  type InformerDeps,
} from '../../../src/agentk/kubernetes/informer/index.ts';
import { systemClock } from '../../../src/host/index.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';
import { clusterUnderTest, configMap, configMaps, type ClusterUnderTest } from './cluster-under-test.ts';
import { PlayedCluster } from './played-cluster.ts';

function started(client: InformerDeps['client'], clock: VirtualClock | typeof systemClock, seed = 1) {
  const log = new RecordingLog();
  const store = new ObjectStore({ objectsMax: 1_000, onHandlerError: () => {} });
  const child = informerChild('informer:things', {
    client,
    type: configMaps,
    store,
    resyncMs: 600_000,
    clock,
    random: new SeededRandom(seed),
    log,
  });
  if (!('logic' in child)) throw new Error('no actor');
  const actor = createActor(child.logic, { input: child.input, clock }).start();
  return { store, log, actor, stop: () => actor.send({ type: 'stop.requested' }) };
}

const names = (store: ObjectStore) =>
  store
    .list()
    .map(({ metadata }) => metadata.name)
    .sort();

describe('an informer', () => {
  test('lists any state first, watches from its version, and goes on at once when the watch ends in its time', async () => {
    const [clock, cluster] = [new VirtualClock(), new PlayedCluster()];
    cluster.put('a');
    const { store, stop } = started(cluster, clock);
    await clock.settle();
    expect(names(store)).toEqual(['a']);
    cluster.put('b');
    await clock.advanceAsync(300_000);
    cluster.endWatches();
    await clock.settle();
    cluster.put('c');
    await clock.settle();
    expect(names(store)).toEqual(['a', 'b', 'c']);
    expect(cluster.asked).toEqual(['list 0 paged', 'watch 1', 'watch 2']);
    stop();
    cluster.put('d');
    await clock.settle();
    expect(names(store)).toEqual(['a', 'b', 'c']);
    expect(clock.pending).toBe(0);
  });

  test('keeps what it knows while it cannot ask, and relists from its version when its place is gone', async () => {
    const [clock, cluster] = [new VirtualClock(), new PlayedCluster()];
    cluster.put('a');
    const { store, stop } = started(cluster, clock);
    await clock.settle();
    cluster.compact();
    cluster.failWatches({ code: 410, reason: 'Expired' });
    await clock.settle();
    expect(names(store)).toEqual(['a']);
    cluster.delete('a');
    cluster.put('b');
    await clock.advanceAsync(1_600);
    expect(cluster.asked).toEqual(['list 0 paged', 'watch 1', 'list 1 whole', 'watch 3']);
    expect(names(store)).toEqual(['b']);
    stop();
  });

  test('asks for the newest state when the server cannot give one as new as its own', async () => {
    const [clock, cluster] = [new VirtualClock(), new PlayedCluster()];
    cluster.put('a');
    const { stop } = started(cluster, clock);
    await clock.settle();
    cluster.refuseVersions = true;
    cluster.failWatches({ code: 410, reason: 'Gone' });
    await clock.advanceAsync(1_600);
    expect(cluster.asked).toEqual(['list 0 paged', 'watch 1', 'list 1 whole', 'list  paged', 'watch 1']);
    stop();
  });

  test('a bookmark saves the relist', async () => {
    const [clock, cluster] = [new VirtualClock(), new PlayedCluster()];
    const { store, stop } = started(cluster, clock);
    await clock.settle();
    cluster.elsewhere(50);
    cluster.bookmark();
    expect(store.resourceVersion).toBe('50');
    cluster.compact();
    await clock.advanceAsync(400_000);
    cluster.endWatches();
    await clock.settle();
    expect(cluster.asked).toEqual(['list 0 paged', 'watch 0', 'watch 50']);
    stop();
  });

  test('a busy server is asked for the same watch later, and is not stormed', async () => {
    const [clock, cluster] = [new VirtualClock(), new PlayedCluster()];
    cluster.put('a');
    cluster.watchRefusal = { code: 429, reason: 'TooManyRequests' };
    const { stop } = started(cluster, clock);
    await clock.advanceAsync(60_000);
    expect(cluster.asked.filter((one) => one.startsWith('list'))).toHaveLength(1);
    const tries = cluster.asked.length;
    expect(tries).toBeGreaterThan(3);
    expect(tries).toBeLessThan(12);
    stop();
  });

  test('a watch that says nothing for longer than it was asked to is opened again', async () => {
    const [clock, cluster] = [new VirtualClock(), new PlayedCluster()];
    const { log, stop } = started(cluster, clock);
    await clock.advanceAsync(700_000);
    expect(cluster.asked).toEqual(['list 0 paged', 'watch 0', 'watch 0']);
    expect(cluster.openWatches).toBe(1);
    expect(log.text).toContain('says nothing');
    stop();
  });

  test('tells a trouble once, not per try', async () => {
    const [clock, cluster] = [new VirtualClock(), new PlayedCluster()];
    cluster.listRefusal = { code: 403, reason: 'Forbidden' };
    const { log, stop } = started(cluster, clock);
    await clock.advanceAsync(200_000);
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    cluster.listRefusal = undefined;
    await clock.advanceAsync(60_000);
    expect(cluster.openWatches).toBe(1);
    stop();
  });

  test('its copy becomes the cluster, whatever the server did before', async () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), name }),
      fc.record({ kind: fc.constant('delete' as const), name }),
      fc.constantFrom(
        ...(['end', 'expire', 'break', 'compact', 'bookmark', 'refuse', 'admit', 'wait'] as const).map(
          (kind) => ({
            kind,
          }),
        ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.nat(), async (steps, seed) => {
        const [clock, cluster] = [new VirtualClock(), new PlayedCluster()];
        const { store, stop } = started(cluster, clock, seed);
        for (const one of steps) {
          if (one.kind === 'put') cluster.put(one.name);
          else if (one.kind === 'delete') cluster.delete(one.name);
          else if (one.kind === 'end') cluster.endWatches();
          else if (one.kind === 'expire') cluster.failWatches({ code: 410, reason: 'Expired' });
          else if (one.kind === 'break') cluster.failWatches({ code: 500, reason: 'InternalError' });
          else if (one.kind === 'compact') cluster.compact();
          else if (one.kind === 'bookmark') cluster.bookmark();
          else if (one.kind === 'refuse')
            cluster.listRefusal = cluster.watchRefusal = { code: 503, reason: '' };
          else if (one.kind === 'admit') cluster.listRefusal = cluster.watchRefusal = undefined;
          else await clock.advanceAsync(5_000);
          await clock.settle();
        }
        cluster.listRefusal = cluster.watchRefusal = undefined;
        await clock.advanceAsync(180_000);
        expect(
          new Map(store.list().map((each) => [each.metadata.name, each.metadata.resourceVersion])),
        ).toEqual(cluster.versions());
        expect(cluster.openWatches).toBe(1);
        stop();
        await clock.settle();
        expect([cluster.openWatches, clock.pending]).toEqual([0, 0]);
      }),
      { numRuns: 60, seed: 20_240_101 },
    );
  });
});

describe('an informer of a cluster', () => {
  let world: ClusterUnderTest;
  beforeAll(async () => {
    world = await clusterUnderTest();
    await world.namespace('informed');
  });
  afterAll(() => world.stop());

  test('follows it', async () => {
    const { client } = world;
    const namespace = 'informed';
    await client.create(configMaps, namespace, configMap('before'));
    const { store, stop } = started(client, systemClock);
    await expect.poll(() => store.synced).toBe(true);
    expect(store.get('informed/before')).toMatchObject({ kind: 'ConfigMap', apiVersion: 'v1' });
    await client.create(configMaps, namespace, configMap('after'));
    await client.delete(configMaps, { namespace, name: 'before' });
    await expect
      .poll(() => ['informed/before', 'informed/after'].map((key) => store.get(key) !== undefined))
      .toEqual([false, true]);
    stop();
  });
});
