/**
 * Deletions that others have a part in: what belongs to a pruned object under each propagation, kinds with their objects, namespaces with all
 * that is in them. Real kas, agentk and repositories; a real kube-apiserver with its kube-controller-manager where they are
 * (`KUBEBUILDER_ASSETS`), the simulated cluster elsewhere.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ChangeSeen } from './cluster-view.ts';
import { ProjectsWorld } from './projects-world.ts';
import { until } from './world.ts';

const waitMs = 120_000;
/** Projects by their names, which are also their namespaces. Without a word the propagation is `foreground`. */
const entries = {
  foreground: [],
  background: ['prune_propagation_policy: background'],
  orphan: ['prune_propagation_policy: orphan'],
  tenants: [],
} as const;
type Project = keyof typeof entries;

const configMap = (name: string, more = '') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}${more}}\ndata: {value: ours}\n`;
/** Without replicas: it is healthy also where no pod ever runs, and has its ReplicaSet all the same. */
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
`;
const steady = { 'steady.yaml': configMap('steady') };

let world: ProjectsWorld<Project>;
const first = new Map<Project, string>();

beforeAll(async () => {
  world = await ProjectsWorld.prepare(entries);
  for (const project of ['foreground', 'background', 'orphan'] as const) {
    const files = { ...steady, 'owner.yaml': configMap('owner'), 'web.yaml': deployment };
    first.set(project, await world.commit(project, files));
  }
  first.set('tenants', await world.commit('tenants', steady));
  await world.start();
}, 600_000);

afterAll(() => world.close());

beforeEach((context) => {
  context.skip(!world.cluster.controllers, 'no controllers run in this cluster');
});

const configMaps = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`;
const apps = (namespace: string, plural: string) => `/apis/apps/v1/namespaces/${namespace}/${plural}`;

interface Named {
  readonly metadata: {
    readonly deletionTimestamp?: string;
    readonly name: string;
    readonly uid: string;
    readonly ownerReferences?: readonly object[];
  };
}
const get = async (path: string) => {
  const { status, object } = await world.view.ask('GET', path);
  return status === 200 ? (object as unknown as Named) : undefined;
};
const list = async (path: string) => (await world.view.ask('GET', path)).object['items'] as readonly Named[];

const isDying = async (path: string) => (await get(path))?.metadata.deletionTimestamp !== undefined;

/** When it was deleted in the end, as a count of changes. */
const deletedAt = (changes: readonly ChangeSeen[], object: RegExp) =>
  until(
    `the deletion of ${object}\n${world.log}`,
    waitMs,
    () => changes.find((each) => each.type === 'DELETED' && object.test(each.object))?.revision,
  );

const gone = (path: string) =>
  until(`${path} to go\n${world.log}`, waitMs, async () => {
    const { status } = await world.view.ask('GET', path);
    return status === 404 ? true : undefined;
  });

/** A project in the cluster whose objects own others: a ReplicaSet, and two ConfigMaps made by hand, one of which never goes by itself. */
async function family(project: Project): Promise<void> {
  await world.synchronized(project, first.get(project) ?? '');
  const owner = await get(`${configMaps(project)}/owner`);
  for (const [name, blockOwnerDeletion] of [
    ['needed', true],
    ['loose', false],
  ] as const) {
    const { uid } = owner?.metadata ?? {};
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, blockOwnerDeletion };
    const finalizers = blockOwnerDeletion ? [] : ['kastor.test/hold'];
    const metadata = { name, ownerReferences: [reference], finalizers };
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
    expect((await world.view.ask('POST', configMaps(project), body)).status).toBe(201);
  }
  expect(await list(apps(project, 'replicasets'))).toHaveLength(1);
}

/** The owners leave the repository; answers what happened to everything in the namespace. */
async function ownersLeave(project: Project): Promise<readonly (readonly ChangeSeen[])[]> {
  const paths = [configMaps(project), apps(project, 'replicasets'), apps(project, 'deployments')];
  const followed = await Promise.all(paths.map((path) => world.view.follow(path)));
  const commitId = await world.commit(project, { 'owner.yaml': null, 'web.yaml': null });
  await world.synchronized(project, commitId);
  expect(await get(`${configMaps(project)}/owner`)).toBeUndefined();
  expect(await get(`${apps(project, 'deployments')}/web`)).toBeUndefined();
  expect(await world.view.valueOf('steady', project)).toBe('ours');
  return followed;
}

describe('what belongs to an object that left the repository', { timeout: 300_000 }, () => {
  it('goes before it in the foreground, which waits for those only that hold it back', async () => {
    await family('foreground');
    const [maps = [], sets = [], deployments = []] = await ownersLeave('foreground');
    expect(await list(apps('foreground', 'replicasets'))).toEqual([]);
    expect(await get(`${configMaps('foreground')}/needed`)).toBeUndefined();
    const owner = await deletedAt(maps, /owner$/);
    expect(await deletedAt(maps, /needed$/)).toBeLessThan(owner);
    expect(await isDying(`${configMaps('foreground')}/loose`)).toBe(true);
    expect(await deletedAt(sets, /web-/)).toBeLessThan(await deletedAt(deployments, /web$/));
  });

  it('goes after it in the background', async () => {
    await family('background');
    const [maps = [], sets = [], deployments = []] = await ownersLeave('background');
    const owner = await deletedAt(maps, /owner$/);
    expect(await deletedAt(maps, /needed$/)).toBeGreaterThan(owner);
    await until('the other one to be deleted too', waitMs, async () =>
      (await isDying(`${configMaps('background')}/loose`)) ? true : undefined,
    );
    expect(await deletedAt(sets, /web-/)).toBeGreaterThan(await deletedAt(deployments, /web$/));
  });

  it('stays as an orphan, and is owned by nobody', async () => {
    await family('orphan');
    await ownersLeave('orphan');
    const needed = await get(`${configMaps('orphan')}/needed`);
    const loose = await get(`${configMaps('orphan')}/loose`);
    const left = [needed, loose, ...(await list(apps('orphan', 'replicasets')))];
    expect(left.map((each) => each?.metadata.ownerReferences ?? [])).toEqual([[], [], []]);
  });
});

const definition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.owners.test}
spec:
  group: owners.test
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget, listKind: GadgetList}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
`;
const gadget = `apiVersion: owners.test/v1
kind: Gadget
metadata: {name: first, namespace: tenants}
spec: {size: 3}
`;

