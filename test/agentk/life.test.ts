import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LogLevelEnum } from '../../src/protocol/index.ts';
import { AgentUnderTest, FakeApiServer, until } from './agent-under-test.ts';
import { FakeKas } from './fake-kas.ts';

let kas: FakeKas;
let api: FakeApiServer;
let agent: AgentUnderTest | undefined;

beforeEach(async () => {
  kas = await FakeKas.start();
  api = await FakeApiServer.start();
});

afterEach(async () => {
  await agent?.agentk.stop();
  agent = undefined;
  kas.stop();
  api.stop();
});

async function connected(): Promise<AgentUnderTest> {
  agent = await AgentUnderTest.start(kas.port, api.port);
  await until(
    () => kas.open.length === 2 && kas.registrations.length === 1,
    'two tunnels and a registration',
  );
  return agent;
}

test('an agent opens two tunnels that describe what it serves, registers and asks for its configuration', async () => {
  await connected();
  const first = await kas.tunnels[0]?.next();
  expect(first?.msg.case).toBe('descriptor');
  const descriptor = first?.msg.case === 'descriptor' ? first.msg.value.agentDescriptor : undefined;
  expect(
    descriptor?.services.map(({ name, methods }) => [name, methods.map((method) => method.name)]),
  ).toEqual([['gitlab.agent.kubernetes_api.rpc.KubernetesApi', ['MakeRequest']]]);
  expect([...kas.authorizations]).toEqual(['Bearer agent-token']);
  expect([...kas.userAgents]).toEqual(['gitlab-agent/v0.0.0/00000000']);
  const [registration] = kas.registrations;
  expect(registration?.agentMeta).toMatchObject({
    version: 'v0.0.0',
    commitId: '00000000',
    podNamespace: 'gitlab-agent',
    podName: 'agent-0',
    kubernetesVersion: { major: '1', minor: '33', gitVersion: 'v1.33.1', platform: 'linux/amd64' },
  });
  expect(registration?.podId).toBeGreaterThanOrEqual(0n);
  await until(() => kas.configurationRequests.length === 1, 'a configuration request');
  expect(kas.configurationRequests[0]).toMatchObject({ commitId: '', skipRegister: true });
});

describe('a request through a tunnel', () => {
  test('reaches the API server with the agent identity and comes back', async () => {
    await connected();
    const [tunnel] = kas.open;
    await tunnel?.next();
    const answer = await tunnel?.get('/api/v1/namespaces', {
      Accept: 'text/plain',
      Authorization: 'Bearer stolen',
    });
    expect(answer).toMatchObject({ status: 200, body: 'hello from /api/v1/namespaces', error: undefined });
    expect(answer?.headers.get('Via')).toEqual(['1.1 gitlab-agent/v0.0.0/00000000']);
    const seen = api.requests.find(({ url }) => url === '/api/v1/namespaces');
    expect(seen?.headers).toMatchObject({ accept: 'text/plain', authorization: 'Bearer kube-token' });
  });

  test('keeps the base path of the API server', async () => {
    agent = await AgentUnderTest.start(kas.port, api.port, {
      kubernetes: { server: `http://127.0.0.1:${api.port}/k8s/clusters/c-1/`, token: 'kube-token' },
    });
    await until(() => kas.open.length === 2, 'two tunnels');
    const [tunnel] = kas.open;
    await tunnel?.next();
    expect(await tunnel?.get('/api/v1/pods')).toMatchObject({
      body: 'hello from /k8s/clusters/c-1/api/v1/pods',
    });
    await until(() => kas.registrations[0]?.agentMeta?.kubernetesVersion?.minor === '33', 'the version');
  });

  test('for a kas that does not reuse tunnels ends its stream, and a new one is opened', async () => {
    await connected();
    const [tunnel] = kas.open;
    await tunnel?.next();
    const answer = await tunnel?.get('/a');
    expect(answer?.offered).toBe(false);
    expect(tunnel?.halfClosed).toBe(true);
    await until(() => kas.open.length >= 2, 'a tunnel in its place');
  });

  test('of a kas that reuses tunnels leaves the same stream on offer', async () => {
    kas.reuse = true;
    await connected();
    const [tunnel] = kas.open;
    await tunnel?.next();
    for (const path of ['/a', '/b', '/missing']) {
      const answer = await tunnel?.get(path);
      expect(answer).toMatchObject({ offered: true, status: path === '/missing' ? 404 : 200 });
    }
    expect(tunnel?.metadata.get('kastor-tunnel-reuse')).toEqual(['1']);
  });

  test('for a method nobody serves is answered UNIMPLEMENTED', async () => {
    await connected();
    const [tunnel] = kas.open;
    await tunnel?.next();
    tunnel?.claim('GET', '/', { path: '/some.Service/Method' });
    expect(await tunnel?.answer()).toMatchObject({
      error: { code: 12, message: 'unknown service some.Service' },
    });
  });

  test('that turns the last but one idle tunnel busy makes the pool grow by ten', async () => {
    await connected();
    const [tunnel] = kas.open;
    await tunnel?.next();
    tunnel?.claim('GET', '/held');
    await until(() => kas.tunnels.length === 12, 'ten more tunnels');
    expect(agent?.agentk.tunnels).toEqual({ idle: 11, busy: 1 });
    await until(() => api.held.length === 1, 'the request');
    api.held[0]?.end('done');
    expect(await tunnel?.answer()).toMatchObject({ body: 'done' });
  });
});

