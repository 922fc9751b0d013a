import { describe, expect, it } from 'vitest';
import { memoryStore, type MemoryStoreLimits } from '../../src/store/memory/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { agent, itIsAStore, ttlMs } from './contract.ts';

function fresh(limits: Partial<MemoryStoreLimits> = {}) {
  const clock = new VirtualClock(Date.UTC(2026, 0, 1, 12, 0, 0));
  return { clock, store: memoryStore({ clock, limits }) };
}

itIsAStore(() => {
  const { clock, store } = fresh();
  const elapse = (ms: number) => Promise.resolve(clock.advance(ms)).then(() => undefined);
  return Promise.resolve({ store, elapse, untilNextMinute: () => elapse(60_000 - (clock.now() % 60_000)) });
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

describe('the token quota', () => {
  it('lets tokens it cannot count pass instead of failing closed', async () => {
    const { store } = fresh({ quotaTokensMax: 1 });
    expect(await store.takeTokenQuota('a', 1)).toBe(true);
    expect(await store.takeTokenQuota('a', 1)).toBe(false);
    expect(await store.takeTokenQuota('b', 1)).toBe(true);
    expect(await store.takeTokenQuota('b', 1)).toBe(true);
  });
});
