/** What kas does when Redis does not do what it should. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../fakes/redis-server.ts';
import { agent, ttlMs } from '../contract.ts';
import { openStore, redisServer, said, sectionOf, until } from './world.ts';

/** Signs of life come quickly here. */
const impatient = { write_timeout: 1_000 };

describe('at the start', () => {
  it('a store that is not there ends it, after a few tries, with the address and what is wrong', async () => {
    const section = sectionOf(`127.0.0.1:${await freePort()}`);
    await expect(openStore({ section })).rejects.toThrow(
      /Redis at 127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/,
    );
  });

  it('a store that comes a little later is waited for', async () => {
    const port = await freePort();
    const opening = openStore({ section: sectionOf(`127.0.0.1:${port}`) });
    const server = await redisServer({ port });
    const { store } = await opening;
    expect(await store.registerAgent(agent(), ttlMs)).toBe(true);
    expect(await server.keys()).toHaveLength(3);
  });

  it('a missing socket ends it', async () => {
    await expect(openStore({ section: sectionOf('/nowhere/redis.sock') })).rejects.toThrow(
      /Redis at \/nowhere\/redis\.sock cannot be reached/,
    );
  });

  it('a server that takes the connection and says nothing ends it', async () => {
    const server = await redisServer();
    await server.command('CLIENT', 'PAUSE', '60000', 'ALL');
    const section = sectionOf(server.address, { dial_timeout: 100, write_timeout: 100 });
    await expect(openStore({ section })).rejects.toThrow(/did not answer in time/);
  });

  it.each([
    ['no password', '', /NOAUTH/],
    ['a wrong password', 'wrong', /check username and password_file under redis.*WRONGPASS/],
    ['a line break too many', 'secret\n', /the password file ends with a line break/],
  ])('%s ends it at once, and the password is told to nobody', async (_, content, text) => {
    const server = await redisServer({ args: ['--requirepass', 'secret'], password: 'secret' });
    await writeFile(join(server.folder, 'password'), content);
    const section = sectionOf(server.address, { password_file: 'password' });
    const failure: Error = await openStore({ section, folder: server.folder }).then(
      () => new Error('it started'),
      (error: Error) => error,
    );
    expect(failure.message).toMatch(text);
    if (content !== '') expect(failure.message).not.toContain(content.trim());
  });

  it('the right password of a named user is taken byte for byte', async () => {
    const server = await redisServer();
    await server.command('ACL', 'SETUSER', 'kas', 'on', '>pass word\n', '~*', '&*', '+@all');
    await writeFile(join(server.folder, 'password'), 'pass word\n');
    const section = sectionOf(server.address, { username: 'kas', password_file: 'password' });
    const { store } = await openStore({ section, folder: server.folder });
    expect(await store.registerAgent(agent(), ttlMs)).toBe(true);
    expect(await server.text('CLIENT', 'LIST')).toMatch(/name=gitlab-kas .*user=kas/);
  });

  it.each([
    [{ password_file: 'missing' }, /redis\.password_file: ENOENT/],
    [{ server: { address: 'nowhere' } }, /redis\.server\.address: "nowhere" is no address; write host:port/],
    [{ database_index: 99 }, /refuses: ERR DB index is out of range/],
  ])('an unusable setting ends it: %o', async (over, text) => {
    const server = await redisServer();
    await expect(
      openStore({ section: sectionOf(server.address, over), folder: server.folder }),
    ).rejects.toThrow(text);
  });
});

