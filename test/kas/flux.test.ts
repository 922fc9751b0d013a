/** ReconcileProjects of a whole kas: pushes GitLab tells of reach the agents whose Flux reads the project. */
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { methods } from '../../src/protocol/index.ts';
import { FakeAgent } from './fake-agent.ts';
import { RailsClient } from './gitlab-api/rails-client.ts';
import { KasUnderTest, secrets, tokens } from './kas-under-test.ts';
import { until } from './waiting.ts';

let kas: KasUnderTest;
let agent: FakeAgent;
let rails: RailsClient;

beforeEach(async () => {
  kas = await KasUnderTest.start({ apis: true });
  agent = new FakeAgent(kas.ports.agents, tokens.agent);
  rails = new RailsClient(kas.ports.api, secrets.api, () => kas.clock.now());
});

afterEach(async () => {
  rails.close();
  await kas.finish(agent);
});

async function push(fullPath: string): Promise<void> {
  const { code } = await rails.call(methods.gitPushEvent, { event: { project: { id: 1n, fullPath } } });
  expect(code).toBe(0);
}

const metric = async (name: string) =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec((await kas.observe('/metrics')).text)?.[1]);
const listening = (subscriptions: number) =>
  until(async () => (await metric('kas_push_subscriptions')) === subscriptions);

describe('an agent that listens for its Flux', () => {
  it('hears of pushes to its projects that it may read, and of no others', async () => {
    const stream = agent.reconcileProjects(['demo/agents', 'demo/private', 'demo/agents']);
    await listening(2);
    await push('demo/private');
    await push('demo/other');
    await push('demo/agents');
    expect((await stream.inbox.next()).project?.id).toBe('demo/agents');
    await push('demo/agents');
    expect((await stream.inbox.next()).project?.id).toBe('demo/agents');
    expect(stream.inbox.all).toHaveLength(2);
    expect(await metric('flux_git_push_notifications_total')).toBe(2);
    expect(await metric('flux_dropped_git_push_notifications_total')).toBe(0);
  });

  it('hears nothing when it names no project, and leaves nothing when it goes', async () => {
    const [none, one] = [agent.reconcileProjects([]), agent.reconcileProjects(['demo/agents'])];
    await until(async () => (await metric('kas_flux_streams')) === 2);
    await listening(1);
    await push('demo/agents');
    await one.inbox.next();
    expect([none.inbox.all, none.ended]).toEqual([[], undefined]);
    one.cancel();
    none.cancel();
    await until(async () => (await metric('kas_flux_streams')) === 0);
    await listening(0);
  });

  it('is refused like any other call of an agent', async () => {
    const wrong = agent.reconcileProjects(['demo/agents'], agent.metadata('wrong'));
    expect(await wrong.status).toEqual({ code: grpc.status.UNAUTHENTICATED, details: 'unauthenticated' });
    expect(await agent.reconcileProjects(['']).status).toEqual({
      code: grpc.status.INVALID_ARGUMENT,
      details: expect.stringContaining('invalid Project.Id: value length must be at least 1 bytes') as string,
    });
    const many = Array.from({ length: 5_001 }, (_, index) => `p/${index}`);
    expect((await agent.reconcileProjects(many).status).code).toBe(grpc.status.INVALID_ARGUMENT);
  });

  it('may hold 16 streams and no more', async () => {
    for (let held = 0; held < 16; held++) agent.reconcileProjects(['demo/agents']);
    await until(async () => (await metric('kas_flux_streams')) === 16);
    expect((await agent.reconcileProjects(['demo/agents']).status).code).toBe(grpc.status.RESOURCE_EXHAUSTED);
  });

  it('is told with OK to come again when its connection is old or kas stops', async () => {
    const old = agent.reconcileProjects(['demo/agents']);
    await listening(1);
    for (let hours = 0; old.ended === undefined && hours < 2; hours++) await kas.live(1_800_000);
    expect(await old.status).toEqual({ code: grpc.status.OK, details: '' });
    const again = agent.reconcileProjects(['demo/agents']);
    await listening(1);
    kas.requestStop();
    await kas.end();
    expect(await again.status).toEqual({ code: grpc.status.OK, details: '' });
  });
});
