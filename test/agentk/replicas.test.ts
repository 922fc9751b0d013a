/** Two replicas of one agent, as processes are composed, on one cluster. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { leaseType } from '../../src/agentk/kubernetes/index.ts';
import { AgentUnderTest, until } from './agent-under-test.ts';
import { FakeKas } from './fake-kas.ts';
import { clusterUnderTest, type ClusterUnderTest } from './kubernetes/cluster-under-test.ts';

let kas: FakeKas;
let world: ClusterUnderTest;
const agents: AgentUnderTest[] = [];

beforeEach(async () => {
  kas = await FakeKas.start();
  world = await clusterUnderTest();
  await world.namespace('gitlab-agent');
});

afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.agentk.stop();
  kas.stop();
  await world.stop();
});

async function replica(name: string): Promise<AgentUnderTest> {
  const agent = await AgentUnderTest.start(kas.port, 0, {
    pod: { namespace: 'gitlab-agent', name },
    kubernetes: { kubeconfig: world.cluster.kubeconfigPath },
  });
  agents.push(agent);
  return agent;
}

async function holder(): Promise<unknown> {
  const lease = await world.client.get(leaseType, { namespace: 'gitlab-agent', name: 'agent-42-lock' });
  return lease.kind === 'ok' ? (lease.value['spec'] as { holderIdentity: string }).holderIdentity : undefined;
}

test('elect one, and a stopped leader gives way at once', async () => {
  const first = await replica('agent-0');
  await until(() => kas.watchers === 1, 'a configuration stream');
  expect(await holder()).toBeUndefined();
  kas.configure('c1');
  await expect.poll(holder, { timeout: 10_000 }).toBe('agent-0');
  expect(first.said('This replica leads')).toHaveLength(1);
  expect((await first.expose()).body).toContain('agentk_leader 1');
  const second = await replica('agent-1');
  await until(() => kas.watchers === 2, 'another configuration stream');
  kas.configure('c2');
  await until(() => second.said('Another replica leads').length === 1, 'the second knows who leads');
  expect(second.said('Another replica leads')[0]?.fields).toMatchObject({ holder: 'agent-0', agent_id: 42n });
  await first.agentk.stop();
  expect(first.said('This replica does not lead any more')).toHaveLength(1);
  await expect.poll(holder, { timeout: 10_000 }).toBe('agent-1');
});

test('without rights to the Lease the agent serves on and says once what is missing', async () => {
  const agent = await AgentUnderTest.start(kas.port, 0, {
    pod: { namespace: 'no-such-namespace', name: 'agent-0' },
    kubernetes: { kubeconfig: world.cluster.kubeconfigPath },
  });
  agents.push(agent);
  await until(() => kas.watchers === 1, 'a configuration stream');
  kas.configure('c1');
  const trouble = 'The Lease of the leader election cannot be had';
  await until(() => agent.said(trouble).length === 1, 'the trouble is told');
  expect(agent.said(trouble)[0]?.fields['reason']).toContain('no-such-namespace');
  expect(kas.open.length).toBe(2);
  expect((await agent.expose()).body).toContain('agentk_leader 0');
});
