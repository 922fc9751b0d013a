/** The simulated server's own promises: size, bounds, remembering, and what the real one does not do for us. */
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configMap, namesOf, shown } from './contract/world.ts';
import { KubeClient } from './kube-client.ts';
import { simulatedWorld, type SimulatedWorld } from './simulated-world.ts';

const maps = '/api/v1/namespaces/default/configmaps';

describe('the simulated API server', () => {
  let world: SimulatedWorld;
  beforeEach(async () => {
    world = await simulatedWorld();
  });
  afterEach(async () => {
    await world.close();
    expect(world.clock.pending).toBe(0);
    expect(world.log.lines.filter((line) => line.level === 'error')).toEqual([]);
  });

  async function fill(count: number, bytes: number): Promise<void> {
    const data = { text: 'x'.repeat(bytes) };
    for (let from = 0; from < count; from += 50) {
      const names = Array.from({ length: Math.min(50, count - from) }, (_, index) => `c${from + index}`);
      await Promise.all(names.map((name) => world.admin.post(maps, configMap(name, data))));
    }
  }

  it('lists ten thousand objects, 20 MB and more, plain and compressed', { timeout: 60_000 }, async () => {
    await fill(10_000, 2_000);
    const plain = await world.admin.get(maps);
    expect(plain.text.length).toBeGreaterThan(20_000_000);
    expect(shown(plain).items).toHaveLength(10_000);
    const request = httpRequest(`${world.cluster.url}${maps}`, {
      headers: { authorization: `Bearer ${world.cluster.adminToken}`, 'accept-encoding': 'gzip' },
    });
    request.end();
    const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer> & { headers: object }];
    expect(response.headers).toMatchObject({ 'content-encoding': 'gzip' });
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    expect(gunzipSync(Buffer.concat(chunks)).toString()).toBe(plain.text);
  });

  it('forgets old changes and says so to watches and pages', { timeout: 60_000 }, async () => {
    await fill(3, 1);
    const page = await world.admin.get(`${maps}?limit=1`);
    const { resourceVersion, continue: token = '' } = shown(page).metadata;
    for (let round = 0; round < 2_200; round += 100) {
      const writes = Array.from({ length: 100 }, (_, index) =>
        world.admin.patch(`${maps}/c0`, 'merge-patch', { data: { n: String(round + index) } }),
      );
      await Promise.all(writes);
    }
    const watch = await world.admin.watch(`${maps}?watch=true&resourceVersion=${resourceVersion}`);
    expect(await watch.next()).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    const next = await world.admin.get(`${maps}?limit=1&continue=${encodeURIComponent(token)}`);
    expect(next.status).toBe(410);
    expect(next.json).toMatchObject({ reason: 'Expired' });
  });

  it('cuts off a watcher that does not read', { timeout: 60_000 }, async () => {
    const request = httpRequest(`${world.cluster.url}${maps}?watch=true`, {
      headers: { authorization: `Bearer ${world.cluster.adminToken}` },
    });
    request.end();
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream & { aborted?: boolean }];
    response.pause();
    const lost = once(response, 'error').then(() => 'cut off');
    await fill(40, 1_000_000);
    response.resume();
    expect(await lost).toBe('cut off');
  });

  it('sends bookmarks and ends a watch by its own clock', async () => {
    const watch = await world.admin.watch(`${maps}?watch=true&allowWatchBookmarks=true&timeoutSeconds=90`);
    world.clock.advance(60_000);
    expect(await watch.next()).toMatchObject({
      type: 'BOOKMARK',
      object: { kind: 'ConfigMap', apiVersion: 'v1' },
    });
    world.clock.advance(30_000);
    expect(await watch.next()).toMatchObject({ type: 'BOOKMARK' });
    expect(await watch.next()).toBeUndefined();
  });

  it('streams the initial list when asked to', async () => {
    await fill(2, 1);
    const query =
      'watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
    const watch = await world.admin.watch(`${maps}?${query}`);
    expect(await watch.names(2)).toEqual(['ADDED c0', 'ADDED c1']);
    expect(await watch.next()).toMatchObject({
      type: 'BOOKMARK',
      object: { metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
    await watch.close();
  });

  it('refuses bodies that are too large, too deep or of an unknown type', async () => {
    const large = await world.admin.post(maps, configMap('large', { a: 'x'.repeat(3 * 1024 * 1024) }));
    expect(large.status).toBe(413);
    const deep = await world.admin.call('POST', maps, { body: `${'{"a":'.repeat(200)}1${'}'.repeat(200)}` });
    expect(deep.status).toBe(400);
    const bomb = 'a: &a [1,1]\nb: &b [*a,*a]\nc: [*b,*b]\n';
    const yaml = await world.admin.call('POST', maps, { body: bomb, type: 'application/yaml' });
    expect(yaml.status).toBe(400);
    const text = await world.admin.call('POST', maps, { body: 'hello', type: 'text/plain' });
    expect(text.status).toBe(415);
    expect((await world.admin.call('PURGE', maps)).status).toBe(405);
  });

  it('keeps an entry named like a prototype without changing one', async () => {
    const body = '{"metadata":{"name":"odd"},"data":{"__proto__":"a","constructor":"b"}}';
    await world.admin.call('POST', maps, { body });
    const patched = await world.admin.call('PATCH', `${maps}/odd`, {
      body: '{"data":{"__proto__":"c"}}',
      type: 'application/merge-patch+json',
    });
    expect(patched.text).toContain('"data":{"__proto__":"c","constructor":"b"}');
    expect(Object.hasOwn(Object.prototype, 'data')).toBe(false);
  });

  it('remembers who asked for what, as whom, and what was decided', async () => {
    const jane = new KubeClient(world.cluster, 'jane-token');
    await jane.get(maps);
    await world.admin.get(maps, {
      'impersonate-user': 'bob',
      'impersonate-group': 'ops',
      'impersonate-extra-k%2fv': 'w',
    });
    await new KubeClient(world.cluster, 'unknown').get(maps);
    expect(world.cluster.requests().slice(-3)).toEqual([
      {
        method: 'GET',
        path: maps,
        username: 'jane',
        groups: ['developers', 'system:authenticated'],
        decision: 'forbid',
      },
      {
        method: 'GET',
        path: maps,
        username: 'admin',
        groups: ['system:masters', 'system:authenticated'],
        impersonated: {
          username: 'bob',
          uid: '',
          groups: ['ops', 'system:authenticated'],
          extra: { 'k/v': ['w'] },
        },
        decision: 'forbid',
      },
      { method: 'GET', path: maps, username: '', groups: [], decision: 'unauthenticated' },
    ]);
  });

  it('knows service accounts by the tokens it mints for them', async () => {
    world.clock.advance(1_000);
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    const minted = await world.admin.post(`${account}/token`, { spec: {} });
    const { token } = (minted.json as { status: { token: string } }).status;
    const client = new KubeClient(world.cluster, token);
    const who = await client.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', {});
    expect(who.json).toMatchObject({
      status: {
        userInfo: {
          username: 'system:serviceaccount:default:default',
          groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
        },
      },
    });
    await client.close();
  });

  it('describes its kinds in one answer to who asks for it', async () => {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const found = await world.admin.get('/apis', { accept });
    expect(found.header('content-type')).toContain('as=APIGroupDiscoveryList');
    expect(found.json).toMatchObject({
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      items: expect.arrayContaining([
        expect.objectContaining({ metadata: expect.objectContaining({ name: 'apps' }) as unknown }),
      ]) as unknown,
    });
    const schema = await world.admin.get('/openapi/v3/apis/apps/v1');
    expect(schema.text).toContain('"fieldValidation"');
  });

  it('lists the past when asked for an exact version', async () => {
    await fill(2, 1);
    const before = shown(await world.admin.get(maps)).metadata.resourceVersion;
    await world.admin.delete(`${maps}/c0`);
    const past = await world.admin.get(`${maps}?resourceVersion=${before}&resourceVersionMatch=Exact`);
    expect(namesOf(past)).toEqual(['c0', 'c1']);
    expect((await world.admin.get(`${maps}?resourceVersion=999999999`)).status).toBe(504);
  });
});