describe('configuration', () => {
  test('sets the log level and the agent id of log lines, and is asked for again from the last commit', async () => {
    const running = await connected();
    await until(() => kas.watchers === 1, 'a configuration stream');
    kas.configure('commit-1', { level: LogLevelEnum.debug });
    await until(() => running.said('Applied configuration').length === 1, 'the configuration');
    expect(running.levels).toEqual(['debug']);
    expect(running.said('Applied configuration')[0]?.fields).toMatchObject({
      agent_id: 42n,
      commit_id: 'commit-1',
    });
  });

  test('of another agent makes the process end for a restart', async () => {
    const running = await connected();
    await until(() => kas.watchers === 1, 'a configuration stream');
    kas.configure('commit-1');
    kas.configure('commit-2', { gitlabExternalUrl: 'https://elsewhere.example.com' });
    const exit = await running.agentk.exit;
    expect(exit).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining("GitLab's URL changed") as string,
    });
  });
});

describe('a stop', () => {
  test('closes idle tunnels at once and ends normally', async () => {
    const running = await connected();
    expect(await running.agentk.stop()).toEqual({ kind: 'stopped' });
    await until(() => kas.open.length === 0, 'closed tunnels');
  });

  test('lets a request finish first', async () => {
    const running = await connected();
    const [tunnel] = kas.open;
    await tunnel?.next();
    tunnel?.claim('GET', '/held');
    await until(() => api.held.length === 1, 'the request');
    const stopping = running.agentk.stop();
    await until(() => kas.open.length === 1, 'idle tunnels closed');
    api.held[0]?.end('late but complete');
    expect(await tunnel?.answer()).toMatchObject({ status: 200, body: 'late but complete' });
    expect(await stopping).toEqual({ kind: 'stopped' });
  });

  test('asked for twice does not wait for requests', async () => {
    const running = await connected();
    const [tunnel] = kas.open;
    await tunnel?.next();
    tunnel?.claim('GET', '/held');
    await until(() => api.held.length === 1, 'the request');
    void running.agentk.stop();
    expect(await running.agentk.stop()).toEqual({ kind: 'stopped' });
    await until(() => tunnel?.closed === true, 'a closed tunnel');
  });
});

test('metrics count the calls to kas and show the tunnels and the link', async () => {
  const running = await connected();
  let body = '';
  const registered = /grpc_client_handled_total\{.*grpc_method="Register".*grpc_code="OK".*\} 1/;
  await expect
    .poll(async () => ({ body } = await running.expose()).body, { timeout: 5_000 })
    .toMatch(registered);
  expect(body).toMatch(/grpc_client_started_total\{.*grpc_method="Connect".*\} 2/);
  expect(body).toMatch(/grpc_client_msg_received_total\{.*grpc_method="Register".*\} 1/);
  expect(body).toContain('agentk_tunnels_idle 2');
  expect(body).toContain('agentk_tunnels_max 500');
  expect(body).toContain('agentk_kas_connected 1');
});

test('the observability endpoint is ready without kas', async () => {
  kas.stop();
  agent = await AgentUnderTest.start(kas.port, api.port, {
    observability: { network: 'tcp', address: '127.0.0.1:0', certFile: undefined, keyFile: undefined },
  });
  const base = `http://127.0.0.1:${agent.agentk.observabilityPort}`;
  for (const path of ['/liveness', '/readiness', '/metrics']) {
    const answer = await fetch(base + path);
    expect([path, answer.status]).toEqual([path, 200]);
    expect(answer.headers.get('server')).toBe('gitlab-agent/v0.0.0/00000000');
    await answer.text();
  }
  const state: unknown = await (await fetch(`${base}/state`)).json();
  expect(state).toMatchObject({
    children: [
      { id: 'agent-link' },
      { id: 'leader-election' },
      { id: 'modules' },
      {},
      { id: 'sync-reports' },
      {},
      {},
    ],
  });
});
