/**
 * From a push to the cluster and back: real kas and agentk, a real bare repository, a real kube-apiserver where its binaries are
 * (`KUBEBUILDER_ASSETS`), the simulated one elsewhere.
 */
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askKas } from '../../src/cli/status/kas-state.ts';
import { BareRepository } from '../git/bare-repository.ts';
import { startCluster, type Cluster } from '../fakes/kube-apiserver.ts';
import { until, World, type TestProcess } from './world.ts';

const configuration = `gitops:
  manifest_projects:
    - id: demo/manifests
      default_namespace: demo
      # A bare API server has nobody who ends a deletion in the foreground.
      prune_propagation_policy: background
`;
const waitMs = 60_000;

let cluster: Cluster;
let world: World;
let agentk: TestProcess;
let repository: BareRepository;
let dispatcher: Agent;

/** The cluster, asked without kas. */
async function ask(method: 'GET' | 'POST' | 'DELETE' | 'PATCH', path: string, body?: object) {
  const { statusCode, body: answer } = await request(`${cluster.url}${path}`, {
    dispatcher,
    method,
    headers: {
      authorization: `Bearer ${cluster.adminToken}`,
      'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: statusCode, object: (await answer.json()) as Record<string, unknown> };
}

const configMaps = '/api/v1/namespaces/demo/configmaps';
const configMap = (name: string, value: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {value: "${value}"}\n`;

async function valueOf(name: string): Promise<string | undefined> {
  const { status, object } = await ask('GET', `${configMaps}/${name}`);
  return status === 200 ? ((object['data'] ?? {}) as { readonly value?: string }).value : undefined;
}

/** Waits until the objects have these values; undefined: is not there. */
async function reaches(values: Readonly<Record<string, string | undefined>>): Promise<void> {
  await until(`the cluster to have ${JSON.stringify(values)}\n${agentk.log}`, waitMs, async () => {
    for (const [name, value] of Object.entries(values)) {
      if ((await valueOf(name)) !== value) return undefined;
    }
    return true;
  });
}

/** How often agentk has said something. */
const said = (pattern: RegExp) => agentk.lines.filter((line) => pattern.test(line)).length;
const saysAgain = (pattern: RegExp, before: number) =>
  until(`agentk to say ${pattern} again\n${agentk.log}`, waitMs, () =>
    said(pattern) > before ? true : undefined,
  );

beforeAll(async () => {
  cluster = await startCluster();
  dispatcher = new Agent({ connect: { ca: cluster.caPem } });
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } };
  expect([201, 409]).toContain((await ask('POST', '/api/v1/namespaces', namespace)).status);
  world = await World.prepare({ kubeconfig: cluster.kubeconfigPath, configuration });
  repository = new BareRepository(world.data.repositories.manifests);
  await repository.commit({
    'manifests/greeting.yaml': null,
    'a.yaml': configMap('a', '1'),
    'b.yaml': configMap('b', '1'),
  });
  await world.startKas();
  agentk = world.startAgentk();
}, 180_000);

afterAll(async () => {
  await world.close();
  await dispatcher.destroy();
  await cluster.stop();
});

describe('what a team pushes', { timeout: 180_000 }, () => {
  it('is in the cluster, owned by its inventory', async () => {
    await reaches({ a: '1', b: '1' });
    const { object } = await ask('GET', `${configMaps}/a`);
    expect(object).toMatchObject({
      metadata: { annotations: { 'config.k8s.io/owning-inventory': '1-2' } },
    });
    await agentk.said(/Objects synchronized/);
    const inventory = await ask('GET', `${configMaps}/inventory-1-2`);
    expect(Object.keys(inventory.object['data'] ?? {}).toSorted()).toEqual([
      'demo_a__ConfigMap',
      'demo_b__ConfigMap',
    ]);
  });

  it('is told by kas, and by an Event of the inventory', async () => {
    const newest = await repository.git('rev-parse', 'main');
    const told = await until('kas to know of it', waitMs, async () => {
      const { gitops } = await askKas(`http://127.0.0.1:${world.ports.observability}`);
      return gitops.projects.find(({ phase }) => phase === 'synced');
    });
    expect(told).toMatchObject({
      project: 'demo/manifests',
      agentId: '1',
      syncedCommit: newest,
      counts: { applied: 2, failed: 0 },
      isLastKnown: false,
    });
    const selector = 'involvedObject.kind=ConfigMap,involvedObject.name=inventory-1-2';
    const event = await until('an Event', waitMs, async () => {
      const path = `/api/v1/namespaces/demo/events?fieldSelector=${encodeURIComponent(selector)}`;
      const [first] = (await ask('GET', path)).object['items'] as object[];
      return first;
    });
    expect(event).toMatchObject({ reason: 'Synchronized', type: 'Normal', count: 1 });
  });

  it('replaces what was there, and what it deletes is pruned', async () => {
    await repository.commit({ 'a.yaml': configMap('a', '2'), 'b.yaml': null, 'c.yaml': configMap('c', '1') });
    await reaches({ a: '2', b: undefined, c: '1' });
  });

  it('comes back when somebody deletes or changes it', async () => {
    await until('agentk to rest', waitMs, () => (said(/Objects synchronized/) >= 2 ? true : undefined));
    await ask('DELETE', `${configMaps}/a`);
    await reaches({ a: '2' });
    await ask('PATCH', `${configMaps}/c`, { data: { value: 'by hand' } });
    await reaches({ c: '1' });
  });

  it('stays as it was while a commit cannot be read, and goes on with the next', async () => {
    await repository.commit({ 'a.yaml': configMap('a', '3'), 'broken.yaml': 'kind: [' });
    const told = /error parsing broken\.yaml/;
    await until('somebody to tell of the broken file', waitMs, () => (said(told) > 0 ? true : undefined));
    expect(await valueOf('a')).toBe('2');
    await repository.commit({ 'broken.yaml': null });
    await reaches({ a: '3' });
  });

  it('is not deleted when everything has gone, until a person agrees', async () => {
    const before = said(/deletions are held/);
    const commitId = await repository.commit({ 'a.yaml': null, 'c.yaml': null });
    await saysAgain(/deletions are held/, before);
    await reaches({ a: '3', c: '1' });
    const held = await until('kas to know that deletions are held', waitMs, async () => {
      const { gitops } = await askKas(`http://127.0.0.1:${world.ports.observability}`);
      return gitops.projects.find(({ phase }) => phase === 'held');
    });
    expect(held.reason).toContain(`kastor.dev/approve-prune=${commitId}`);
    const approval = { metadata: { annotations: { 'kastor.dev/approve-prune': commitId } } };
    await ask('PATCH', `${configMaps}/inventory-1-2`, approval);
    await reaches({ a: undefined, c: undefined });
  });
});
