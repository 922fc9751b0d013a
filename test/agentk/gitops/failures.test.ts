/** Synchronisations in which something is wrong: what stops all, what stops one object, what is told. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cm, configMaps, gitopsWorld, namespaces, type GitopsWorld } from './gitops-world.ts';

let world: GitopsWorld;
beforeAll(async () => {
  world = await gitopsWorld({ 'limited-token': { username: 'limited', groups: [] } });
  const rbac = (plural: string, kind: string) => ({
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    plural,
    kind,
    namespaced: false,
  });
  const api = 'rbac.authorization.k8s.io';
  await world.client.create(rbac('clusterroles', 'ClusterRole'), undefined, {
    apiVersion: `${api}/v1`,
    kind: 'ClusterRole',
    metadata: { name: 'limited' },
    rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['*'] }],
  });
  await world.client.create(rbac('clusterrolebindings', 'ClusterRoleBinding'), undefined, {
    apiVersion: `${api}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'limited' },
    roleRef: { apiGroup: api, kind: 'ClusterRole', name: 'limited' },
    subjects: [{ apiGroup: api, kind: 'User', name: 'limited' }],
  });
}, 120_000);
afterAll(() => world.stop());

const secret = (name: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData: { a: 'b' },
});

describe('a synchronisation that cannot begin', () => {
  test.each([
    [
      { kind: 'ConfigMap', apiVersion: 'v1', metadata: {} },
      'manifests.yaml:2: the object has no metadata.name',
    ],
    [
      { kind: 'Thing', apiVersion: 'nowhere.io/v1', metadata: { name: 'x' } },
      'unknown resource types: nowhere.io/v1/Thing',
    ],
    [
      { kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'x', namespace: 'y' } },
      'resource is cluster-scoped but has a non-empty namespace "y"',
    ],
    [
      cm('x', {}, { annotations: { 'config.kubernetes.io/depends-on': '/namespaces/nowhere/ConfigMap/y' } }),
      'which is not in this project',
    ],
  ])('says why and touches nothing: %#', async (bad, reason) => {
    const project = await world.project();
    const { result } = await project.sync([cm('good'), bad]);
    expect(result.kind === 'failed' && result.reason).toContain(reason);
    expect(await world.live(configMaps, 'good', project.namespace)).toBeUndefined();
    expect(
      await world.live(configMaps, `inventory-${project.inventoryId}`, project.namespace),
    ).toBeUndefined();
  });

  test('refuses two inventories, and one without a namespace', async () => {
    const project = await world.project();
    const inventory = (name: string, namespace?: string) =>
      cm(
        name,
        {},
        { labels: { 'cli-utils.sigs.k8s.io/inventory-id': name }, ...(namespace && { namespace }) },
      );
    const two = await project.sync([inventory('a', project.namespace), inventory('b', project.namespace)]);
    expect(two.result.kind === 'failed' && two.result.reason).toContain('manifests.yaml:1, manifests.yaml:2');
    const homeless = await project.sync([inventory('a')]);
    expect(homeless.result.kind === 'failed' && homeless.result.reason).toContain('must name its namespace');
  });

  test('says what to do when the namespace of the inventory is missing, and makes it when it is in the commit', async () => {
    const project = await world.project();
    const home = `${project.namespace}-own`;
    const options = { defaultNamespace: home };
    const without = await project.sync([cm('a')], options);
    expect(without.result.kind === 'failed' && without.result.reason).toMatch(
      /^task failed \(action: "Inventory", name: "inventory-add-0"\): cannot create the inventory/,
    );
    const namespace = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: home, labels: { team: 'x' } },
    };
    const { result } = await project.sync([cm('a'), namespace], options);
    expect(result).toMatchObject({ kind: 'synced', counts: { applied: 2 } });
    expect((await world.live(namespaces, home))?.metadata.labels).toMatchObject({ team: 'x' });
  });
});

describe('an object that fails', () => {
  test('does not stop the others; what needs it is skipped; new ones are forgotten by the inventory', async () => {
    const project = await world.project();
    const { namespace } = project;
    const bad = cm('bad', {}, { managedFields: [{ manager: 'x' }] });
    const needy = cm(
      'needy',
      {},
      {
        annotations: { 'config.kubernetes.io/depends-on': `/namespaces/${namespace}/ConfigMap/bad` },
      },
    );
    const { result, lines, events } = await project.sync([cm('good'), bad, needy]);
    expect(result).toMatchObject({
      kind: 'failed',
      reason: '1 resources failed',
      counts: { applied: 1, failed: 1, skipped: 1 },
      firstFailure: { id: { name: 'bad' } },
    });
    expect(lines.filter((line) => line.startsWith('apply'))).toEqual([
      'apply ConfigMap/bad Failed',
      'apply ConfigMap/good Successful',
      'apply ConfigMap/needy Skipped',
    ]);
    expect(events.find((event) => event.type === 'apply' && event.id.name === 'needy')).toMatchObject({
      error: `dependency apply actuation failed: "ConfigMap ${namespace}/bad"`,
    });
    expect(await world.inventoryKeys(project)).toEqual([`${namespace}_good__ConfigMap`]);
    expect((await project.sync([cm('good'), cm('bad'), needy])).result).toMatchObject({ kind: 'synced' });
  });

  test('is told when agentk may not apply its kind; the rest is applied', async () => {
    const project = await world.project({ policy: 'adopt_all' }, 'limited-token');
    const { result } = await project.sync([cm('a'), secret('s')]);
    expect(result).toMatchObject({ kind: 'failed', counts: { applied: 1, failed: 1 } });
    expect(result.kind === 'failed' && result.firstFailure?.error).toContain('HTTP 403');
  });

  test('whose deletion is forbidden stays in the inventory', async () => {
    const owner = await world.project();
    await owner.sync([cm('a'), secret('s')]);
    const { namespace, inventoryId } = owner;
    const limited = await world.project({ defaultNamespace: namespace }, 'limited-token');
    const asOwner = { ids: inventoryId.split('-') };
    expect(asOwner.ids).toHaveLength(2);
    const template = cm(
      `inventory-${inventoryId}`,
      {},
      {
        namespace,
        labels: { 'cli-utils.sigs.k8s.io/inventory-id': inventoryId },
      },
    );
    const { result } = await limited.sync([cm('a'), template]);
    expect(result.kind === 'failed' && result.reason).toContain('which left the repository: HTTP 403');
    expect(await world.inventoryKeys(owner)).toContain(`${namespace}_s__Secret`);
  });

  test('is told when it does not become ready in time, and again when it does', async () => {
    const project = await world.project({ reconcileTimeoutMs: 300 });
    const claim = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'stuck' },
      spec: {
        nodeName: 'no-such-node',
        containers: [{ name: 'a', image: 'a:1' }],
        automountServiceAccountToken: false,
      },
    };
    const { result, lines } = await project.sync([claim]);
    expect(result).toMatchObject({
      kind: 'failed',
      reason: '1 resources failed to reconcile before timeout',
      counts: { applied: 1, unreconciled: 1 },
    });
    expect(lines.at(-1)).toBe('wait Pod/stuck Timeout');
    expect(await world.inventoryKeys(project)).toEqual([`${project.namespace}_stuck__Pod`]);
  });
});
