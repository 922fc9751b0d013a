/** The listeners for GitLab and other kas in a whole kas: opening, readiness, pushes that reach agents, stopping. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { methods } from '../../src/protocol/index.ts';
import { FakeAgent } from './fake-agent.ts';
import { RailsClient } from './gitlab-api/rails-client.ts';
import { KasUnderTest, secrets, tokens } from './kas-under-test.ts';
import { until } from './waiting.ts';

let kas: KasUnderTest;
let agent: FakeAgent;
let rails: RailsClient;
let peer: RailsClient;

async function begin(): Promise<void> {
  kas = await KasUnderTest.start({ apis: true });
  agent = new FakeAgent(kas.ports.agents, tokens.agent);
  rails = new RailsClient(kas.ports.api, secrets.api, () => kas.clock.now());
  peer = new RailsClient(kas.ports.privateApi, secrets.privateApi, () => kas.clock.now());
}

describe('a kas with all its listeners', () => {
  afterEach(async () => {
    rails.close();
    peer.close();
    await kas.finish(agent);
  });

  it('tells GitLab which agents are connected, with the pod that registered', async () => {
    await begin();
    const ask = () => rails.call(methods.getConnectedAgents, { request: { case: 'agentId', value: 1n } });
    expect((await ask()).message?.agents).toEqual([]);
    await agent.register(5n, 'pod-5');
    const { message } = await ask();
    expect(message?.agents).toMatchObject([
      { agentId: 1n, projectId: 1n, connectionId: 5n, agentMeta: { podName: 'pod-5', version: 'v1' } },
    ]);
    agent.close();
    await kas.reaches({ sessions: 0 });
    expect((await ask()).message?.agents).toEqual([]);
  });

  it('sends an agent its new configuration as soon as GitLab tells of the push', async () => {
    await begin();
    const stream = agent.configuration();
    const { commitId } = await stream.inbox.next();
    await until(async () => (await kas.observe('/metrics')).text.includes('kas_push_subscriptions 1'));
    const second = await kas.commitFile('observability: { logging: { level: debug } }');
    expect(second).not.toBe(commitId);
    const push = { event: { project: { id: 1n, fullPath: 'demo/agents' } } };
    expect((await rails.call(methods.gitPushEvent, push)).code).toBe(0);
    expect((await stream.inbox.next()).commitId).toBe(second);
  });

  it('takes a rotated secret without a restart', async () => {
    await begin();
    const rotated = Buffer.alloc(32, 3);
    const successor = new RailsClient(kas.ports.api, rotated, () => kas.clock.now());
    const ask = async (client: RailsClient) =>
      (await client.call(methods.getConnectedAgents, { request: { case: 'agentId', value: 1n } })).code;
    expect([await ask(rails), await ask(successor)]).toEqual([0, grpc.status.UNAUTHENTICATED]);
    await writeFile(join(kas.folder, 'api.secret'), rotated.toString('base64'));
    await until(async () => {
      await kas.clock.advanceAsync(100);
      return (await ask(successor)) === 0;
    });
    expect(await ask(rails)).toBe(grpc.status.UNAUTHENTICATED);
    successor.close();
  });

  it('is ready when they listen, and says that it routes nothing for other kas', async () => {
    await begin();
    expect((await kas.observe('/readiness')).status).toBe(200);
    const token = peer.token({ iss: 'gitlab-kas' });
    expect(await peer.call(methods.makeRequest, {}, `Bearer ${token}`)).toMatchObject({
      code: grpc.status.UNIMPLEMENTED,
      details: 'this kas does not route requests of other kas to its agents',
    });
    for (const refused of [`bearer ${peer.token()}`, `Bearer ${rails.token({ iss: 'gitlab-kas' })}`])
      expect(await peer.call(methods.makeRequest, {}, refused)).toMatchObject({
        code: grpc.status.UNAUTHENTICATED,
        details: 'JWT validation failed',
      });
    expect((await rails.call(methods.getConnectedAgents, {}, `bearer ${peer.token()}`)).code).toBe(
      grpc.status.UNAUTHENTICATED,
    );
  });

  it('answers GitLab until its agents are gone when it stops', async () => {
    await begin();
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/api');
    await tunnel.request();
    kas.requestStop();
    await until(async () => (await kas.observe('/readiness')).status === 500);
    for (let s = 0; s < 3; s++) await kas.clock.advanceAsync(1_000);
    const request = { request: { case: 'agentId', value: 1n } } as const;
    expect((await rails.call(methods.getConnectedAgents, request)).code).toBe(0);
    tunnel.respond();
    await (await answered).body.dump();
    expect(await kas.end()).toEqual({ kind: 'stopped' });
  });
});
