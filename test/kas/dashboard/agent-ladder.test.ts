/** The hops of one agent, as kas sees them. */
import { afterEach, expect, it } from 'vitest';
import { ladderOf, type LadderFacts } from '../../../src/kas/dashboard/agent-ladder.ts';
import { reasons } from '../../../src/kas/dashboard/agent-condition.ts';
import type { AgentDetail, Directory } from '../../../src/kas/dashboard/wire.ts';
import { FakeAgent } from '../fake-agent.ts';
import { KasUnderTest, tokens } from '../kas-under-test.ts';
import { until } from '../waiting.ts';

let kas: KasUnderTest | undefined;
afterEach(async () => {
  await kas?.[Symbol.asyncDispose]();
  kas = undefined;
});

const well: LadderFacts = {
  state: 'registered.(identity.known|presence.announced|configuration.watched|tunnels.available)',
  reason: '',
  isOver: false,
  isRefused: false,
  peer: '10.0.0.1:4711',
  agent: 'demo, agent 1',
  pod: 'agentk-0',
  watches: 1,
  tunnels: 2,
  idleTunnels: 1,
  failedRequest: undefined,
};
const states = (facts: Partial<LadderFacts>) =>
  ladderOf({ ...well, ...facts }).map(({ rung, state }) => `${rung} ${state}`);

it('an agent that is well stands on every rung', () => {
  expect(states({})).toEqual([
    'connection good',
    'keepalive good',
    'authentication good',
    'registration good',
    'configuration good',
    'tunnels good',
    'requests good',
  ]);
});

it.each<[string, Partial<LadderFacts>, string]>([
  ['a lost connection', { isOver: true, state: 'gone', reason: reasons.lost }, 'connection'],
  ['unanswered pings', { state: 'stale', reason: reasons.stale }, 'keepalive'],
  ['a refused token', { isOver: true, isRefused: true, reason: 'unauthenticated' }, 'authentication'],
  ['a GitLab that is silent', { state: 'backingOff', reason: reasons.gitlabSilent }, 'authentication'],
  ['no tunnel', { tunnels: 0, reason: reasons.noTunnel }, 'tunnels'],
])('%s breaks one rung, with a remedy, and what stands on it is unknown', (_what, facts, broken) => {
  const rungs = ladderOf({ ...well, ...facts });
  const at = rungs.findIndex(({ state }) => state === 'bad');
  expect(rungs[at]?.rung).toBe(broken);
  expect(rungs[at]?.remedy).not.toBe('');
  expect(rungs.slice(at + 1).every(({ state, observed }) => state === 'unknown' && observed === '')).toBe(
    true,
  );
});

it('a real agent is on its way up, and its last failure is remembered when it is well again', async () => {
  const one = await KasUnderTest.start();
  kas = one;
  const detail = async () => JSON.parse((await one.observe('/api/agents/1')).text) as AgentDetail;
  const condition = async () => {
    const { agents } = JSON.parse((await one.observe('/api/agents')).text) as Directory;
    return agents.find(({ key }) => key === '1')?.condition;
  };
  const first = new FakeAgent(one.ports.agents, tokens.agent);
  first.configuration();
  await until(async () => (await condition()) === 'degraded');
  const { ladder, agent } = await detail();
  expect(ladder.map(({ rung, state }) => `${rung} ${state}`)).toEqual([
    'connection good',
    'keepalive good',
    'authentication good',
    'registration waiting',
    'configuration good',
    'tunnels bad',
    'requests unknown',
  ]);
  expect([agent.tunnels, agent.lastFailure]).toEqual([0, null]);
  first.close();
  await until(async () => (await condition()) === 'disconnected');
  const second = new FakeAgent(one.ports.agents, tokens.agent);
  second.configuration();
  await one.idleTunnel(second);
  await one.clock.advanceAsync(1_000);
  await until(async () => (await condition()) === 'online');
  const { agent: again } = await detail();
  expect(again).toMatchObject({ tunnels: 1, reason: '', lastFailure: { reason: reasons.lost } });
  second.close();
});
