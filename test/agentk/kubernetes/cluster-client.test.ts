import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listAll } from '../../../src/agentk/kubernetes/informer/index.ts';
import { definitionType, Discovery, isAbsent } from '../../../src/agentk/kubernetes/index.ts';
import type { WatchEvent } from '../../../src/agentk/kubernetes/watch-lines.ts';
import { systemClock } from '../../../src/host/index.ts';
import { clusterUnderTest, configMap, configMaps, type ClusterUnderTest } from './cluster-under-test.ts';

let world: ClusterUnderTest;
let namespace: string;

beforeAll(async () => {
  world = await clusterUnderTest({ 'mallory-token': { username: 'mallory', groups: ['guests'] } });
  namespace = await world.namespace('client');
});
afterAll(() => world.stop());

function ok<T>(outcome: { readonly kind: 'ok'; readonly value: T } | { readonly kind: string }): T {
  if (!('value' in outcome)) throw new Error(JSON.stringify(outcome));
  return outcome.value;
}

const { signal } = new AbortController();

describe('the client of the cluster', () => {
  test('creates, reads, replaces and deletes an object', async () => {
    const { client } = world;
    const made = ok(await client.create(configMaps, namespace, configMap('one', { a: '1' })));
    expect(made).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'one', namespace }, data: { a: '1' } });
    const changed = { ...made, data: { a: '2' } };
    expect(ok(await client.update(configMaps, { namespace, name: 'one' }, changed))['data']).toEqual({
      a: '2',
    });
    const stale = await client.update(configMaps, { namespace, name: 'one' }, { ...made, data: { a: '3' } });
    expect(stale).toMatchObject({ kind: 'refused', code: 409, reason: 'Conflict' });
    expect(ok(await client.get(configMaps, { namespace, name: 'one' }))['data']).toEqual({ a: '2' });
    const another = await client.delete(configMaps, { namespace, name: 'one' }, { uid: 'of-another-object' });
    expect(another).toMatchObject({ kind: 'refused', code: 409 });
    expect(
      (await client.delete(configMaps, { namespace, name: 'one' }, { propagation: 'Background' })).kind,
    ).toBe('ok');
    const gone = await client.get(configMaps, { namespace, name: 'one' });
    expect(gone.kind !== 'ok' && isAbsent(gone)).toBe(true);
    expect(gone).toMatchObject({ reason: 'NotFound', message: 'configmaps "one" not found' });
  });

  test('applies on the server side, tells conflicts, forces, and can only try', async () => {
    const { client } = world;
    const name = { namespace, name: 'applied' };
    const apply = (value: string, fieldManager: string, more: object = {}) =>
      client.patch(configMaps, name, configMap('applied', { a: value }), {
        type: 'apply',
        fieldManager,
        ...more,
      });
    ok(await apply('1', 'agentk', { dryRun: true }));
    expect((await client.get(configMaps, name)).kind).toBe('refused');
    ok(await apply('1', 'agentk'));
    const conflict = await apply('2', 'somebody');
    expect(conflict).toMatchObject({ kind: 'refused', code: 409, causes: ['FieldManagerConflict'] });
    expect(ok(await apply('2', 'somebody', { force: true }))['data']).toEqual({ a: '2' });
    const merged = await client.patch(configMaps, name, { data: { b: '3' } }, { type: 'merge' });
    expect(ok(merged)['data']).toEqual({ a: '2', b: '3' });
  });

  test('sends text as it is', async () => {
    const text =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"text"},"data":{"n":"12345678901234567890"}}';
    const made = ok(await world.client.create(configMaps, namespace, text));
    expect(made['data']).toEqual({ n: '12345678901234567890' });
  });

  test('lists in pages, with the type of each object, and selects', async () => {
    const { client } = world;
    for (const name of ['p1', 'p2', 'p3']) {
      ok(await client.create(configMaps, namespace, configMap(name, {}, { labels: { paged: 'yes' } })));
    }
    const selection = { namespace, labelSelector: 'paged=yes' };
    const first = ok(await client.list(configMaps, { ...selection, limit: 2 }));
    expect(first.items.map(({ kind, apiVersion, metadata }) => [apiVersion, kind, metadata.name])).toEqual([
      ['v1', 'ConfigMap', 'p1'],
      ['v1', 'ConfigMap', 'p2'],
    ]);
    const second = ok(await client.list(configMaps, { ...selection, limit: 2, continue: first.continue }));
    expect([second.items.map(({ metadata }) => metadata.name), second.continue]).toEqual([['p3'], '']);
    const whole = { ...selection, resourceVersion: '', paged: true, signal };
    expect(ok(await listAll(client, configMaps, { ...whole, objectsMax: 3 })).objects).toHaveLength(3);
    const tooMany = await listAll(client, configMaps, { ...whole, objectsMax: 2 });
    expect(tooMany).toMatchObject({
      kind: 'unreachable',
      reason: expect.stringContaining('more than 2 configmaps'),
    });
  });

  test('watches until it is told to stop', async () => {
    const { client } = world;
    const { resourceVersion } = ok(await client.list(configMaps, { namespace }));
    const abort = new AbortController();
    const seen: string[] = [];
    const options = { namespace, resourceVersion, timeoutSeconds: 60, signal: abort.signal };
    const end = client.watch(configMaps, options, ({ type, object }: WatchEvent) => {
      seen.push(`${type} ${(object['metadata'] as { name: string }).name}`);
      if (type === 'DELETED') abort.abort();
    });
    ok(await client.create(configMaps, namespace, configMap('watched')));
    await client.delete(configMaps, { namespace, name: 'watched' });
    expect(await end).toMatchObject({ kind: 'unreachable', cause: 'cancelled' });
    expect(seen).toEqual(['ADDED watched', 'DELETED watched']);
  });

  test('says what the server refuses and why, in one harmless line', async () => {
    const denied = await world.clientOf('mallory-token').list(configMaps, { namespace });
    expect(denied).toMatchObject({ kind: 'refused', code: 403, reason: 'Forbidden' });
    const broken = await world.client.create(configMaps, namespace, configMap('Bad\u0007Name'));
    expect(broken).toMatchObject({ kind: 'refused', code: 422, reason: 'Invalid' });
    expect(broken.kind === 'refused' && broken.message).not.toMatch(/\p{Cc}/u);
  });

  test('refuses names that would change the path', async () => {
    const climbing = await world.client.get(configMaps, { namespace, name: '..' });
    expect(climbing).toMatchObject({ kind: 'refused', code: 422 });
    const odd = await world.client.get(configMaps, { namespace, name: 'a/../../secrets/b?c' });
    expect(odd).toMatchObject({ kind: 'refused', code: 404 });
  });
});

