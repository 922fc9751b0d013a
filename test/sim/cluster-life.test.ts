/** The simulated controllers, kubelet and collector: what happens by itself in a simulated cluster. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configMap, deployment, freshNamespace, namesOf, shown } from './contract/world.ts';
import { simulatedWorld, type SimulatedWorld } from './simulated-world.ts';

const settleMs = 10_000;
const apps = '/apis/apps/v1/namespaces/default';
const core = '/api/v1/namespaces/default';

describe('life in the simulated cluster', () => {
  let world: SimulatedWorld;
  beforeEach(async () => {
    world = await simulatedWorld();
  });
  afterEach(async () => {
    await world.close();
    expect(world.clock.pending).toBe(0);
    expect(world.log.lines.filter((line) => line.level === 'error')).toEqual([]);
  });

  const withReplicas = (name: string, replicas: number, image = 'web:1') => {
    const body = deployment(name, image);
    return { ...body, spec: { ...body.spec, replicas } };
  };
  const pods = async (label: string) =>
    (await world.admin.get(`${core}/pods?labelSelector=${encodeURIComponent(label)}`)).json as {
      items: {
        metadata: { name: string };
        spec: { containers: { image: string }[] };
        status: { phase: string };
      }[];
    };

  it('brings the pods of a deployment to life, then keeps quiet', async () => {
    await world.admin.post(`${apps}/deployments`, withReplicas('web', 3));
    world.clock.advance(50);
    const born = await pods('app=web');
    expect(born.items.map((pod) => pod.status.phase)).toEqual(['Pending', 'Pending', 'Pending']);
    world.clock.advance(settleMs);
    const running = await pods('app=web');
    expect(running.items.map((pod) => pod.status.phase)).toEqual(['Running', 'Running', 'Running']);
    const settled = await world.admin.get(`${apps}/deployments/web`);
    expect(settled.json).toMatchObject({
      status: {
        observedGeneration: 1,
        replicas: 3,
        readyReplicas: 3,
        availableReplicas: 3,
        updatedReplicas: 3,
      },
    });
    world.clock.advance(settleMs);
    const later = await world.admin.get(`${apps}/deployments/web`);
    expect(shown(later).metadata.resourceVersion).toBe(shown(settled).metadata.resourceVersion);
  });

  it('replaces the pods when the template changes, keeping the old ones until the new are ready', async () => {
    await world.admin.post(`${apps}/deployments`, withReplicas('web', 2));
    world.clock.advance(settleMs);
    await world.admin.put(`${apps}/deployments/web`, withReplicas('web', 2, 'web:2'));
    world.clock.advance(300);
    const both = await pods('app=web');
    expect(both.items.map((pod) => pod.spec.containers[0]?.image ?? '').sort()).toEqual([
      'web:1',
      'web:1',
      'web:2',
      'web:2',
    ]);
    world.clock.advance(settleMs);
    const after = await pods('app=web');
    expect(after.items.map((pod) => pod.spec.containers[0]?.image)).toEqual(['web:2', 'web:2']);
  });

  it('scales up, down and after a pod is lost', async () => {
    await world.admin.post(`${apps}/deployments`, withReplicas('web', 1));
    world.clock.advance(settleMs);
    await world.admin.patch(`${apps}/deployments/web/scale`, 'merge-patch', { spec: { replicas: 3 } });
    world.clock.advance(settleMs);
    const three = await pods('app=web');
    expect(three.items).toHaveLength(3);
    await world.admin.delete(`${core}/pods/${three.items[0]?.metadata.name}`);
    world.clock.advance(settleMs);
    expect((await pods('app=web')).items).toHaveLength(3);
    await world.admin.patch(`${apps}/deployments/web/scale`, 'merge-patch', { spec: { replicas: 0 } });
    world.clock.advance(settleMs);
    expect((await pods('app=web')).items).toEqual([]);
  });

  it('gives stateful sets their pods in order and daemon sets one per node', async () => {
    const { spec } = deployment('db');
    const { selector, template } = spec;
    const stateful = {
      metadata: { name: 'db' },
      spec: { replicas: 2, serviceName: 'db', selector, template },
    };
    await world.admin.post(`${apps}/statefulsets`, stateful);
    world.clock.advance(200);
    expect((await pods('app=db')).items.map((pod) => pod.metadata.name)).toEqual(['db-0']);
    world.clock.advance(settleMs);
    expect((await pods('app=db')).items.map((pod) => pod.metadata.name)).toEqual(['db-0', 'db-1']);
    const daemon = deployment('log').spec;
    await world.admin.post(`${apps}/daemonsets`, {
      metadata: { name: 'log' },
      spec: { selector: daemon.selector, template: daemon.template },
    });
    world.clock.advance(settleMs);
    expect((await pods('app=log')).items).toHaveLength(1);
    expect((await world.admin.get(`${apps}/daemonsets/log`)).json).toMatchObject({
      status: { numberReady: 1 },
    });
  });

  it('runs a job to its end', async () => {
    const template = { spec: { containers: [{ name: 'a', image: 'a:1' }], restartPolicy: 'Never' } };
    const job = { metadata: { name: 'once' }, spec: { template, completions: 2, parallelism: 1 } };
    expect((await world.admin.post('/apis/batch/v1/namespaces/default/jobs', job)).status).toBe(201);
    world.clock.advance(settleMs);
    expect((await world.admin.get('/apis/batch/v1/namespaces/default/jobs/once')).json).toMatchObject({
      status: { succeeded: 2, conditions: [{ type: 'Complete', status: 'True' }] },
    });
  });

  it('leaves a pod whose image does not exist waiting', async () => {
    const spec = { containers: [{ name: 'a', image: 'a:does-not-exist' }] };
    await world.admin.post(`${core}/pods`, { metadata: { name: 'stuck' }, spec });
    world.clock.advance(settleMs);
    expect((await world.admin.get(`${core}/pods/stuck`)).json).toMatchObject({
      status: {
        phase: 'Pending',
        containerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff' } } }],
      },
    });
  });

  it('collects what a deployment owned, unless it is to be orphaned', async () => {
    await world.admin.post(`${apps}/deployments`, withReplicas('web', 1));
    await world.admin.post(`${apps}/deployments`, withReplicas('kept', 1));
    world.clock.advance(settleMs);
    await world.admin.delete(`${apps}/deployments/web`);
    await world.admin.delete(`${apps}/deployments/kept`, { propagationPolicy: 'Orphan' });
    world.clock.advance(settleMs);
    expect((await world.admin.get(`${apps}/deployments/kept`)).status).toBe(404);
    expect((await pods('app=web')).items).toEqual([]);
    expect((await pods('app=kept')).items).toHaveLength(1);
    const sets = await world.admin.get(`${apps}/replicasets`);
    expect(namesOf(sets)).toHaveLength(1);
    expect(sets.json).not.toHaveProperty('items.0.metadata.ownerReferences');
  });

  it('deletes dependents before the owner in the foreground', async () => {
    const owner = shown(await world.admin.post(`${core}/configmaps`, configMap('owner')));
    const { uid } = owner.metadata;
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, blockOwnerDeletion: true };
    const held = { ownerReferences: [reference], finalizers: ['example.com/hold'] };
    await world.admin.post(`${core}/configmaps`, configMap('dependent', {}, held));
    await world.admin.delete(`${core}/configmaps/owner`, { propagationPolicy: 'Foreground' });
    world.clock.advance(settleMs);
    expect((await world.admin.get(`${core}/configmaps/owner`)).status).toBe(200);
    await world.admin.patch(`${core}/configmaps/dependent`, 'merge-patch', {
      metadata: { finalizers: null },
    });
    world.clock.advance(settleMs);
    expect((await world.admin.get(`${core}/configmaps/dependent`)).status).toBe(404);
    expect((await world.admin.get(`${core}/configmaps/owner`)).status).toBe(404);
  });

  it('empties a deleted namespace before it goes, and lets nothing new in', async () => {
    const space = await freshNamespace(world.admin, 'passing');
    await world.admin.post('/apis/apps/v1/namespaces/passing/deployments', withReplicas('web', 2));
    await world.admin.post(`${space}/configmaps`, configMap('a'));
    world.clock.advance(settleMs);
    const deleted = await world.admin.delete(space);
    expect(deleted.json).toMatchObject({ kind: 'Namespace', status: { phase: 'Terminating' } });
    const late = await world.admin.post(`${space}/configmaps`, configMap('late'));
    expect(late.status).toBe(403);
    world.clock.advance(settleMs);
    expect((await world.admin.get(space)).status).toBe(404);
    expect(namesOf(await world.admin.get(`${space}/configmaps`))).toEqual([]);
    expect(namesOf(await world.admin.get(`${space}/pods`))).toEqual([]);
  });

  it('follows a log line by line until the pod goes', async () => {
    await world.admin.post(`${apps}/deployments`, withReplicas('web', 1));
    world.clock.advance(settleMs);
    const name = (await pods('app=web')).items[0]?.metadata.name ?? '';
    const tail = await world.admin.get(`${core}/pods/${name}/log?tailLines=2`);
    expect(tail.text.trim().split('\n')).toHaveLength(2);
    const following = world.admin.get(`${core}/pods/${name}/log?follow=true&tailLines=0`);
    await expect
      .poll(() => world.cluster.requests().some((entry) => entry.path.includes('follow')))
      .toBe(true);
    await world.clock.advanceAsync(3_000);
    await world.admin.delete(`${core}/pods/${name}?gracePeriodSeconds=0`);
    await world.clock.advanceAsync(1_000);
    expect((await following).text.trim().split('\n')).toHaveLength(3);
  });

  it('has no log before the container starts', async () => {
    const spec = { containers: [{ name: 'a', image: 'a:1' }] };
    await world.admin.post(`${core}/pods`, { metadata: { name: 'new' }, spec });
    const early = await world.admin.get(`${core}/pods/new/log`);
    expect(early.status).toBe(400);
    expect(early.json).toMatchObject({
      message: 'container "a" in pod "new" is waiting to start: ContainerCreating',
    });
  });
});

describe('the demonstration cluster', () => {
  it('shows a small life from the start', async () => {
    const world = await simulatedWorld({ seedDemo: true });
    world.clock.advance(settleMs);
    const spaces = namesOf(await world.admin.get('/api/v1/namespaces'));
    expect(spaces).toEqual(expect.arrayContaining(['default', 'demo', 'kube-system']));
    expect(namesOf(await world.admin.get('/api/v1/nodes'))).toEqual(['node-1']);
    expect(namesOf(await world.admin.get('/api/v1/namespaces/demo/configmaps'))).toHaveLength(2);
    const running = await world.admin.get(
      '/api/v1/namespaces/demo/pods?fieldSelector=status.phase%3DRunning',
    );
    expect(namesOf(running)).toHaveLength(2);
    await world.close();
  });
});
