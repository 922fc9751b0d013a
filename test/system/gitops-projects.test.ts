/**
 * Several manifest projects of one agent, each with an entry of its own in `config.yaml`: who may touch what was there before, dry runs,
 * objects that are let go, an inventory of the original taken over. Real kas, agentk and repositories; a real kube-apiserver where
 * its binaries are (`KUBEBUILDER_ASSETS`), the simulated one elsewhere.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProjectsWorld } from './projects-world.ts';

const owner = 'config.k8s.io/owning-inventory';
/** A bare API server has nobody who ends a deletion in the foreground. */
const background = 'prune_propagation_policy: background';
/** Projects by their names, which are also their namespaces. */
const entries = {
  'must-match': [background, 'inventory_policy: must_match'],
  'adopt-free': [background, 'inventory_policy: adopt_if_no_inventory'],
  'adopt-all': [background, 'inventory_policy: adopt_all'],
  'dry-client': [background, 'dry_run_strategy: client'],
  'dry-server': [background, 'dry_run_strategy: server'],
  keeping: [background, 'prune: true'],
  original: [background, 'inventory_policy: must_match'],
} as const;
type Project = keyof typeof entries;

let world: ProjectsWorld<Project>;

const configMap = (name: string, value: string, annotations = '') =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}${annotations && `, annotations: {${annotations}}`}}\ndata: {value: "${value}"}\n`;

/** What is there before agentk comes. */
async function put(project: Project, name: string, annotations: Record<string, string> = {}): Promise<void> {
  const body = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, annotations },
    data: { value: 'before' },
  };
  const made = await world.view.ask('POST', `/api/v1/namespaces/${project}/configmaps`, body);
  expect(made.status).toBe(201);
}

const values = async (project: Project, ...wanted: readonly string[]) =>
  Object.fromEntries(
    await Promise.all(wanted.map(async (name) => [name, await world.view.valueOf(name, project)] as const)),
  );

const marked = async (project: Project, name: string) => {
  const all = await world.view.configMaps(project);
  return all.find(({ metadata }) => metadata.name === name)?.metadata.annotations?.[owner];
};

const first = new Map<Project, string>();
beforeAll(async () => {
  world = await ProjectsWorld.prepare(entries);
  await before();
  await world.start();
}, 600_000);

/** What is in the cluster and the repositories before agentk begins. */
async function before(): Promise<void> {
  for (const project of ['must-match', 'adopt-free', 'adopt-all'] as const) {
    await put(project, 'free');
    await put(project, 'others', { [owner]: 'somebody' });
    const files = ['free', 'others', 'new'].map((name) => [`${name}.yaml`, configMap(name, 'ours')]);
    first.set(project, await world.commit(project, Object.fromEntries(files)));
  }
  for (const project of ['dry-client', 'dry-server'] as const) {
    first.set(project, await world.commit(project, { 'a.yaml': configMap('a', 'ours') }));
  }
  const detach = '"client.lifecycle.config.k8s.io/deletion": detach';
  const keep = '"cli-utils.sigs.k8s.io/on-remove": keep';
  const keeping = {
    'detached.yaml': configMap('detached', 'ours', detach),
    'kept.yaml': configMap('kept', 'ours', keep),
    'plain.yaml': configMap('plain', 'ours'),
    'steady.yaml': configMap('steady', 'ours'),
  };
  first.set('keeping', await world.commit('keeping', keeping));
  const id = `1-${world.idOf('original')}`;
  await put('original', 'stays', { [owner]: id });
  await put('original', 'leaves', { [owner]: id });
  const inventory = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `inventory-${id}`, labels: { 'cli-utils.sigs.k8s.io/inventory-id': id } },
    data: {
      original_stays__ConfigMap: '',
      original_leaves__ConfigMap: JSON.stringify({
        actuation: 'Succeeded',
        reconcile: 'Succeeded',
        strategy: 'Apply',
      }),
    },
  };
  await world.view.ask('POST', '/api/v1/namespaces/original/configmaps', inventory);
  first.set('original', await world.commit('original', { 'stays.yaml': configMap('stays', 'ours') }));
}

afterAll(async () => {
  await world.close();
});

const theFirst = (project: Project) => world.synchronized(project, first.get(project) ?? '');

describe('what was there before', { timeout: 300_000 }, () => {
  it.each([
    ['must-match', { free: 'before', others: 'before', new: 'ours' }],
    ['adopt-free', { free: 'ours', others: 'before', new: 'ours' }],
    ['adopt-all', { free: 'ours', others: 'ours', new: 'ours' }],
  ] as const)('under %s becomes %j, and of that only ours is deleted', async (project, expected) => {
    await theFirst(project);
    expect(await values(project, 'free', 'others', 'new')).toEqual(expected);
    const files = { 'free.yaml': null, 'others.yaml': null, 'new.yaml': null };
    const left = await world.commit(project, { ...files, 'last.yaml': configMap('last', 'ours') });
    await world.synchronized(project, left);
    const kept = Object.entries(expected).map(([name, value]) => [
      name,
      value === 'before' ? value : undefined,
    ]);
    expect(await values(project, 'free', 'others', 'new')).toEqual(Object.fromEntries(kept));
    expect(await world.view.valueOf('last', project)).toBe('ours');
  });
});

describe('a dry run', { timeout: 300_000 }, () => {
  it.each(['dry-client', 'dry-server'] as const)('as %s ends well and leaves nothing', async (project) => {
    await theFirst(project);
    const all = await world.view.configMaps(project);
    expect(all.map(({ metadata }) => metadata.name).filter((name) => name !== 'kube-root-ca.crt')).toEqual(
      [],
    );
  });
});

describe('objects that leave the repository', { timeout: 300_000 }, () => {
  it('go under their old name when they are renamed, and stay, let go, when their annotations say so', async () => {
    await theFirst('keeping');
    const changes = { 'detached.yaml': null, 'kept.yaml': null, 'plain.yaml': configMap('renamed', 'ours') };
    await world.synchronized('keeping', await world.commit('keeping', changes));
    expect(await values('keeping', 'detached', 'kept', 'plain', 'renamed', 'steady')).toEqual({
      detached: 'ours',
      kept: 'ours',
      plain: undefined,
      renamed: 'ours',
      steady: 'ours',
    });
    const id = `1-${world.idOf('keeping')}`;
    expect([await marked('keeping', 'detached'), await marked('keeping', 'kept')]).toEqual([
      undefined,
      undefined,
    ]);
    expect(await marked('keeping', 'steady')).toBe(id);
    const { object } = await world.view.ask('GET', `/api/v1/namespaces/keeping/configmaps/inventory-${id}`);
    expect(Object.keys(object['data'] ?? {}).toSorted()).toEqual([
      'keeping_renamed__ConfigMap',
      'keeping_steady__ConfigMap',
    ]);
  });
});

describe('an inventory the original wrote', { timeout: 300_000 }, () => {
  it('is gone on with: what it names and the repository does not is deleted, the rest is ours', async () => {
    await theFirst('original');
    expect(await values('original', 'stays', 'leaves')).toEqual({ stays: 'ours', leaves: undefined });
    const path = `/api/v1/namespaces/original/configmaps/inventory-1-${world.idOf('original')}`;
    const { object } = await world.view.ask('GET', path);
    expect(object['data']).toEqual({ original_stays__ConfigMap: '' });
  });
});