describe('discovery', () => {
  test('knows kinds by exact version, prefers, and sees a new kind after a reset', async () => {
    const { client } = world;
    const discovery = new Discovery(client, systemClock);
    expect(ok(await discovery.find('apps', 'v1', 'Deployment'))).toMatchObject({
      plural: 'deployments',
      namespaced: true,
    });
    expect(ok(await discovery.find('', 'v1', 'Namespace'))).toMatchObject({
      plural: 'namespaces',
      namespaced: false,
    });
    expect(ok(await discovery.find('apps', 'v9', 'Deployment'))).toBeUndefined();
    expect(ok(await discovery.findPreferred('apps', 'Deployment'))).toMatchObject({ version: 'v1' });
    expect(ok(await discovery.findPreferred('discovered.example.com', 'Thing'))).toBeUndefined();
    expect(ok(await discovery.find('discovered.example.com', 'v1', 'Thing'))).toBeUndefined();
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    ok(
      await client.create(definitionType, undefined, {
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: 'things.discovered.example.com' },
        spec: {
          group: 'discovered.example.com',
          scope: 'Cluster',
          names: { plural: 'things', kind: 'Thing' },
          versions: [{ name: 'v1', served: true, storage: true, schema }],
        },
      }),
    );
    expect(ok(await discovery.find('discovered.example.com', 'v1', 'Thing'))).toBeUndefined();
    await expect
      .poll(async () => {
        discovery.reset();
        return ok(await discovery.find('discovered.example.com', 'v1', 'Thing'));
      })
      .toMatchObject({ plural: 'things', namespaced: false });
  });
});