describe('a commit', { timeout: 300_000 }, () => {
  it('brings a kind and its objects, and another takes them away: the objects first', async (context) => {
    context.skip(!world.cluster.takesCustomObjects, 'this build of the API server dies of custom objects');
    const files = { 'a-gadget.yaml': gadget, 'gadgets.yaml': definition };
    await world.synchronized('tenants', await world.commit('tenants', files));
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const [kinds, gadgets] = await Promise.all([
      world.view.follow(definitions),
      world.view.follow('/apis/owners.test/v1/namespaces/tenants/gadgets'),
    ]);
    const none = { 'a-gadget.yaml': null, 'gadgets.yaml': null };
    await world.synchronized('tenants', await world.commit('tenants', none));
    expect(await get(`${definitions}/gadgets.owners.test`)).toBeUndefined();
    const asked = kinds.find(({ object, dying }) => dying && object.endsWith('gadgets.owners.test'));
    expect(await deletedAt(gadgets, /first$/)).toBeLessThan(asked?.revision ?? 0);
    await gone('/apis/owners.test/v1/namespaces/tenants/gadgets');
  });

  it('takes a namespace away with all that is in it, to its end', async () => {
    const files = {
      'tenant.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: tenant}\n',
      'own.yaml': configMap('own', ', namespace: tenant'),
    };
    await world.synchronized('tenants', await world.commit('tenants', files));
    const stranger = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'stranger' } };
    expect((await world.view.ask('POST', configMaps('tenant'), stranger)).status).toBe(201);
    const none = { 'tenant.yaml': null, 'own.yaml': null };
    await world.synchronized('tenants', await world.commit('tenants', none));
    expect(await get('/api/v1/namespaces/tenant')).toBeUndefined();
    expect(await list(configMaps('tenant'))).toEqual([]);
    const inventory = await world.view.ask(
      'GET',
      `${configMaps('tenants')}/inventory-1-${world.idOf('tenants')}`,
    );
    expect(inventory.object['data']).toEqual({ tenants_steady__ConfigMap: '' });
  });
});
