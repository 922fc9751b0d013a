/** Objects that were there before, or are others': each policy, dry runs, inventories and fields taken over. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { InventoryPolicy } from '../../../src/agentk/gitops/index.ts';
import { cm, configMaps, gitopsWorld, type GitopsWorld, type Json } from './gitops-world.ts';

let world: GitopsWorld;
beforeAll(async () => {
  world = await gitopsWorld();
}, 120_000);
afterAll(() => world.stop());

const owner = 'config.k8s.io/owning-inventory';
const dataOf = async (name: string, namespace: string) =>
  (await world.live(configMaps, name, namespace))?.['data'];

describe('an object that was there before', () => {
  const cases: readonly (readonly [InventoryPolicy, string | undefined, boolean])[] = [
    ['must_match', undefined, false],
    ['must_match', 'somebody', false],
    ['adopt_if_no_inventory', undefined, true],
    ['adopt_if_no_inventory', 'somebody', false],
    ['adopt_all', undefined, true],
    ['adopt_all', 'somebody', true],
  ];
  test.each(cases)('with %s and the owner %s is taken over: %s', async (policy, other, taken) => {
    const project = await world.project({ policy });
    const { namespace } = project;
    const annotations = other === undefined ? {} : { [owner]: other };
    await world.client.create(configMaps, namespace, cm('a', { x: 'theirs' }, { annotations }));
    const { result, events } = await project.sync([cm('a', { x: 'ours' })]);
    expect(result).toMatchObject({
      kind: 'synced',
      counts: taken ? { applied: 1 } : { skipped: 1, applied: 0 },
    });
    expect(await dataOf('a', namespace)).toEqual({ x: taken ? 'ours' : 'theirs' });
    expect(await world.inventoryKeys(project)).toEqual(taken ? [`${namespace}_a__ConfigMap`] : []);
    const warnings = events.filter(({ type }) => type === 'warning');
    expect(warnings).toHaveLength(taken ? 0 : 1);
    await project.sync([]);
    expect(await world.live(configMaps, 'a', namespace)).toEqual(
      taken ? undefined : expect.objectContaining({ kind: 'ConfigMap' }),
    );
  });

  test('is warned of once per commit', async () => {
    const project = await world.project();
    await world.client.create(configMaps, project.namespace, cm('a'));
    const warnings = async (commitId: string) =>
      (await project.sync([cm('a')], {}, { commitId })).events.filter(({ type }) => type === 'warning')
        .length;
    expect([await warnings('one'), await warnings('one'), await warnings('two')]).toEqual([1, 0, 1]);
  });
});

describe('a dry run', () => {
  test.each(['client', 'server'] as const)(
    'of the %s tells what would be and changes nothing',
    async (dryRun) => {
      const project = await world.project();
      const { namespace } = project;
      await project.sync([cm('a', { x: '1' }), cm('b')]);
      const { result, lines } = await project.sync([cm('a', { x: '2' }), cm('c')], { dryRun });
      expect(result).toMatchObject({ kind: 'synced', counts: { applied: 2, pruned: 1 } });
      expect(lines).toEqual([
        'apply ConfigMap/a Successful',
        'apply ConfigMap/c Successful',
        'prune ConfigMap/b Successful',
      ]);
      expect(await dataOf('a', namespace)).toEqual({ x: '1' });
      expect(await world.live(configMaps, 'b', namespace)).toBeDefined();
      expect(await world.live(configMaps, 'c', namespace)).toBeUndefined();
      expect(await world.inventoryKeys(project)).toHaveLength(2);
    },
  );

  test('on the server finds what the server would refuse', async () => {
    const project = await world.project();
    const { result } = await project.sync([cm('bad', {}, { managedFields: [{ manager: 'x' }] })], {
      dryRun: 'server',
    });
    expect(result).toMatchObject({ kind: 'failed', counts: { failed: 1 } });
  });
});

describe('taking over', () => {
  test('an inventory of the original, with states in its values, is gone on with', async () => {
    const project = await world.project();
    const { namespace, inventoryId } = project;
    await project.sync([cm('a'), cm('b')]);
    const live = await world.live(configMaps, `inventory-${inventoryId}`, namespace);
    const value = '{"actuation":"Succeeded","reconcile":"Succeeded","strategy":"Apply"}';
    const data = Object.fromEntries(Object.keys((live?.['data'] ?? {}) as Json).map((key) => [key, value]));
    const name = `inventory-${inventoryId}`;
    await world.client.update(configMaps, { namespace, name }, { ...live, data });
    const { result } = await project.sync([cm('a')]);
    expect(result).toMatchObject({ kind: 'synced', counts: { applied: 1, pruned: 1 } });
    expect(await world.inventoryKeys(project)).toEqual([`${namespace}_a__ConfigMap`]);
  });

  test('an inventory under another name is found by its label', async () => {
    const project = await world.project();
    const { namespace, inventoryId } = project;
    const labels = { 'cli-utils.sigs.k8s.io/inventory-id': inventoryId };
    const annotations = { [owner]: inventoryId };
    await world.client.create(configMaps, namespace, cm('old', {}, { annotations }));
    const data = { [`${namespace}_old__ConfigMap`]: '' };
    await world.client.create(configMaps, namespace, cm('some-inventory', data, { labels }));
    const { result } = await project.sync([cm('new')]);
    expect(result).toMatchObject({ kind: 'synced', counts: { applied: 1, pruned: 1 } });
    expect(await dataOf('some-inventory', namespace)).toEqual({ [`${namespace}_new__ConfigMap`]: '' });
    await world.client.create(configMaps, namespace, cm('second', {}, { labels }));
    const twice = await project.sync([cm('new')]);
    expect(twice.result.kind === 'failed' && twice.result.reason).toContain(
      `found 2 inventory objects with inventory id ${inventoryId}`,
    );
  });

  test('fields of client-side apply become ours, so that they go when they leave the manifest', async () => {
    const project = await world.project({ policy: 'adopt_all' });
    const { namespace } = project;
    const before = cm('a', { kept: '1', goes: '1' });
    const said = JSON.stringify(before);
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': said };
    await world.client.create(
      configMaps,
      namespace,
      { ...before, metadata: { name: 'a', annotations } },
      {
        fieldManager: 'kubectl-client-side-apply',
      },
    );
    await project.sync([cm('a', { kept: '2' })]);
    expect(await dataOf('a', namespace)).toEqual({ kept: '2' });
  });

  test('fields of others stay', async () => {
    const project = await world.project();
    const { namespace } = project;
    await project.sync([cm('a', { ours: '1' })]);
    const theirs = { data: { theirs: '1' } };
    await world.client.patch(configMaps, { namespace, name: 'a' }, theirs, {
      type: 'merge',
      fieldManager: 'them',
    });
    await project.sync([cm('a', { ours: '2' })]);
    expect(await dataOf('a', namespace)).toEqual({ ours: '2', theirs: '1' });
  });

  test('numbers beyond those of JavaScript arrive as they are written', async () => {
    const project = await world.project();
    const { namespace } = project;
    const big =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"big"},"data":{"n":"9007199254740993"}}';
    await project.sync([JSON.parse(big) as Json]);
    expect(await dataOf('big', namespace)).toEqual({ n: '9007199254740993' });
  });
});
