/** The module flux as it runs in an agent: a cluster with Flux's kinds, kas, and a webhook that is called. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { gitRepositoryType, receiverType } from '../../../src/agentk/flux/flux-objects.ts';
import { definitionType, secretType, type KubeObject } from '../../../src/agentk/kubernetes/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { AgentUnderTest, until } from '../agent-under-test.ts';
import { FakeKas } from '../fake-kas.ts';
import { clusterUnderTest, type ClusterUnderTest } from '../kubernetes/cluster-under-test.ts';

const patient = { timeout: 15_000, interval: 20 };

let kas: FakeKas;
let world: ClusterUnderTest;
let clock: VirtualClock;
let agent: AgentUnderTest | undefined;
let webhook: Server;
let called: string[];

beforeEach(async () => {
  // The real API server these tests know (1.20) cuts the connection when a custom object is made here.
  vi.stubEnv('KUBEBUILDER_ASSETS', undefined);
  kas = await FakeKas.start();
  world = await clusterUnderTest();
  clock = new VirtualClock();
  called = [];
  webhook = createServer((request, response) => {
    called.push(`${request.method} ${request.url} ${request.headers.authorization ?? 'anonymous'}`);
    response.end();
  });
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  for (const name of ['gitlab-agent', 'team']) await world.namespace(name);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  const stopped = agent?.agentk.stop();
  await stopped;
  agent = undefined;
  kas.stop();
  webhook.close();
  webhook.closeAllConnections();
  await world.stop();
});

/** Waits for something while time passes, in steps that leave the agent's calls room to be answered. */
function eventually<T>(read: () => T | Promise<T>) {
  return expect.poll(async () => {
    await clock.advanceAsync(200);
    return read();
  }, patient);
}

async function defineFlux(): Promise<void> {
  for (const { group, plural, kind } of [gitRepositoryType, receiverType]) {
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    await world.client.create(definitionType, undefined, {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { plural, kind },
        versions: [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {} } }],
      },
    });
  }
  await expect.poll(async () => (await world.client.list(receiverType)).kind, { timeout: 10_000 }).toBe('ok');
}

async function repository(name: string, url: string): Promise<KubeObject> {
  const made = await world.client.create(gitRepositoryType, 'team', {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'GitRepository',
    metadata: { name },
    spec: { url, interval: '1m' },
  });
  if (made.kind !== 'ok') throw new Error(JSON.stringify(made));
  return made.value;
}

async function started(): Promise<AgentUnderTest> {
  const { port } = webhook.address() as AddressInfo;
  agent = await AgentUnderTest.start(kas.port, 0, {
    kubernetes: { kubeconfig: world.cluster.kubeconfigPath },
    clock,
  });
  await eventually(() => kas.watchers).toBe(1);
  kas.configure('c1', { sections: { flux: { webhookReceiverUrl: `http://127.0.0.1:${port}` } } });
  await until(() => agent?.said('This replica leads').length === 1, 'it leads');
  return agent;
}

async function found(type: typeof receiverType, name: string): Promise<KubeObject | undefined> {
  const answer = await world.client.get(type, { namespace: 'team', name });
  return answer.kind === 'ok' ? answer.value : undefined;
}

