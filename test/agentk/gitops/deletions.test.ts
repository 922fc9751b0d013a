/** What a synchronisation deletes, what it leaves, and what it asks about first. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cm, configMaps, deployments, gitopsWorld, type GitopsWorld } from './gitops-world.ts';

let world: GitopsWorld;
beforeAll(async () => {
  world = await gitopsWorld();
}, 120_000);
afterAll(() => world.stop());

const annotationsOf = async (name: string, namespace: string) =>
  (await world.live(configMaps, name, namespace))?.metadata.annotations;

describe('deleting', () => {
  test('a renamed object is deleted under its old name, one that moved in its old namespace', async () => {
    const project = await world.project();
    const other = await world.project();
    const { namespace } = project;
    await project.sync([cm('old'), cm('moves')]);
    const { result } = await project.sync([cm('new'), cm('moves', {}, { namespace: other.namespace })]);
    expect(result).toMatchObject({ kind: 'synced', counts: { applied: 2, pruned: 2 } });
    expect(await world.live(configMaps, 'old', namespace)).toBeUndefined();
    expect(await world.live(configMaps, 'moves', namespace)).toBeUndefined();
    expect(await world.live(configMaps, 'moves', other.namespace)).toBeDefined();
    expect(await world.inventoryKeys(project)).toEqual(
      [`${namespace}_new__ConfigMap`, `${other.namespace}_moves__ConfigMap`].sort(),
    );
  });

  test('objects that are to be kept are let go: without our mark, out of the inventory', async () => {
    const project = await world.project();
    const { namespace } = project;
    await project.sync([
      cm('detached', {}, { annotations: { 'client.lifecycle.config.k8s.io/deletion': 'detach' } }),
      cm('kept', {}, { annotations: { 'cli-utils.sigs.k8s.io/on-remove': 'keep' } }),
    ]);
    const { result, lines } = await project.sync([]);
    expect(result).toMatchObject({ kind: 'synced', counts: { pruned: 0, skipped: 2 } });
    expect(lines).toEqual(['prune ConfigMap/kept Skipped', 'prune ConfigMap/detached Skipped']);
    expect(await annotationsOf('detached', namespace)).toEqual({
      'client.lifecycle.config.k8s.io/deletion': 'detach',
    });
    expect(await annotationsOf('kept', namespace)).toEqual({ 'cli-utils.sigs.k8s.io/on-remove': 'keep' });
    expect(await world.inventoryKeys(project)).toEqual([]);
  });

  test('without pruning nothing is deleted and the inventory forgets', async () => {
    const project = await world.project({ prune: false });
    await project.sync([cm('a')]);
    const { result } = await project.sync([]);
    expect(result).toMatchObject({ kind: 'synced', counts: { pruned: 0 } });
    expect(await world.live(configMaps, 'a', project.namespace)).toBeDefined();
    expect(await world.inventoryKeys(project)).toEqual([]);
  });

  test('what somebody else deleted and made anew under the same name is not deleted', async () => {
    const project = await world.project();
    const { namespace } = project;
    await project.sync([cm('a')]);
    await world.client.delete(configMaps, { namespace, name: 'a' });
    await world.client.create(configMaps, namespace, cm('a'));
    const { result } = await project.sync([]);
    expect(result).toMatchObject({ kind: 'synced', counts: { pruned: 0, skipped: 1 } });
    expect(await world.live(configMaps, 'a', namespace)).toBeDefined();
  });

  test.for(['Foreground', 'Background', 'Orphan'] as const)(
    'goes %s, and is waited for',
    { timeout: 60_000 },
    async (propagation, context) => {
      const { kind, controllers } = world.cluster;
      context.skip(!controllers, 'no controllers run in this cluster');
      const project = await world.project({ propagation });
      const { namespace } = project;
      const labels = { app: 'web' };
      const deployment = {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec: {
          replicas: kind === 'real' ? 0 : 1, // nobody runs pods there
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
        },
      };
      const up = await project.sync([deployment]);
      expect(up.result).toMatchObject({ kind: 'synced' });
      expect(up.events.filter(({ type }) => type === 'status').length).toBeGreaterThan(1);
      const down = await project.sync([]);
      expect(down.result).toMatchObject({ kind: 'synced', counts: { pruned: 1, unreconciled: 0 } });
      expect(await world.live(deployments, 'web', namespace)).toBeUndefined();
      const replicaSets = { ...deployments, plural: 'replicasets', kind: 'ReplicaSet' };
      const left = () => world.names(replicaSets, namespace);
      if (propagation === 'Foreground') expect(await left()).toHaveLength(0);
      else await expect.poll(left, { timeout: 30_000 }).toHaveLength(propagation === 'Orphan' ? 1 : 0);
    },
  );

  test('the namespace of an object that stays, and of the inventory, is not deleted', async () => {
    const project = await world.project();
    const home = `${project.namespace}-home`;
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: home } };
    const tenant = cm('tenant', {}, { namespace: home });
    await project.sync([namespace, tenant]);
    const { result, events } = await project.sync([tenant]);
    expect(result).toMatchObject({ kind: 'synced', counts: { applied: 1, skipped: 1, pruned: 0 } });
    expect(events.find(({ type }) => type === 'prune')).toMatchObject({
      status: 'Skipped',
      error: `namespace still in use: ${home}`,
    });
    expect(await world.inventoryKeys(project)).toContain(`_${home}__Namespace`);
  });
});

describe('the guard of deletions', () => {
  test('holds the deletion of everything until somebody agrees to this very commit', async () => {
    const project = await world.project({ guard: { holdsEmptiness: true, deletionsMax: Infinity } });
    const { namespace, inventoryId } = project;
    await project.sync([cm('a'), cm('b')]);
    const held = await project.sync([], {}, { commitId: 'empty' });
    expect(held.result.kind === 'held' && held.result.reason).toContain(
      `kubectl annotate configmap --namespace ${namespace} inventory-${inventoryId} --overwrite kastor.dev/approve-prune=empty`,
    );
    expect(await world.live(configMaps, 'a', namespace)).toBeDefined();
    expect(await world.inventoryKeys(project)).toHaveLength(2);
    const annotate = (commit: string) =>
      world.client.patch(
        configMaps,
        { namespace, name: `inventory-${inventoryId}` },
        { metadata: { annotations: { 'kastor.dev/approve-prune': commit } } },
        { type: 'merge' },
      );
    await annotate('another');
    expect((await project.sync([], {}, { commitId: 'empty' })).result.kind).toBe('held');
    await annotate('empty');
    expect((await project.sync([], {}, { commitId: 'empty' })).result).toMatchObject({
      kind: 'synced',
      counts: { pruned: 2 },
    });
    expect(await world.inventoryKeys(project)).toEqual([]);
  });

  test('holds more deletions than are allowed at once, and applies everything else', async () => {
    const project = await world.project({ guard: { holdsEmptiness: false, deletionsMax: 1 } });
    await project.sync([cm('a'), cm('b'), cm('c')]);
    const { result, lines } = await project.sync([cm('c'), cm('d')]);
    expect(result).toMatchObject({ kind: 'held', counts: { applied: 2, pruned: 0 } });
    expect(lines).toContain('apply ConfigMap/d Successful');
    expect(await world.inventoryKeys(project)).toHaveLength(4);
    const allowed = await project.sync([cm('b'), cm('c'), cm('d')]);
    expect(allowed.result).toMatchObject({ kind: 'synced', counts: { pruned: 1 } });
  });
});
