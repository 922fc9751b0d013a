/** Keys and values byte for byte, against fixtures written by hand from the description of the wire (§8, §15). */
import { expect, it } from 'vitest';
import { secretKey } from '../../../src/protocol/index.ts';
import { ShiftedClock } from '../../fakes/shifted-clock.ts';
import type { RedisServer } from '../../fakes/redis-server.ts';
import { agent, ttlMs } from '../contract.ts';
import { openStore, redisServer, sectionOf, until } from './world.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const ascii = (text: string) => Buffer.from(text, 'latin1');
const key = (name: string, end = '') => Buffer.concat([ascii(`gitlab-kas:${name}`), hex(end)]);

/** Unix second 1,700,000,000, which is `80e2cfaa06` as a varint. */
const then = 1_700_000_000_000;

/** ConnectedAgentInfo of the agent below, field by field. */
const info = hex(
  '0a 3a' + // agent_meta
    '0a 07 7631362e352e30' + // version v16.5.0
    '12 03 616263' + // commit_id abc
    '1a 06 6769746c6162' + // pod_namespace gitlab
    '22 08 6167656e746b2d30' + // pod_name agentk-0
    '2a 18' + // kubernetes_version
    '0a 01 31 12 02 3330 1a 07 76312e33302e30' + // 1, 30, v1.30.0
    '22 06 782f7961726d' + // x/yarm
    '12 06 08 80e2cfaa06' + // connected_at
    '18 64' + // connection_id 100
    '20 7b' + // agent_id 123
    '28 07', // project_id 7
);
/** expires_at 1,700,000,300. */
const expiry = hex('08 ace4cfaa06');
const entryOfGo = Buffer.concat([expiry, hex('12'), Buffer.of(info.length), info]);
/** Field 1001, which Go does not know, says 5. */
const entryOfOurs = Buffer.concat([entryOfGo, hex('c83e 05')]);

const one = agent({
  agentId: 123n,
  connectedAt: then,
  kubernetes: { major: '1', minor: '30', gitVersion: 'v1.30.0', platform: 'x/yarm' },
  incarnation: 5,
});
const byAgent = key('agent_tracker2:conn_by_agent_id:', '7b00000000000000');
const byProject = key('agent_tracker2:conn_by_project_id:', '0700000000000000');
const connected = key('agent_tracker2:connected_agents');

async function at(ms: number) {
  const server = await redisServer({ unixSocket: true });
  const clock = new ShiftedClock();
  clock.shift(ms - clock.now());
  return { server, ...(await openStore({ section: sectionOf(server.address), clock })) };
}

async function lifetimeMs(server: RedisServer, name: Buffer): Promise<number> {
  return Number(await server.command('PTTL', name));
}

it('writes an agent where and how a Go kas looks for it', async () => {
  const { server, store, clock } = await at(then);
  clock.shift(then - clock.now());
  expect(await store.registerAgent(one, ttlMs)).toBe(true);
  expect(await server.keys()).toEqual([byAgent, byProject, connected]);
  expect(await server.hash(byAgent)).toEqual([['100', entryOfOurs]]);
  expect(await server.hash(byProject)).toEqual([['100', entryOfOurs]]);
  expect(await server.hash(connected)).toEqual([['123', expiry]]);
  for (const name of [byAgent, byProject, connected]) {
    expect(await lifetimeMs(server, name)).toBeGreaterThan(ttlMs - 60_000);
    expect(await lifetimeMs(server, name)).toBeLessThanOrEqual(ttlMs);
  }
});

it('reads what a Go kas wrote, which is older than anything of ours', async () => {
  const { server, store } = await at(then);
  await server.command('HSET', byAgent, '100', entryOfGo);
  await server.command('HSET', byProject, '100', entryOfGo);
  expect(await store.agentsById(123n)).toEqual([{ ...one, incarnation: 0 }]);
  expect(await store.agentsByProject(7n)).toEqual([{ ...one, incarnation: 0 }]);
  await store.registerAgent(one, ttlMs);
  expect(await store.agentsById(123n)).toEqual([one]);
});

