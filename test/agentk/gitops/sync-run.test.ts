/** Synchronising a project with a cluster: what is applied, what is deleted, what the inventory says. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cm, configMaps, gitopsWorld, type GitopsWorld } from './gitops-world.ts';

let world: GitopsWorld;
beforeAll(async () => {
  world = await gitopsWorld();
}, 120_000);
afterAll(() => world.stop());

const dataOf = async (name: string, namespace: string) =>
  (await world.live(configMaps, name, namespace))?.['data'];

describe('a synchronisation', () => {
  test('creates, changes and deletes what the commits say, and the inventory follows', async () => {
    const project = await world.project();
    const { namespace } = project;
    const first = await project.sync([cm('a', { x: '1' }), cm('b', { y: '1' })]);
    expect(first.result).toMatchObject({ kind: 'synced', counts: { applied: 2, pruned: 0, failed: 0 } });
    expect(await dataOf('a', namespace)).toEqual({ x: '1' });
    const live = await world.live(configMaps, 'a', namespace);
    expect(live?.metadata.annotations).toEqual({ 'config.k8s.io/owning-inventory': project.inventoryId });
    expect(await world.inventoryKeys(project)).toEqual([
      `${namespace}_a__ConfigMap`,
      `${namespace}_b__ConfigMap`,
    ]);

    const second = await project.sync([cm('a', { z: '2' }), cm('c')]);
    expect(second.result).toMatchObject({ kind: 'synced', counts: { applied: 2, pruned: 1 } });
    expect(await dataOf('a', namespace)).toEqual({ z: '2' });
    expect(await world.live(configMaps, 'b', namespace)).toBeUndefined();
    expect(await world.inventoryKeys(project)).toEqual([
      `${namespace}_a__ConfigMap`,
      `${namespace}_c__ConfigMap`,
    ]);
    expect(second.lines).toEqual([
      'apply ConfigMap/a Successful',
      'apply ConfigMap/c Successful',
      'wait ConfigMap/a Successful',
      'wait ConfigMap/c Successful',
      'prune ConfigMap/b Successful',
      'wait ConfigMap/b Successful',
    ]);
  });
});

describe('a commit that is applied again', () => {
  test('sends only what is not as it was left: changed by others, deleted, or written otherwise', async () => {
    const project = await world.project();
    const { namespace } = project;
    const objects = Array.from({ length: 12 }, (_, index) => cm(`cm-${index}`, { x: '1' }));
    const versions = async () => {
      const listed = await world.client.list(configMaps, { namespace });
      if (listed.kind !== 'ok') throw new Error(JSON.stringify(listed));
      return new Map(listed.value.items.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
    };
    await project.sync(objects);
    project.calls.clear();
    const { result, lines } = await project.sync(objects);
    expect(result).toMatchObject({ kind: 'synced', counts: { applied: 12 } });
    expect(lines).toHaveLength(24);
    expect(project.calls.get('patch')).toBeUndefined();
    expect(project.calls.get('get')).toBeUndefined();

    const theirs = { data: { x: 'theirs' } };
    const name = { namespace, name: 'cm-1' };
    await world.client.patch(configMaps, name, theirs, { type: 'merge', fieldManager: 'them' });
    await world.client.delete(configMaps, { namespace, name: 'cm-2' });
    const before = await versions();
    const changed = objects.map((object, index) => (index === 3 ? cm('cm-3', { x: '2' }) : object));
    project.calls.clear();
    expect((await project.sync(changed)).result).toMatchObject({ kind: 'synced', counts: { applied: 12 } });
    expect(project.calls.get('patch')).toBe(3);
    const after = await versions();
    const touched = [...after]
      .filter(([each, version]) => before.get(each) !== version)
      .map(([each]) => each);
    expect(touched.sort()).toEqual(['cm-1', 'cm-2', 'cm-3']);
    expect(await dataOf('cm-1', namespace)).toEqual({ x: '1' });
  });
});

describe('order and dependencies', () => {
  test('a namespace, a definition, its objects and what depends on them come in one commit, and go the other way', async (context) => {
    const { takesCustomObjects, controllers } = world.cluster;
    context.skip(!takesCustomObjects, 'this build of the API server dies of custom objects');
    context.skip(!controllers, 'nobody ends the deletion of a namespace here');
    const project = await world.project();
    const group = `${project.namespace}.example.com`;
    const home = `${project.namespace}-home`;
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `widgets.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { kind: 'Widget', plural: 'widgets', singular: 'widget', listKind: 'WidgetList' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: {
                type: 'object',
                properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
              },
            },
          },
        ],
      },
    };
    const widget = {
      apiVersion: `${group}/v1`,
      kind: 'Widget',
      metadata: { name: 'w', namespace: home },
      spec: { size: 1 },
    };
    const last = cm(
      'last',
      {},
      { annotations: { 'config.kubernetes.io/depends-on': `${group}/namespaces/${home}/Widget/w` } },
    );
    const objects = [
      last,
      widget,
      definition,
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: home } },
    ];
    const { result, lines } = await project.sync(objects);
    expect(result).toMatchObject({ kind: 'synced', counts: { applied: 4 } });
    expect(lines.filter((line) => line.startsWith('apply'))).toEqual([
      `apply Namespace/${home} Successful`,
      `apply CustomResourceDefinition/widgets.${group} Successful`,
      'apply Widget/w Successful',
      'apply ConfigMap/last Successful',
    ]);
    const gone = await project.sync([]);
    expect(gone.result).toMatchObject({ kind: 'synced', counts: { pruned: 4 } });
    expect(gone.lines.filter((line) => line.startsWith('prune'))).toEqual([
      'prune ConfigMap/last Successful',
      'prune Widget/w Successful',
      `prune CustomResourceDefinition/widgets.${group} Successful`,
      `prune Namespace/${home} Successful`,
    ]);
    expect(await world.inventoryKeys(project)).toEqual([]);
  });
});
