import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Roster } from '../../../src/store/redis/roster.ts';
import { agent } from '../contract.ts';

const ttlMs = 1_000;

describe('the roster', () => {
  it('refuses older lives, and after a farewell the same one, until the entry would have expired', () => {
    const roster = new Roster(10);
    expect(roster.register(agent({ incarnation: 5 }), 0, ttlMs)).toBe('kept');
    expect(roster.register(agent({ incarnation: 4 }), 0, ttlMs)).toBe('stale');
    roster.unregister(1n, 100n, 4);
    expect(roster.liveAgents).toBe(1);
    roster.unregister(1n, 100n, 5);
    expect(roster.liveAgents).toBe(0);
    expect(roster.register(agent({ incarnation: 5 }), ttlMs - 1, ttlMs)).toBe('stale');
    expect(roster.register(agent({ incarnation: 5 }), ttlMs, ttlMs)).toBe('kept');
  });

  it('has room for so many, and makes it by letting go what has expired', () => {
    const roster = new Roster(2);
    for (const id of [1n, 2n]) expect(roster.register(agent({ agentId: id }), 0, ttlMs)).toBe('kept');
    expect(roster.register(agent({ agentId: 3n }), 0, ttlMs)).toBe('full');
    expect(roster.register(agent({ agentId: 2n }), 500, ttlMs)).toBe('kept');
    expect(roster.register(agent({ agentId: 3n }), ttlMs, ttlMs)).toBe('kept');
    expect(roster.size).toBe(2);
  });

  it('counts what it holds and what is not written, whatever happens', () => {
    const step = fc.record({
      what: fc.constantFrom('register', 'unregister', 'wrote', 'wroteFarewell', 'yield', 'sweep'),
      agentId: fc.bigInt(1n, 3n),
      connectionId: fc.bigInt(1n, 2n),
      incarnation: fc.integer({ min: 1, max: 3 }),
      now: fc.integer({ min: 0, max: 5_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const roster = new Roster(4);
        for (const { what, now, ...ids } of steps) {
          const { agentId, connectionId, incarnation } = ids;
          if (what === 'register') roster.register(agent(ids), now, ttlMs);
          else if (what === 'unregister') roster.unregister(agentId, connectionId, incarnation);
          else if (what === 'sweep') roster.sweep(now);
          else if (what === 'yield') roster.yield(agentId, connectionId, incarnation);
          else roster.wrote(agentId, connectionId, incarnation, what === 'wroteFarewell');
          const all = roster.all();
          expect(roster.size).toBe(all.length);
          expect(roster.size).toBeLessThanOrEqual(4);
          expect(roster.unwritten).toBe(all.filter(({ written }) => !written).length);
          const live = all.filter(({ farewell }) => !farewell);
          expect(roster.liveAgents).toBe(new Set(live.map((entry) => entry.agent.agentId)).size);
        }
      }),
    );
  });
});