it('takes an agent away where a Go kas put it, and only the fields of that connection', async () => {
  const { server, store } = await at(then);
  for (const field of ['100', '101']) {
    await server.command('HSET', byAgent, field, entryOfGo);
    await server.command('HSET', byProject, field, entryOfGo);
  }
  await server.command('HSET', connected, '123', expiry);
  await store.unregisterAgent(123n, 100n, 5);
  expect(await server.hash(byAgent)).toEqual([['101', entryOfGo]]);
  expect(await server.hash(byProject)).toEqual([['101', entryOfGo]]);
  expect(await server.hash(connected)).toEqual([['123', expiry]]);
  await store.unregisterAgent(123n, 101n, 5);
  expect(await server.keys()).toEqual([]);
});

it('skips what has expired or is no entry, counts the latter, and takes the former away after a grace', async () => {
  const { server, store, clock, metric } = await at(then + 100_000);
  await server.command('HSET', byAgent, '100', entryOfGo, '101', hex('ff'), '102', hex('0a 03 61'));
  expect(await store.agentsById(123n)).toHaveLength(1);
  expect(await metric('redis_undecodable_total{kind="entry"}')).toBe(2);
  clock.shift(205_000);
  expect(await store.agentsById(123n)).toEqual([]);
  expect(await server.hash(byAgent)).toHaveLength(3); // the clock of its writer may be behind
  clock.shift(60_000);
  expect(await store.agentsById(123n)).toEqual([]);
  await until(async () => (await server.hash(byAgent)).length === 2);
});

it('counts calls of a token as a Go kas does, and sees what that one counted', async () => {
  const { server, store, clock } = await at(then);
  clock.toNextMinute();
  const token = secretKey('glagent-0123456789');
  // SHA-256 of glagent-0
  const digest = '225787ebb6c8993968fa25db2ffbd91cce3f19a0dc735036d0e29a31cea0ca9a';
  const minute = Math.floor(clock.now() / 60_000) % 60;
  const counter = Buffer.concat([key('agent_limit:', digest), ascii(':'), Buffer.of(minute)]);
  expect(await store.takeTokenQuota(token, 3)).toBe(true);
  expect(await server.keys()).toEqual([counter]);
  expect(await server.text('GET', counter)).toBe('1');
  expect(await lifetimeMs(server, counter)).toBeLessThanOrEqual(59_000);
  await server.command('INCRBY', counter, '2');
  expect(await store.takeTokenQuota(token, 3)).toBe(false);
  const counted = await server.text('GET', counter);
  expect(await store.takeTokenQuota(token, 3)).toBe(false);
  expect(await server.text('GET', counter)).toBe(counted); // known to be over its limit
});

it('keeps refusals of GitLab as a Go kas does', async () => {
  const { server, store } = await at(then);
  const name = `agent_info_errs:${secretKey('glagent-0123456789')}`;
  const stored = key('agent_info_errs:', '225787ebb6c8993968fa25db2ffbd91cce3f19a0dc735036d0e29a31cea0ca9a');
  const refusal = { statusCode: 401, path: '/api/v4/internal/kubernetes/agent_info', reason: 'no' };
  await store.sharedErrors.set(name, refusal, 60_000);
  // Any{type_url type.googleapis.com/gitlab.agent.gitlab.ClientError, ClientError{401, path, reason no}}
  const url = ascii('type.googleapis.com/gitlab.agent.gitlab.ClientError');
  const path = ascii('/api/v4/internal/kubernetes/agent_info');
  const error = Buffer.concat([hex('08 9103 12'), Buffer.of(path.length), path, hex('1a 02 6e6f')]);
  const any = Buffer.concat([
    hex('0a'),
    Buffer.of(url.length),
    url,
    hex('12'),
    Buffer.of(error.length),
    error,
  ]);
  expect(await server.command('GET', stored)).toEqual(any);
  expect(await lifetimeMs(server, stored)).toBeGreaterThan(0);
  expect(await store.sharedErrors.get(name)).toEqual(refusal);
  const ofGo = Buffer.concat([hex('0a'), Buffer.of(url.length), url, hex('12 03 08 9303')]);
  await server.command('SET', stored, ofGo);
  expect(await store.sharedErrors.get(name)).toEqual({ statusCode: 403, reason: '' });
});

