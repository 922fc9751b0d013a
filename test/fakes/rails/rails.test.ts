/** The fake is itself under test where others build on it: who is refused, and that troubles come one by one. */
import { expect, it } from 'vitest';
import { signJwt } from '../../../src/protocol/jwt.ts';
import { FakeRails } from './index.ts';

const jwt = (rails: FakeRails, nowMs = Date.now(), issuer = 'gitlab-kas', audience = 'gitlab') => ({
  'Gitlab-Kas-Api-Request': signJwt({ issuer, audience, nowMs, lifetimeS: 30 }, rails.secret),
});

async function agentInfo(rails: FakeRails, headers: Record<string, string>): Promise<Response> {
  return fetch(`${rails.url}/api/v4/internal/kubernetes/agent_info`, { headers });
}

it('tells a good token of kas from bad ones', async () => {
  await using rails = await FakeRails.start();
  const agent = { Authorization: 'Bearer agent-token' };
  const status = async (headers: object) => (await agentInfo(rails, { ...agent, ...headers })).status;
  expect(await status(jwt(rails))).toBe(200);
  expect(await status({})).toBe(401);
  expect(await status(jwt(rails, Date.now() - 31_000))).toBe(401);
  expect(await status(jwt(rails, Date.now() + 60_000))).toBe(401);
  expect(await status(jwt(rails, Date.now(), 'someone'))).toBe(401);
  expect(await status(jwt(rails, Date.now(), 'gitlab-kas', 'gitlab-kas'))).toBe(401);
});

it('looks for the token of the agent where its age does', async () => {
  await using rails = await FakeRails.start();
  const status = async (headers: object) => (await agentInfo(rails, { ...jwt(rails), ...headers })).status;
  const bearer = { Authorization: 'Bearer agent-token' };
  const agentk = { 'Gitlab-Agentk-Api-Request': 'agent-token' };
  expect([await status(bearer), await status(agentk)]).toEqual([200, 200]);
  rails.age = 'old';
  expect([await status(bearer), await status(agentk)]).toEqual([200, 401]);
});

it('plays troubles on the next requests, one each', async () => {
  await using rails = await FakeRails.start();
  rails.trouble('agent_info', { kind: 'status', status: 503 }, { kind: 'html' });
  const headers = { ...jwt(rails), Authorization: 'Bearer agent-token' };
  expect((await agentInfo(rails, headers)).status).toBe(503);
  expect((await agentInfo(rails, headers)).headers.get('content-type')).toMatch('text/html');
  expect((await agentInfo(rails, headers)).status).toBe(200);
  expect(rails.requests('agent_info')).toHaveLength(3);
});
