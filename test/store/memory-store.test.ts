import { describe, expect, it } from 'vitest';
import type { ConnectedAgent } from '../../src/ports/index.ts';
import { memoryStore, type MemoryStoreLimits } from '../../src/store/memory/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

const ttlMs = 300_000;

function agent(over: Partial<ConnectedAgent> = {}): ConnectedAgent {
  return {
    agentId: 1n,
    projectId: 7n,
    connectionId: 100n,
    connectedAt: 0,
    version: 'v16.5.0',
    commitId: 'abc',
    podNamespace: 'gitlab',
    podName: 'agentk-0',
    kubernetes: { major: '1', minor: '30', gitVersion: 'v1.30.0', platform: 'linux/amd64' },
    incarnation: 1,
    ...over,
  };
}

function fresh(limits: Partial<MemoryStoreLimits> = {}) {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1, 12, 0, 0));
  return { clock, store: memoryStore({ clock, limits }) };
}

describe('connected agents', () => {
  it('are found by agent and by project, each connection by itself', async () => {
    const { store } = fresh();
    const [first, second] = [agent(), agent({ connectionId: 101n, podName: 'agentk-1' })];
    const other = agent({ agentId: 2n });
    for (const one of [first, second, other]) expect(await store.registerAgent(one, ttlMs)).toBe(true);
    expect(await store.agentsById(1n)).toEqual([first, second]);
    expect(await store.agentsByProject(7n)).toEqual([first, second, other]);
    expect(await store.agentsByProject(8n)).toEqual([]);
    expect(await store.connectedAgents()).toBe(2);
  });

  it('disappear when nobody refreshes them', async () => {
    const { clock, store } = fresh();
    await store.registerAgent(agent(), ttlMs);
    clock.advance(ttlMs - 1);
    expect(await store.agentsById(1n)).toHaveLength(1);
    await store.registerAgent(agent(), ttlMs);
    clock.advance(ttlMs - 1);
    expect(await store.agentsById(1n)).toHaveLength(1);
    clock.advance(1);
    expect(await store.agentsById(1n)).toEqual([]);
    expect(await store.agentsByProject(7n)).toEqual([]);
    expect(await store.connectedAgents()).toBe(0);
  });

  it('move with their project', async () => {
    const { clock, store } = fresh();
    await store.registerAgent(agent(), ttlMs);
    await store.registerAgent(agent({ projectId: 8n }), ttlMs);
    expect(await store.agentsByProject(7n)).toEqual([]);
    expect(await store.agentsByProject(8n)).toHaveLength(1);
    clock.advance(60_000);
    await store.registerAgent(agent({ agentId: 2n, projectId: 8n }), ttlMs);
    expect(await store.agentsByProject(8n)).toHaveLength(2);
  });
});

describe('fencing', () => {
  it('refuses the write of an older incarnation', async () => {
    const { store } = fresh();
    await store.registerAgent(agent({ incarnation: 2, version: 'new' }), ttlMs);
    expect(await store.registerAgent(agent({ incarnation: 1, version: 'old' }), ttlMs)).toBe(false);
    expect(await store.agentsById(1n)).toMatchObject([{ version: 'new' }]);
  });

  it('lets a late farewell of an older incarnation change nothing', async () => {
    const { store } = fresh();
    await store.registerAgent(agent({ incarnation: 1 }), ttlMs);
    await store.registerAgent(agent({ incarnation: 2 }), ttlMs);
    await store.unregisterAgent(1n, 100n, 1);
    expect(await store.agentsById(1n)).toMatchObject([{ incarnation: 2 }]);
    await store.unregisterAgent(1n, 100n, 2);
    expect(await store.agentsById(1n)).toEqual([]);
    expect(await store.connectedAgents()).toBe(0);
  });

  it('does not let a refresh that was on its way undo a farewell, while a newer life is welcome', async () => {
    const { store } = fresh();
    await store.registerAgent(agent({ incarnation: 3 }), ttlMs);
    await store.unregisterAgent(1n, 100n, 3);
    expect(await store.registerAgent(agent({ incarnation: 3 }), ttlMs)).toBe(false);
    expect(await store.agentsById(1n)).toEqual([]);
    expect(await store.registerAgent(agent({ incarnation: 4 }), ttlMs)).toBe(true);
    expect(await store.agentsById(1n)).toHaveLength(1);
  });

  it('forgets incarnations together with the entry', async () => {
    const { clock, store } = fresh();
    await store.registerAgent(agent({ incarnation: 9 }), ttlMs);
    clock.advance(ttlMs);
    expect(await store.registerAgent(agent({ incarnation: 1 }), ttlMs)).toBe(true);
  });
});

