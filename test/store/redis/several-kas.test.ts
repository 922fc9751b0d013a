/** Several kas on one Redis: moves of agents, clocks apart, crowds. */
import { describe, expect, it } from 'vitest';
import { ShiftedClock } from '../../fakes/shifted-clock.ts';
import { agent, ttlMs } from '../contract.ts';
import { openStore, redisServer, sectionOf, until } from './world.ts';

async function two(options: { readonly clocksApartMs?: number } = {}) {
  const server = await redisServer({ unixSocket: true });
  const section = sectionOf(server.address, { write_timeout: 100_000 });
  const late = new ShiftedClock();
  late.shift(-(options.clocksApartMs ?? 0));
  return { server, here: await openStore({ section }), there: await openStore({ section, clock: late }) };
}

describe('an agent that moves to another kas', () => {
  it('is seen by both, and the late farewell of the former changes nothing', async () => {
    const { here, there } = await two();
    await here.store.registerAgent(agent({ incarnation: 1 }), ttlMs);
    await there.store.registerAgent(agent({ incarnation: 2 }), ttlMs);
    await here.store.unregisterAgent(1n, 100n, 1);
    expect(await here.store.agentsById(1n)).toMatchObject([{ incarnation: 2 }]);
    expect(await here.store.connectedAgents()).toBe(1);
  });

  it('is not taken back by a late refresh of the former', async () => {
    const { here, there } = await two();
    await here.store.registerAgent(agent({ incarnation: 1 }), ttlMs);
    await there.store.registerAgent(agent({ incarnation: 2, version: 'newer' }), ttlMs);
    expect(await here.store.registerAgent(agent({ incarnation: 1 }), ttlMs)).toBe(false);
    expect(await here.store.agentsById(1n)).toMatchObject([{ version: 'newer' }]);
  });

  it('can move back', async () => {
    const { here, there } = await two();
    await here.store.registerAgent(agent({ incarnation: 1 }), ttlMs);
    await there.store.registerAgent(agent({ incarnation: 2 }), ttlMs);
    expect(await here.store.registerAgent(agent({ incarnation: 3 }), ttlMs)).toBe(true);
    await there.store.unregisterAgent(1n, 100n, 2);
    expect(await there.store.agentsById(1n)).toMatchObject([{ incarnation: 3 }]);
  });

  it('never has two minds about who won, whatever the order', async () => {
    const { here, there } = await two();
    for (let round = 0; round < 20; round++) {
      const [older, newer] = [2 * round + 1, 2 * round + 2];
      await Promise.all([
        here.store.registerAgent(agent({ incarnation: older }), ttlMs),
        there.store.registerAgent(agent({ incarnation: newer }), ttlMs),
        here.store.unregisterAgent(1n, 100n, older),
      ]);
      expect(await here.store.agentsById(1n)).toMatchObject([{ incarnation: newer }]);
      expect(await there.store.agentsByProject(7n)).toMatchObject([{ incarnation: newer }]);
      expect(await there.store.connectedAgents()).toBe(1);
    }
  });
});

it('counts calls of a token together', async () => {
  const { here, there } = await two();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? here : there).store.takeTokenQuota('t', 10)),
  );
  // A minute may begin in between.
  expect(answers.filter(Boolean).length).toBeGreaterThanOrEqual(10);
  expect(answers.filter(Boolean).length).toBeLessThan(20);
});

it('shares refusals and pushes', async () => {
  const { here, there } = await two();
  await here.store.sharedErrors.set('agent_info_errs:x', { statusCode: 403, reason: 'no' }, 60_000);
  expect(await there.store.sharedErrors.get('agent_info_errs:x')).toEqual({ statusCode: 403, reason: 'no' });
  const heard: unknown[] = [];
  there.pushEvents.subscribe((event) => heard.push(event));
  await here.pushEvents.publish({ projectId: 5n, projectPath: 'group/project' });
  await until(() => heard.length === 1);
});