test('a repository of our GitLab gets a Secret and a Receiver, and a push is passed on to Flux', async () => {
  await defineFlux();
  const made = await repository('app', 'https://gitlab.example.com/group/app.git');
  await repository('foreign', 'https://github.example.com/group/app.git');
  await started();
  await expect.poll(() => found(receiverType, 'gitlab-app'), patient).toBeDefined();
  const owner = {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'GitRepository',
    name: 'app',
    uid: made.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
  const annotations = { 'app.kubernetes.io/managed-by': 'gitlab', 'agent.gitlab.com/id': '42' };
  expect(await found(receiverType, 'gitlab-app')).toMatchObject({
    metadata: {
      annotations: { ...annotations, 'agent.gitlab.com/project': 'group/app' },
      ownerReferences: [owner],
    },
    spec: {
      type: 'generic',
      interval: '5m0s',
      resources: [{ kind: 'GitRepository', name: 'app', namespace: 'team' }],
      secretRef: { name: 'gitlab-receiver-app' },
    },
  });
  expect(await found(secretType, 'gitlab-receiver-app')).toMatchObject({
    metadata: { annotations, ownerReferences: [owner] },
    data: { token: '' },
  });
  expect(await found(receiverType, 'gitlab-foreign')).toBeUndefined();

  await world.client.patch(
    receiverType,
    { namespace: 'team', name: 'gitlab-app', subresource: 'status' },
    { status: { webhookPath: '/hook/abc' } },
    { type: 'merge' },
  );
  await eventually(() => kas.fluxWatchers).toBe(1);
  expect(kas.fluxProjects).toEqual([['group/app']]);
  const { body } = (await agent?.expose()) ?? { body: '' };
  expect(body).toContain('agentk_flux_repositories 2');
  expect(body).toContain('agentk_flux_receivers 1');
  await expect
    .poll(() => {
      kas.push('group/app');
      return called;
    }, patient)
    .toContain('POST /hook/abc anonymous');
});

test('a Receiver that was changed or removed is made again, and nothing is written without need', async () => {
  await defineFlux();
  await repository('app', 'ssh://git@gitlab.example.com:2222/group/app.git');
  await started();
  const name = { namespace: 'team', name: 'gitlab-app' };
  await expect.poll(() => found(receiverType, 'gitlab-app'), patient).toBeDefined();
  await world.client.patch(receiverType, name, { spec: { interval: '1h' } }, { type: 'merge' });
  await expect
    .poll(async () => (await found(receiverType, 'gitlab-app'))?.['spec'], patient)
    .toMatchObject({ interval: '5m0s' });
  await world.client.delete(receiverType, name);
  await expect.poll(() => found(receiverType, 'gitlab-app'), patient).toBeDefined();
  const version = (await found(receiverType, 'gitlab-app'))?.metadata.resourceVersion;
  const touched = { status: { artifact: { revision: 'main@sha1:abc' } } };
  await world.client.patch(
    gitRepositoryType,
    { namespace: 'team', name: 'app', subresource: 'status' },
    touched,
    { type: 'merge' },
  );
  // A second repository is worked on after the first: when its Receiver is there, the first has been looked at.
  await repository('other', 'https://gitlab.example.com/group/other');
  await expect.poll(() => found(receiverType, 'gitlab-other'), patient).toBeDefined();
  expect((await found(receiverType, 'gitlab-app'))?.metadata.resourceVersion).toBe(version);
  await eventually(() => kas.fluxWatchers).toBe(1);
  expect([...(kas.fluxProjects[0] ?? [])].sort()).toEqual(['group/app', 'group/other']);
});

test('new projects open the stream anew, and a stream that ends is opened again', async () => {
  await defineFlux();
  await repository('one', 'https://gitlab.example.com/group/one');
  await started();
  await expect.poll(() => found(receiverType, 'gitlab-one'), patient).toBeDefined();
  await eventually(() => kas.fluxWatchers).toBe(1);
  await repository('two', 'https://gitlab.example.com/group/two');
  await expect.poll(() => found(receiverType, 'gitlab-two'), patient).toBeDefined();
  await eventually(() => kas.fluxProjects.length).toBe(2);
  expect([...(kas.fluxProjects[1] ?? [])].sort()).toEqual(['group/one', 'group/two']);
  await until(() => kas.fluxWatchers === 1, 'the old stream is gone');
  const openedMs = clock.monotonic();
  await eventually(() => clock.monotonic() - openedMs > 1_000).toBe(true);
  kas.endPushes();
  await eventually(() => kas.fluxProjects.length).toBe(3);
});

test('Flux that comes later is found', async () => {
  await started();
  await clock.settle();
  await defineFlux();
  await repository('app', 'https://gitlab.example.com/group/app');
  await expect
    .poll(
      async () => {
        await clock.advanceAsync(1_000);
        return found(receiverType, 'gitlab-app');
      },
      { timeout: 25_000, interval: 5 },
    )
    .toBeDefined();
});

test('a webhook URL nobody can call keeps the old configuration, with the reason', async () => {
  const running = await started();
  kas.configure('c2', { sections: { flux: { webhookReceiverUrl: 'ftp://flux' } } });
  await until(() => running.said('Failed to apply configuration').length === 1, 'refusal');
  expect(running.said('Failed to apply configuration')[0]?.fields['reason']).toContain(
    'flux.webhook_receiver_url',
  );
});