describe('bounds', () => {
  it('keep one agent from filling the table, and expired connections make room', async () => {
    const { clock, store } = fresh({ connectionsPerAgentMax: 2 });
    await store.registerAgent(agent({ connectionId: 1n }), 1_000);
    await store.registerAgent(agent({ connectionId: 2n }), ttlMs);
    expect(await store.registerAgent(agent({ connectionId: 3n }), ttlMs)).toBe(false);
    expect(await store.registerAgent(agent({ connectionId: 2n }), ttlMs)).toBe(true);
    expect(await store.registerAgent(agent({ agentId: 2n }), ttlMs)).toBe(true);
    clock.advance(1_000);
    expect(await store.registerAgent(agent({ connectionId: 3n }), ttlMs)).toBe(true);
  });

  it('hold over all agents, and a sweep makes room', async () => {
    const { clock, store } = fresh({ connectionsMax: 2 });
    await store.registerAgent(agent({ agentId: 1n }), 1_000);
    await store.registerAgent(agent({ agentId: 2n }), ttlMs);
    expect(await store.registerAgent(agent({ agentId: 3n }), ttlMs)).toBe(false);
    clock.advance(30_000);
    expect(await store.registerAgent(agent({ agentId: 3n }), ttlMs)).toBe(true);
  });

  it('hold for shared errors: the oldest goes', async () => {
    const { store } = fresh({ sharedErrorsMax: 2 });
    for (const key of ['a', 'b', 'c'])
      await store.sharedErrors.set(key, { statusCode: 404, reason: key }, 1_000);
    expect(await store.sharedErrors.get('a')).toBeUndefined();
    expect(await store.sharedErrors.get('b')).toEqual({ statusCode: 404, reason: 'b' });
    expect(await store.sharedErrors.get('c')).toEqual({ statusCode: 404, reason: 'c' });
  });
});

describe('shared errors', () => {
  it('are remembered for their time', async () => {
    const { clock, store } = fresh();
    await store.sharedErrors.set('k', { statusCode: 401, reason: 'no' }, 1_000);
    clock.advance(999);
    expect(await store.sharedErrors.get('k')).toEqual({ statusCode: 401, reason: 'no' });
    clock.advance(1);
    expect(await store.sharedErrors.get('k')).toBeUndefined();
  });
});

describe('the token quota', () => {
  it('lets so many calls through in one minute of the clock, each token by itself', async () => {
    const { clock, store } = fresh();
    clock.advance(30_000);
    for (let call = 0; call < 3; call += 1) expect(await store.takeTokenQuota('t', 3)).toBe(true);
    expect(await store.takeTokenQuota('t', 3)).toBe(false);
    expect(await store.takeTokenQuota('other', 3)).toBe(true);
    clock.advance(29_999);
    expect(await store.takeTokenQuota('t', 3)).toBe(false);
    clock.advance(1);
    expect(await store.takeTokenQuota('t', 3)).toBe(true);
  });

  it('is atomic: a burst of calls gets exactly the limit', async () => {
    const { store } = fresh();
    const answers = await Promise.all(Array.from({ length: 50 }, () => store.takeTokenQuota('t', 10)));
    expect(answers.filter(Boolean)).toHaveLength(10);
  });

  it('lets tokens it cannot count pass instead of failing closed', async () => {
    const { store } = fresh({ quotaTokensMax: 1 });
    expect(await store.takeTokenQuota('a', 1)).toBe(true);
    expect(await store.takeTokenQuota('a', 1)).toBe(false);
    expect(await store.takeTokenQuota('b', 1)).toBe(true);
    expect(await store.takeTokenQuota('b', 1)).toBe(true);
  });
});