describe('clocks apart', () => {
  it('by less than the grace do not make one kas take away what another keeps alive', async () => {
    const { server, here, there } = await two({ clocksApartMs: 40_000 });
    await there.store.registerAgent(agent(), ttlMs);
    here.clock.shift(ttlMs - 20_000);
    there.clock.shift(ttlMs - 20_000);
    expect(await here.store.agentsById(1n)).toEqual([]); // expired by our clock,
    expect(await server.keys()).toHaveLength(3); // but not taken away:
    expect(await there.store.agentsById(1n)).toHaveLength(1);
    await there.store.registerAgent(agent(), ttlMs);
    expect(await here.store.agentsById(1n)).toHaveLength(1);
  });

  it('are measured against Redis and told', async () => {
    const server = await redisServer({ unixSocket: true });
    const clock = new ShiftedClock();
    clock.shift(-3_600_000);
    const section = sectionOf(server.address, { write_timeout: 500 });
    const { log, metric } = await openStore({ section, clock });
    await until(() => log.text.includes('The clocks of this kas and of Redis differ'));
    expect(await metric('redis_clock_offset_seconds')).toBeGreaterThan(3_500);
  });
});

it('expired entries of others are swept where this kas has entries, those renewed meanwhile are kept', async () => {
  const server = await redisServer({ unixSocket: true });
  const section = sectionOf(server.address, { write_timeout: 20_000 });
  const here = await openStore({ section, gcPeriodMs: 200 });
  const there = await openStore({ section });
  await there.store.registerAgent(agent({ connectionId: 1n }), ttlMs);
  await there.store.registerAgent(agent({ connectionId: 2n }), ttlMs);
  await there.store.registerAgent(agent({ agentId: 3n, connectionId: 3n }), ttlMs);
  for (const one of [here, there]) one.clock.shift(ttlMs + 70_000);
  await there.store.registerAgent(agent({ connectionId: 2n }), ttlMs);
  await here.store.registerAgent(agent({ connectionId: 4n }), ttlMs);
  await until(
    async () => Number(await server.command('HLEN', 'gitlab-kas:agent_tracker2:connected_agents')) === 1,
  );
  await until(async () => (await server.keys()).length === 4);
  const fields = async (index: number) =>
    (await server.hash((await server.keys())[index] ?? '')).map(([f]) => f);
  await until(async () => (await fields(0)).join() === '2,4'); // of agent 1
  await until(async () => (await fields(2)).join() === '2,4'); // of the project
  expect(await fields(1)).toEqual(['3']); // of agent 3, which this kas does not have
});

it('a population of 10,000 agents comes, is counted, is read and goes', { timeout: 120_000 }, async () => {
  const { here, there } = await two();
  const crowd = Array.from({ length: 10_000 }, (_, index) =>
    agent({
      agentId: BigInt(index + 1),
      connectionId: BigInt(index + 1),
      projectId: BigInt((index % 100) + 1),
      incarnation: index + 1,
    }),
  );
  const home = (index: number) => (index % 2 === 0 ? here : there).store;
  const came = await Promise.all(crowd.map((one, index) => home(index).registerAgent(one, ttlMs)));
  expect(came.every(Boolean)).toBe(true);
  expect(await here.store.connectedAgents()).toBe(10_000);
  expect(await here.store.agentsByProject(1n)).toHaveLength(100);
  expect(await there.store.agentsById(777n)).toEqual([crowd[776]]);
  await Promise.all(
    crowd.map((one, index) => home(index).unregisterAgent(one.agentId, one.connectionId, one.incarnation)),
  );
  expect(await there.store.connectedAgents()).toBe(0);
  expect(await there.store.agentsByProject(1n)).toEqual([]);
});

it('one agent cannot fill the store', { timeout: 60_000 }, async () => {
  const { here, there } = await two();
  const many = Array.from({ length: 1_100 }, (_, index) => agent({ connectionId: BigInt(index + 1) }));
  const answers = await Promise.all(many.map((one) => here.store.registerAgent(one, ttlMs)));
  expect(answers.filter(Boolean)).toHaveLength(1_000);
  expect(await here.metric('redis_overflows_total{bound="connections_per_agent"}')).toBe(100);
  expect(await there.store.registerAgent(agent({ connectionId: 5_000n }), ttlMs)).toBe(false);
  expect(await there.store.registerAgent(agent({ connectionId: 1n, incarnation: 2 }), ttlMs)).toBe(true);
});
