/** What agentk does not do is said once, with what to do about it, and harms nothing. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { absentSections } from '../../src/agentk/not-included/absent-sections.ts';
import { AgentConfigurationSchema } from '../../src/protocol/index.ts';
import { AgentUnderTest, until } from './agent-under-test.ts';
import { FakeKas } from './fake-kas.ts';
import { clusterUnderTest, type ClusterUnderTest } from './kubernetes/cluster-under-test.ts';

let kas: FakeKas;
let world: ClusterUnderTest;
let agent: AgentUnderTest | undefined;

beforeEach(async () => {
  kas = await FakeKas.start();
  world = await clusterUnderTest();
  await world.namespace('gitlab-agent');
});

afterEach(async () => {
  await agent?.agentk.stop();
  agent = undefined;
  kas.stop();
  await world.stop();
});

const line = 'Not included in this agentk: nothing is done for a section of the configuration';
const sectionsOf = (one: AgentUnderTest) => one.said(line).map(({ fields }) => fields['section']);

test('sections of other modules are told once each, and again when they come back', async () => {
  agent = await AgentUnderTest.start(kas.port, 0, {
    kubernetes: { kubeconfig: world.cluster.kubeconfigPath },
  });
  await until(() => kas.watchers === 1, 'a configuration stream');
  const sections = {
    containerScanning: { cadence: '0 * * * *' },
    remoteDevelopment: { enabled: true, dnsZone: 'workspaces.example.com' },
  };
  const running = agent;
  const configured = async (commit: string, more: object) => {
    kas.configure(commit, { sections: more });
    await until(
      () => running.said('Applied configuration').some(({ fields }) => fields['commit_id'] === commit),
      `the configuration ${commit}`,
    );
  };
  await configured('c1', sections);
  await configured('c2', sections);
  expect(sectionsOf(agent)).toEqual(['container_scanning', 'remote_development']);
  for (const { fields, level } of agent.said(line)) {
    expect(level).toBe('warn');
    expect(fields['remedy']).toMatch(/remove the section/);
  }
  await configured('c3', {});
  await configured('c4', { containerScanning: { cadence: '30 2 * * *' } });
  expect(sectionsOf(agent)).toEqual(['container_scanning', 'remote_development', 'container_scanning']);
  expect(kas.open.length).toBe(2);
});

test('scan policies of GitLab are told too', async () => {
  kas.gitlab = () => ({
    status: 200,
    chunks: ['{"configurations":[{"cadence":"0 * * * *","namespaces":["a"]}]}'],
  });
  agent = await AgentUnderTest.start(kas.port, 0, {
    kubernetes: { kubeconfig: world.cluster.kubeconfigPath },
  });
  await until(() => kas.watchers === 1, 'a configuration stream');
  kas.configure('c1');
  await until(() => sectionsOf(agent ?? fail()).length === 1, 'the policy is told');
  expect(sectionsOf(agent)).toEqual(['scan execution policies of GitLab']);
  expect(kas.gitlabRequests).toMatchObject([
    { module: 'starboard_vulnerability', method: 'GET', path: '/policies_configuration', body: '' },
  ]);
});

function fail(): never {
  throw new Error('no agent');
}

test('sections this agentk has never heard of are named by their numbers', () => {
  // Field 99, a message: what a newer kas may send.
  const newer = new Uint8Array([
    ...toBinary(AgentConfigurationSchema, create(AgentConfigurationSchema, { agentId: 7n })),
    0x9a,
    0x06,
    0x00,
  ]);
  const read = fromBinary(AgentConfigurationSchema, newer);
  expect(read.agentId).toBe(7n);
  expect(absentSections(read)).toEqual([
    { section: 'field 99 of a newer kas', remedy: expect.stringContaining('upgrade agentk') as unknown },
  ]);
  const known = create(AgentConfigurationSchema, {
    observability: { googleProfiler: { enabled: true } },
    remoteDevelopment: { enabled: false },
  });
  expect(absentSections(known).map(({ section }) => section)).toEqual(['observability.google_profiler']);
});