describe('a crash of Redis', () => {
  it('makes calls fail at once, is told once, and all comes back by itself', async () => {
    const server = await redisServer();
    const { store, pushEvents, probe, log, metric } = await openStore({
      section: sectionOf(server.address, impatient),
    });
    expect(probe()).toBeUndefined();
    expect(await store.registerAgent(agent(), ttlMs)).toBe(true);
    await server.kill();
    await until(() => probe() !== undefined);
    await until(async () => (await metric('redis_commands_connected')) === 0);
    for (const call of [
      store.agentsById(1n),
      store.agentsByProject(7n),
      store.connectedAgents(),
      store.takeTokenQuota('t', 1),
      store.sharedErrors.get('k'),
      store.sharedErrors.set('k', { statusCode: 404, reason: '' }, 1_000),
      pushEvents.publish({ projectId: 1n, projectPath: 'p' }),
      store.registerAgent(agent({ agentId: 2n, connectionId: 2n }), ttlMs),
      store.unregisterAgent(1n, 100n, 1),
    ]) {
      await expect(call).rejects.toThrow(/Redis/);
    }
    expect(probe()).toMatch(/Redis at 127.0.0.1:\d+ cannot be reached|connection|socket/i);
    const links = log.lines.filter(
      ({ message }) => message === 'Redis is not available, going on without it',
    );
    expect(links.map(({ fields }) => String(fields['link']))).toHaveLength(3);
    await server.start();
    const heard: unknown[] = [];
    pushEvents.subscribe((event) => heard.push(event));
    await until(() => probe() === undefined);
    // What was said meanwhile is written: one has come, one has gone.
    await until(async () => (await store.agentsById(2n)).length === 1);
    expect(await store.agentsById(1n)).toEqual([]);
    await pushEvents.publish({ projectId: 1n, projectPath: 'p' });
    await until(() => heard.length === 1);
    expect(said(log, 'Redis is available again')).toBeDefined();
  });

  it('loses the data of a Redis without persistence, and this kas writes its own again', async () => {
    const server = await redisServer();
    const { store, probe } = await openStore({ section: sectionOf(server.address, impatient) });
    const crowd = Array.from({ length: 250 }, (_, index) =>
      agent({ agentId: BigInt(index + 1), connectionId: BigInt(index + 1) }),
    );
    await Promise.all(crowd.map((one) => store.registerAgent(one, ttlMs)));
    await server.kill();
    await server.start();
    await until(() => probe() === undefined);
    await until(async () => (await store.connectedAgents().catch(() => 0)) === 250);
    await until(async () => (await store.agentsByProject(7n).catch(() => [])).length === 250);
    expect(await store.agentsByProject(7n)).toEqual(crowd);
  });
});

it('a password that is changed takes effect with the next connection', async () => {
  const server = await redisServer();
  await writeFile(join(server.folder, 'password'), 'first');
  await server.command('ACL', 'SETUSER', 'kas', 'on', '>first', '~*', '&*', '+@all');
  const section = sectionOf(server.address, { username: 'kas', password_file: 'password', ...impatient });
  const { store, probe, metric, log } = await openStore({ section, folder: server.folder });
  await server.command('ACL', 'SETUSER', 'kas', 'resetpass', '>second');
  await server.command('CLIENT', 'KILL', 'USER', 'kas');
  await until(async () => ((await metric('redis_dials_total{link="commands",outcome="refused"}')) ?? 0) > 0);
  expect(probe()).toMatch(/does not accept the credentials/);
  await until(() => /No connection to Redis.*WRONGPASS/.test(log.text));
  await writeFile(join(server.folder, 'password'), 'second');
  await until(() => probe() === undefined);
  expect(await store.registerAgent(agent(), ttlMs)).toBe(true);
  expect(log.text).not.toMatch(/first|second/);
});

it('an emptied Redis gets the entries of this kas again', async () => {
  const server = await redisServer();
  const { store, log } = await openStore({ section: sectionOf(server.address, impatient) });
  await store.registerAgent(agent(), ttlMs);
  await store.registerAgent(agent({ agentId: 2n, connectionId: 2n }), ttlMs);
  await store.unregisterAgent(2n, 2n, 1);
  await server.command('FLUSHALL');
  await until(() => said(log, 'Entries of agents were written to Redis again') !== undefined);
  expect(await store.agentsById(1n)).toEqual([agent()]);
  expect(await store.agentsById(2n)).toEqual([]);
  expect(await store.connectedAgents()).toBe(1);
});

it('a frozen Redis is given up, and calls fail in time and then at once', async () => {
  const server = await redisServer();
  const { store, probe, metric } = await openStore({ section: sectionOf(server.address, impatient) });
  await server.command('CLIENT', 'PAUSE', '60000', 'ALL');
  const calls = [store.takeTokenQuota('t', 1), store.agentsById(1n), store.registerAgent(agent(), ttlMs)];
  for (const call of calls) await expect(call).rejects.toThrow(/Redis/);
  await until(async () => (await metric('redis_commands_connected')) === 0);
  await expect(store.agentsById(1n)).rejects.toThrow(/Redis is not available/);
  await server.kill(); // the pause cannot be ended by a connection that is paused
  await server.start();
  await until(() => probe() === undefined);
  await until(async () => (await store.agentsById(1n).catch(() => [])).length === 1);
});

