/**
 * From a push to the cluster and back: real kas and agentk, a real bare repository, a real kube-apiserver where its binaries are
 * (`KUBEBUILDER_ASSETS`), the simulated one elsewhere.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KasApi } from '../../src/cli/remote/kas-api.ts';
import { targetOf } from '../../src/cli/remote/target.ts';
import { kasState } from '../../src/cli/status/state-shape.ts';
import { BareRepository } from '../git/bare-repository.ts';
import { startCluster, type Cluster } from '../fakes/kube-apiserver.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { ClusterView } from './cluster-view.ts';
import { until, World, type TestProcess } from './world.ts';

const configuration = `gitops:
  manifest_projects:
    - id: demo/manifests
      default_namespace: demo
      # A bare API server has nobody who ends a deletion in the foreground.
      prune_propagation_policy: background
`;
const waitMs = 60_000;

const askKas = async (kas: string) => {
  const api = new KasApi(targetOf({ kas }, {}));
  try {
    return await api.get('/state', kasState);
  } finally {
    await api.close();
  }
};

let cluster: Cluster;
let world: World;
let agentk: TestProcess;
let repository: BareRepository;
let configurations: BareRepository;
let view: ClusterView;

const configMaps = '/api/v1/namespaces/demo/configmaps';
const configMap = (name: string, value: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {value: "${value}"}\n`;

/** Waits until the objects have these values; undefined: is not there. */
async function reaches(values: Readonly<Record<string, string | undefined>>): Promise<void> {
  await until(`the cluster to have ${JSON.stringify(values)}\n${agentk.log}`, waitMs, async () => {
    for (const [name, value] of Object.entries(values)) {
      if ((await view.valueOf(name)) !== value) return undefined;
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

/** Waits until the inventory names exactly what is there. */
async function settled(): Promise<void> {
  await until(`inventory and cluster to agree\n${agentk.log}`, waitMs, async () => {
    const { named, marked } = await view.owned();
    return named.length > 0 && named.join() === marked.join() ? true : undefined;
  });
}

const gadget = `apiVersion: kastor.test/v1
kind: Gadget
metadata: {name: first}
spec: {size: 3}
`;
const gadgets = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.kastor.test}
spec:
  group: kastor.test
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget, listKind: GadgetList}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: {type: object, properties: {size: {type: integer}}}
`;

beforeAll(async () => {
  cluster = await startCluster();
  view = new ClusterView(cluster);
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } };
  expect([201, 409]).toContain((await view.ask('POST', '/api/v1/namespaces', namespace)).status);
  world = await World.prepare({ kubeconfig: cluster.kubeconfigPath, configuration });
  repository = new BareRepository(world.data.repositories.manifests);
  await repository.commit({
    'manifests/greeting.yaml': null,
    'a.yaml': configMap('a', '1'),
    'b.yaml': configMap('b', '1'),
  });
  configurations = new BareRepository(world.data.repositories.configuration);
  const kas = await readFile(world.data.kasConfiguration, 'utf8');
  // Without news of it kas finds out that a repository has gone when it looks next.
  await writeFile(
    world.data.kasConfiguration,
    kas.replace('agent:\n', 'agent:\n  gitops:\n    poll_period: "2s"\n'),
  );
  await world.startKas();
  agentk = world.startAgentk();
}, 180_000);

afterAll(async () => {
  await world.close();
  await view.close();
  await cluster.stop();
});

describe('what a team pushes', { timeout: 180_000 }, () => {
  it('is in the cluster, owned by its inventory', async () => {
    await reaches({ a: '1', b: '1' });
    const { object } = await view.ask('GET', `${configMaps}/a`);
    expect(object).toMatchObject({
      metadata: { annotations: { 'config.k8s.io/owning-inventory': '1-2' } },
    });
    await agentk.said(/Objects synchronized/);
    const inventory = await view.ask('GET', `${configMaps}/inventory-1-2`);
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
      const [first] = (await view.ask('GET', path)).object['items'] as object[];
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
    await view.ask('DELETE', `${configMaps}/a`);
    await reaches({ a: '2' });
    await view.ask('PATCH', `${configMaps}/c`, { data: { value: 'by hand' } });
    await reaches({ c: '1' });
  });

  it('stays as it was while a commit cannot be read, and goes on with the next', async () => {
    await repository.commit({ 'a.yaml': configMap('a', '3'), 'broken.yaml': 'kind: [' });
    const told = /error parsing broken\.yaml/;
    await until('somebody to tell of the broken file', waitMs, () => (said(told) > 0 ? true : undefined));
    expect(await view.valueOf('a')).toBe('2');
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
    await view.ask('PATCH', `${configMaps}/inventory-1-2`, approval);
    await reaches({ a: undefined, c: undefined });
  });
});

describe('upheavals in the repository', { timeout: 180_000 }, () => {
  it('fifty commits in a row end with the last of them', async () => {
    for (let n = 1; n <= 50; n += 1) {
      await repository.commit({
        'a.yaml': configMap('a', `storm-${n}`),
        [`storm-${n}.yaml`]: configMap(`storm-${n}`, '1'),
      });
    }
    await reaches({ a: 'storm-50', 'storm-1': '1', 'storm-50': '1' });
    await settled();
  });

  it('a history that has nothing to do with the one before is followed like any commit', async () => {
    const other = await repository.commit(
      { 'b.yaml': configMap('b', 'other'), 'c.yaml': configMap('c', 'other') },
      'other',
    );
    await repository.git('update-ref', 'refs/heads/main', other);
    await reaches({ a: undefined, b: 'other', c: 'other', 'storm-50': undefined });
    await settled();
  });

  it('a repository that has gone deletes nothing, and is followed again when it is back', async () => {
    const before = await view.owned();
    const told = /No manifests from kas/;
    const toldBefore = said(told);
    await rename(repository.gitDir, `${repository.gitDir}.away`);
    await saysAgain(told, toldBefore);
    expect(await view.owned()).toEqual(before);
    await rename(`${repository.gitDir}.away`, repository.gitDir);
    await repository.commit({ 'b.yaml': configMap('b', 'back') });
    await reaches({ b: 'back', c: 'other' });
    expect(await view.owned()).toEqual(before);
  });

  it('a kind and its objects come in one commit', async (context) => {
    context.skip(!cluster.takesCustomObjects, 'this build of the API server dies of custom objects');
    await repository.commit({ 'a-gadget.yaml': gadget, 'gadgets.yaml': gadgets });
    await until(`the gadget\n${agentk.log}`, waitMs, async () => {
      const { status } = await view.ask('GET', '/apis/kastor.test/v1/namespaces/demo/gadgets/first');
      return status === 200 ? true : undefined;
    });
  });

  it('an object that moves to another namespace leaves the one it was in', async () => {
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'elsewhere' } };
    // By hand: a bare API server has nobody who would end its deletion later.
    await view.ask('POST', '/api/v1/namespaces', namespace);
    const moved = configMap('b', 'moved').replace('{name: b}', '{name: b, namespace: elsewhere}');
    await repository.commit({ 'b.yaml': moved });
    await reaches({ b: undefined, c: 'other' });
    expect(await view.valueOf('b', 'elsewhere')).toBe('moved');
  });
});

describe('a configuration that no longer names the project', { timeout: 180_000 }, () => {
  it('deletes nothing and says so', async () => {
    const told = /nothing was deleted/;
    await configurations.commit({ '.gitlab/agents/demo/config.yaml': 'gitops: {}\n' });
    await saysAgain(told, 0);
    expect(await view.valueOf('c')).toBe('other');
    await configurations.commit({ '.gitlab/agents/demo/config.yaml': configuration });
    await repository.commit({ 'b.yaml': null, 'a-gadget.yaml': null, 'gadgets.yaml': null });
    await until('the moved object to go', waitMs, async () =>
      (await view.valueOf('b', 'elsewhere')) === undefined ? true : undefined,
    );
  });
});

describe('agentk is killed in the middle of it', { timeout: 600_000 }, () => {
  const objects = 500;
  /** Each round changes all objects; a tenth of them leaves, another tenth is new. */
  const round = (n: number) => {
    const files: Record<string, string | null> = {};
    for (let name = 0; name < objects + 100; name += 1) {
      const leaves = n % 2 === 0 ? name < 50 : name >= objects + 50;
      files[`many/${name}.yaml`] = leaves ? null : many(`many-${name}`, n);
    }
    return files;
  };
  const many = (name: string, n: number) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {round: "${n}"}}\ndata: {value: "${n}"}\n`;
  const reached = async (n: number) => (await view.configMaps('demo', `round=${n}`)).length;

  it('and the next one brings cluster and inventory to the commit, touching nothing else', async () => {
    const strangers = ['stranger', 'many-7'];
    for (const name of strangers) {
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value: 'by hand' } };
      expect((await view.ask('POST', configMaps, body)).status).toBe(201);
    }
    const versions = async () => {
      const all = await view.configMaps();
      return strangers.map((name) => all.find(({ metadata }) => metadata.name === name)?.metadata);
    };
    const before = await versions();
    const random = new SeededRandom(20_261);
    for (let n = 1; n <= 3; n += 1) {
      const seen = view.seen(1 + random.below(objects), `round=${n}`);
      await repository.commit(round(n));
      await seen;
      agentk.kill('SIGKILL');
      await agentk.exited;
      agentk = world.startAgentk();
      await until(`agentk to end round ${n}\n${agentk.log}`, waitMs, () =>
        said(/Objects synchronized/) > 0 ? true : undefined,
      );
      const { named, marked } = await view.owned();
      expect(marked).toEqual(named);
      expect(await reached(n)).toBe(marked.length - 1); // `c`
    }
    expect(await versions()).toEqual(before);
  });
});
