/** What every store must do, whatever it keeps its data in. */
import { describe, expect, it } from 'vitest';
import type { ConnectedAgent, Store } from '../../src/ports/index.ts';

export const ttlMs = 300_000;
/** Entries may live on for the rest of the second in which they expire. */
const roundingMs = 2_000;

export interface StoreUnderTest {
  readonly store: Store;
  /** Lets so much time pass, for the store and for what it keeps. */
  readonly elapse: (ms: number) => Promise<void>;
  /** Lets time pass until a minute of the wall clock begins. */
  readonly untilNextMinute: () => Promise<void>;
}

export function agent(over: Partial<ConnectedAgent> = {}): ConnectedAgent {
  return {
    agentId: 1n,
    projectId: 7n,
    connectionId: 100n,
    connectedAt: Date.UTC(2026, 0, 1),
    version: 'v16.5.0',
    commitId: 'abc',
    podNamespace: 'gitlab',
    podName: 'agentk-0',
    kubernetes: { major: '1', minor: '30', gitVersion: 'v1.30.0', platform: 'linux/amd64' },
    incarnation: 1,
    ...over,
  };
}

/** Declares the tests; `open` makes an empty store for each. */
export function itIsAStore(open: () => Promise<StoreUnderTest>): void {
  describe('connected agents', () => connectedAgents(open));
  describe('fencing', () => fencing(open));
  describe('shared errors', () => sharedErrors(open));
  describe('the token quota', () => tokenQuota(open));
}

function connectedAgents(open: () => Promise<StoreUnderTest>): void {
  it('are found by agent and by project, each connection by itself', async () => {
    const { store } = await open();
    const [first, second] = [agent(), agent({ connectionId: 101n, podName: 'agentk-1' })];
    const other = agent({ agentId: 2n, connectionId: 102n });
    for (const one of [first, second, other]) expect(await store.registerAgent(one, ttlMs)).toBe(true);
    expect(await store.agentsById(1n)).toEqual([first, second]);
    expect(await store.agentsByProject(7n)).toEqual([first, second, other]);
    expect(await store.agentsById(9n)).toEqual([]);
    expect(await store.agentsByProject(8n)).toEqual([]);
    expect(await store.connectedAgents()).toBe(2);
  });

  it('keep ids beyond 2^53 and names in any script', async () => {
    const { store } = await open();
    const one = agent({
      agentId: 2n ** 62n + 1n,
      projectId: 2n ** 61n + 1n,
      connectionId: 2n ** 63n - 1n,
      podName: 'агент-ΩΩ',
    });
    await store.registerAgent(one, ttlMs);
    expect(await store.agentsById(one.agentId)).toEqual([one]);
    expect(await store.agentsByProject(one.projectId)).toEqual([one]);
  });

  it('disappear when nobody refreshes them', async () => {
    const { store, elapse } = await open();
    await store.registerAgent(agent(), ttlMs);
    await elapse(ttlMs - 60_000);
    expect(await store.agentsById(1n)).toHaveLength(1);
    await store.registerAgent(agent(), ttlMs);
    await elapse(ttlMs - 60_000);
    expect(await store.agentsById(1n)).toHaveLength(1);
    await elapse(60_000 + roundingMs);
    expect(await store.agentsById(1n)).toEqual([]);
    expect(await store.agentsByProject(7n)).toEqual([]);
    expect(await store.connectedAgents()).toBe(0);
  });

  it('move with their project', async () => {
    const { store } = await open();
    await store.registerAgent(agent(), ttlMs);
    await store.registerAgent(agent({ projectId: 8n }), ttlMs);
    expect(await store.agentsByProject(7n)).toEqual([]);
    expect(await store.agentsByProject(8n)).toHaveLength(1);
    expect(await store.connectedAgents()).toBe(1);
  });

  it('leave one by one, and the agent counts until its last one has left', async () => {
    const { store } = await open();
    await store.registerAgent(agent(), ttlMs);
    await store.registerAgent(agent({ connectionId: 101n }), ttlMs);
    await store.unregisterAgent(1n, 100n, 1);
    expect(await store.agentsById(1n)).toMatchObject([{ connectionId: 101n }]);
    expect(await store.connectedAgents()).toBe(1);
    await store.unregisterAgent(1n, 101n, 1);
    expect(await store.agentsByProject(7n)).toEqual([]);
    expect(await store.connectedAgents()).toBe(0);
  });

  it('that never came may leave', async () => {
    const { store } = await open();
    await store.unregisterAgent(5n, 1n, 1);
    expect(await store.agentsById(5n)).toEqual([]);
  });

  it('come in crowds', async () => {
    const { store } = await open();
    const crowd = Array.from({ length: 500 }, (_, index) =>
      agent({ agentId: BigInt(index + 1), connectionId: BigInt(index + 1_000) }),
    );
    const answers = await Promise.all(crowd.map((one) => store.registerAgent(one, ttlMs)));
    expect(answers.every(Boolean)).toBe(true);
    expect(await store.connectedAgents()).toBe(500);
    expect(await store.agentsByProject(7n)).toHaveLength(500);
    await Promise.all(crowd.map((one) => store.unregisterAgent(one.agentId, one.connectionId, 1)));
    expect(await store.connectedAgents()).toBe(0);
  });
}