it('takes no value of another kind for a refusal', async () => {
  const { server, store, metric } = await at(then);
  for (const bad of [hex('ff'), ascii('nonsense'), hex('0a 01 78')]) {
    await server.command('SET', key('agent_info_errs:'), bad);
    expect(await store.sharedErrors.get('agent_info_errs:')).toBeUndefined();
  }
  expect(await metric('redis_undecodable_total{kind="error"}')).toBe(3);
  await server.command('HSET', key('project_info_errs:'), 'f', 'v');
  await expect(store.sharedErrors.get('project_info_errs:')).rejects.toThrow(/WRONGTYPE/);
});

it('has everything but the channel behind the configured prefix', async () => {
  const server = await redisServer();
  const section = sectionOf(server.address, { key_prefix: 'αβ', database_index: 3 });
  const { store } = await openStore({ section });
  await store.registerAgent(one, ttlMs);
  await store.sharedErrors.set('k', { statusCode: 404, reason: '' }, 60_000);
  expect(await server.keys()).toEqual([]);
  await server.command('SELECT', '3');
  for (const name of await server.keys()) expect(name.subarray(0, 5)).toEqual(Buffer.from('αβ:'));
  expect(await server.keys()).toHaveLength(4);
});

it('tells pushes on the channel of the Go kas, and hears its own and those of others', async () => {
  const { server, pushEvents, metric, log } = await at(then);
  const heard: unknown[] = [];
  const stop = pushEvents.subscribe((event) => heard.push(event));
  pushEvents.subscribe(() => {
    throw new Error('a listener of bad manners');
  });
  pushEvents.subscribe((event) => heard.push(event));
  await pushEvents.publish({ projectId: 1n, projectPath: 'p' });
  await until(() => heard.length === 2);
  // The vector of the description.
  const ofGo = hex(
    '0a33747970652e676f6f676c65617069732e636f6d2f6769746c61622e6167656e742e6576656e742e476974507573684576656e7412070a050801120170',
  );
  await server.command('PUBLISH', 'kas_events', ofGo);
  await until(() => heard.length === 4);
  expect(heard).toEqual(Array.from({ length: 4 }, () => ({ projectId: 1n, projectPath: 'p' })));
  for (const bad of [hex('ff'), ascii('nonsense'), ofGo.subarray(0, 53), hex('')]) {
    await server.command('PUBLISH', 'kas_events', bad);
  }
  stop();
  await pushEvents.publish({ projectId: 2n ** 60n, projectPath: 'group/päth' });
  await until(() => heard.length === 5);
  expect(heard.at(-1)).toEqual({ projectId: 2n ** 60n, projectPath: 'group/päth' });
  expect(await metric('redis_undecodable_total{kind="push_event"}')).toBe(4);
  expect(log.text).toContain('a listener of bad manners');
});

it('publishes the bytes of the Go kas', async () => {
  const { server, pushEvents } = await at(then);
  const { createClient, RESP_TYPES } = await import('@redis/client');
  const client = createClient({
    socket: { path: server.address, tls: false },
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
  await client.connect();
  const message = new Promise<Buffer>((resolve) => void client.subscribe('kas_events', resolve, true));
  await until(async () => String(await server.command('PUBSUB', 'NUMSUB', 'kas_events')).endsWith(',2'));
  await pushEvents.publish({ projectId: 1n, projectPath: 'p' });
  expect((await message).toString('hex')).toBe(
    '0a33747970652e676f6f676c65617069732e636f6d2f6769746c61622e6167656e742e6576656e742e476974507573684576656e7412070a050801120170',
  );
  client.destroy();
});
