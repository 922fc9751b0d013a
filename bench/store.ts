/**
 * What the shared store costs a kas and a Redis: 5,000 agents that register at once and refresh one by one, and calls of
 * agents counted against their quota. `node bench/store.ts`; needs redis-server. Read the figures as orders of magnitude.
 */
import { performance } from 'node:perf_hooks';
import { createLog, createMetrics, systemClock, systemRandom } from '../src/host/index.ts';
import type { ConnectedAgent } from '../src/ports/index.ts';
import { openRedisStore } from '../src/store/redis/index.ts';
import { Registry, Supervisor } from '../src/supervisor/index.ts';
import { startRedisServer, type RedisServer } from '../test/fakes/redis-server.ts';

const agents = 5_000;
const ttlMs = 300_000;
const calls = 100_000;

const server = await startRedisServer();
const clock = systemClock;
const redis = await openRedisStore({
  section: {
    server: { address: server.address },
    network: 'tcp',
    username: '',
    password_file: '',
    database_index: 0,
    dial_timeout: 5_000,
    write_timeout: 60_000,
    key_prefix: 'gitlab-kas',
    tls: { enabled: false, certificate_file: '', key_file: '', ca_certificate_file: '' },
  },
  folder: '/',
  gcPeriodMs: 600_000,
  clock,
  random: systemRandom,
  log: createLog({ level: 'warn' }).log,
  metrics: createMetrics({ processMetrics: false }).metrics,
});
const env = { clock, random: systemRandom, registry: new Registry(), report: () => {} };
const tree = new Supervisor({ id: 'bench', strategy: 'one_for_one', children: [redis.child(env)] }, env);
await tree.start();
const { store } = redis;

const crowd = Array.from({ length: agents }, (_, index): ConnectedAgent => ({
  agentId: BigInt(index + 1),
  projectId: BigInt((index % 500) + 1),
  connectionId: systemRandom.int63(),
  connectedAt: clock.now(),
  version: 'v16.5.0',
  commitId: 'abcdef01',
  podNamespace: 'gitlab-agent',
  podName: `agentk-${index}-7d9f8b6c5d-x2x2x`,
  kubernetes: { major: '1', minor: '30', gitVersion: 'v1.30.0', platform: 'linux/amd64' },
  incarnation: clock.now(),
}));

await measured('register at once', agents, () =>
  Promise.all(crowd.map((one) => store.registerAgent(one, ttlMs))),
);
await measured('refresh at once', agents, () =>
  Promise.all(crowd.map((one) => store.registerAgent(one, ttlMs))),
);
await measured('refresh one by one', agents, async () => {
  for (const one of crowd) await store.registerAgent(one, ttlMs);
});
await measured('count a call, 100 at a time', calls, async () => {
  for (let done = 0; done < calls; done += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => store.takeTokenQuota(`token ${index}`, 1_000_000)),
    );
  }
});
await measured('read one agent', agents, async () => {
  for (const one of crowd) await store.agentsById(one.agentId);
});
await measured('leave at once', agents, () =>
  Promise.all(crowd.map((one) => store.unregisterAgent(one.agentId, one.connectionId, one.incarnation))),
);
await tree.stop('done');
await server.stop();

/** Runs it and prints time, our CPU, Redis's CPU and commands, each per operation. */
async function measured(name: string, operations: number, work: () => Promise<unknown>): Promise<void> {
  const before = await redisFigures(server);
  const cpu = process.cpuUsage();
  const since = performance.now();
  await work();
  const ms = performance.now() - since;
  const ours = process.cpuUsage(cpu);
  const after = await redisFigures(server);
  const per = (value: number) => (value / operations).toFixed(1).padStart(8);
  const us = (ours.user + ours.system) | 0;
  process.stdout.write(
    `${name.padEnd(28)} ${String(Math.round((operations / ms) * 1_000)).padStart(8)}/s  ` +
      `kas ${per(us)} us  Redis ${per(after.cpuUs - before.cpuUs)} us, ${per(after.commands - before.commands)} commands\n`,
  );
}

async function redisFigures(from: RedisServer): Promise<{ commands: number; cpuUs: number }> {
  const info = await from.text('INFO');
  const figure = (field: string) => Number(new RegExp(`${field}:([\\d.]+)`).exec(info)?.[1] ?? 0);
  return {
    commands: figure('total_commands_processed'),
    cpuUs: (figure('used_cpu_user') + figure('used_cpu_sys')) * 1e6,
  };
}