function fencing(open: () => Promise<StoreUnderTest>): void {
  it('refuses the write of an older incarnation', async () => {
    const { store } = await open();
    await store.registerAgent(agent({ incarnation: 2, version: 'new' }), ttlMs);
    expect(await store.registerAgent(agent({ incarnation: 1, version: 'old' }), ttlMs)).toBe(false);
    expect(await store.agentsById(1n)).toMatchObject([{ version: 'new' }]);
  });

  it('lets a late farewell of an older incarnation change nothing', async () => {
    const { store } = await open();
    await store.registerAgent(agent({ incarnation: 1 }), ttlMs);
    await store.registerAgent(agent({ incarnation: 2 }), ttlMs);
    await store.unregisterAgent(1n, 100n, 1);
    expect(await store.agentsById(1n)).toMatchObject([{ incarnation: 2 }]);
    await store.unregisterAgent(1n, 100n, 2);
    expect(await store.agentsById(1n)).toEqual([]);
  });

  it('does not let a refresh that was on its way undo a farewell, while a newer life is welcome', async () => {
    const { store } = await open();
    await store.registerAgent(agent({ incarnation: 3 }), ttlMs);
    await store.unregisterAgent(1n, 100n, 3);
    expect(await store.registerAgent(agent({ incarnation: 3 }), ttlMs)).toBe(false);
    expect(await store.agentsById(1n)).toEqual([]);
    expect(await store.registerAgent(agent({ incarnation: 4 }), ttlMs)).toBe(true);
    expect(await store.agentsById(1n)).toHaveLength(1);
  });

  it('holds for what is written and taken back in one breath', async () => {
    const { store } = await open();
    await Promise.all([
      store.registerAgent(agent({ incarnation: 1 }), ttlMs),
      store.unregisterAgent(1n, 100n, 1),
      store.registerAgent(agent({ incarnation: 2 }), ttlMs),
    ]);
    expect(await store.agentsById(1n)).toMatchObject([{ incarnation: 2 }]);
    expect(await store.connectedAgents()).toBe(1);
  });

  it('forgets incarnations together with the entry', async () => {
    const { store, elapse } = await open();
    await store.registerAgent(agent({ incarnation: 9 }), ttlMs);
    await elapse(ttlMs + roundingMs);
    expect(await store.registerAgent(agent({ incarnation: 1 }), ttlMs)).toBe(true);
  });
}

function sharedErrors(open: () => Promise<StoreUnderTest>): void {
  it('are remembered for their time', async () => {
    const { store, elapse } = await open();
    const key = 'agent_info_errs:\u0000\u00ff';
    await store.sharedErrors.set(key, { statusCode: 401, reason: 'no' }, 60_000);
    await elapse(30_000);
    expect(await store.sharedErrors.get(key)).toEqual({ statusCode: 401, reason: 'no' });
    expect(await store.sharedErrors.get('agent_info_errs:other')).toBeUndefined();
    await elapse(30_000);
    expect(await store.sharedErrors.get(key)).toBeUndefined();
  });

  it('are replaced by newer ones', async () => {
    const { store } = await open();
    await store.sharedErrors.set('k', { statusCode: 401, reason: 'no' }, 60_000);
    await store.sharedErrors.set('k', { statusCode: 404, reason: '' }, 60_000);
    expect(await store.sharedErrors.get('k')).toEqual({ statusCode: 404, reason: '' });
  });
}

function tokenQuota(open: () => Promise<StoreUnderTest>): void {
  it('lets so many calls through in one minute of the clock, each token by itself', async () => {
    const { store, elapse, untilNextMinute } = await open();
    await untilNextMinute();
    for (let call = 0; call < 3; call += 1) expect(await store.takeTokenQuota('t', 3)).toBe(true);
    expect(await store.takeTokenQuota('t', 3)).toBe(false);
    expect(await store.takeTokenQuota('other', 3)).toBe(true);
    await elapse(20_000);
    expect(await store.takeTokenQuota('t', 3)).toBe(false);
    await untilNextMinute();
    expect(await store.takeTokenQuota('t', 3)).toBe(true);
  });

  it('is atomic: a burst of calls gets exactly the limit', async () => {
    const { store, untilNextMinute } = await open();
    await untilNextMinute();
    const answers = await Promise.all(Array.from({ length: 50 }, () => store.takeTokenQuota('t', 10)));
    expect(answers.filter(Boolean)).toHaveLength(10);
  });
}