it('a busy Redis that answers late answers all the same', async () => {
  const server = await redisServer({ args: ['--enable-debug-command', 'local'] });
  const { store, probe } = await openStore({ section: sectionOf(server.address, { write_timeout: 20_000 }) });
  const slept = server.command('DEBUG', 'SLEEP', '0.5');
  const answers = await Promise.all([store.registerAgent(agent(), ttlMs), store.takeTokenQuota('t', 1)]);
  expect(answers).toEqual([true, true]);
  await slept;
  expect(probe()).toBeUndefined();
});

it('what Redis refuses is told once per kind of call, and its end too', async () => {
  const server = await redisServer();
  const { store, log, probe } = await openStore({ section: sectionOf(server.address) });
  await server.command('CONFIG', 'SET', 'maxmemory', '1');
  for (let call = 0; call < 3; call++) {
    await expect(store.takeTokenQuota('t', 100)).rejects.toThrow(/Redis refused: OOM/);
    await expect(store.registerAgent(agent(), ttlMs)).rejects.toThrow(/Redis refused: OOM/);
  }
  expect(probe()).toBeUndefined();
  expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(2);
  await server.command('CONFIG', 'SET', 'maxmemory', '0');
  expect(await store.takeTokenQuota('t', 100)).toBe(true);
  expect(said(log, 'Redis does what it is asked again')).toMatchObject({ call: 'take_quota', failures: 3 });
});

it('a server that becomes a replica is left', async () => {
  const server = await redisServer();
  const { store, probe } = await openStore({ section: sectionOf(server.address) });
  await server.command('REPLICAOF', '127.0.0.1', String(await freePort()));
  await expect(store.takeTokenQuota('t', 1)).rejects.toThrow(/READONLY/);
  await until(() => probe() !== undefined);
  await server.command('REPLICAOF', 'NO', 'ONE');
  await until(() => probe() === undefined);
  expect(await store.takeTokenQuota('t', 1)).toBe(true);
});

it('a user who may do no more than the originals need is enough', async () => {
  const server = await redisServer();
  const rights =
    'on >p ~gitlab-kas:* &kas_events -@all +hello +client|setname +select +ping +watch +unwatch +multi +exec ' +
    '+hset +hdel +hscan +hlen +hget +hmget +pexpire +expire +incr +get +set +publish +subscribe';
  await server.command('ACL', 'SETUSER', 'kas', ...rights.split(' '));
  await writeFile(join(server.folder, 'password'), 'p');
  const section = sectionOf(server.address, { username: 'kas', password_file: 'password', ...impatient });
  const { store, pushEvents, probe, metric } = await openStore({ section, folder: server.folder });
  await store.registerAgent(agent(), ttlMs);
  expect(await store.agentsById(1n)).toHaveLength(1);
  expect(await store.takeTokenQuota('t', 1)).toBe(true);
  const heard: unknown[] = [];
  pushEvents.subscribe((event) => heard.push(event));
  await pushEvents.publish({ projectId: 1n, projectPath: 'p' });
  await until(() => heard.length === 1);
  await store.unregisterAgent(1n, 100n, 1);
  await until(async () => ((await metric('connected_agents_count')) ?? 1) === 0); // a sign of life has come
  expect(probe()).toBeUndefined();
});

describe('a stop', () => {
  it('finishes the farewells under way and leaves what expires by itself', async () => {
    const server = await redisServer();
    const { store, stop } = await openStore({ section: sectionOf(server.address) });
    const crowd = Array.from({ length: 1_000 }, (_, index) =>
      agent({ agentId: BigInt(index + 1), connectionId: BigInt(index + 1) }),
    );
    await Promise.all(crowd.map((one) => store.registerAgent(one, ttlMs)));
    await store.takeTokenQuota('t', 1);
    const farewells = crowd.slice(1).map((one) => store.unregisterAgent(one.agentId, one.connectionId, 1));
    await stop();
    await Promise.all(farewells);
    expect(await server.keys()).toHaveLength(4); // the quota, and three hashes of the agent that stayed
    await until(async () => !(await server.text('CLIENT', 'LIST')).includes('gitlab-kas'));
    await expect(store.agentsById(1n)).rejects.toThrow(/Redis is not available/);
  });

  it('does not wait for a Redis that is away', async () => {
    const server = await redisServer();
    const { store, stop, probe } = await openStore({ section: sectionOf(server.address, impatient) });
    await server.kill();
    await until(() => probe() !== undefined);
    const farewell = store.unregisterAgent(1n, 1n, 1);
    await expect(farewell).rejects.toThrow(/Redis/);
    await stop();
  });
});
