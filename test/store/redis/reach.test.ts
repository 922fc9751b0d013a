/** Ways to Redis: sockets, TLS, sentinels. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../fakes/redis-server.ts';
import { agent, ttlMs } from '../contract.ts';
import { openStore, redisServer, sectionOf, until } from './world.ts';

it.each(['unix', 'tcp'])('a socket of the file system, with network %s', async (network) => {
  const server = await redisServer({ unixSocket: true });
  const { store } = await openStore({ section: sectionOf(server.address, { network }) });
  expect(await store.registerAgent(agent(), ttlMs)).toBe(true);
});

it('an old Redis that knows no HELLO', async () => {
  const server = await redisServer({ args: ['--rename-command', 'HELLO', ''] });
  const { store, pushEvents, metric } = await openStore({
    section: sectionOf(server.address, { database_index: 2, write_timeout: 500 }),
  });
  expect(await store.registerAgent(agent(), ttlMs)).toBe(true);
  expect(await store.agentsById(1n)).toEqual([agent()]);
  const heard: unknown[] = [];
  pushEvents.subscribe((event) => heard.push(event));
  await pushEvents.publish({ projectId: 1n, projectPath: 'p' });
  await until(() => heard.length === 1);
  // Signs of life are given there too.
  await until(async () => /name=gitlab-kas .* sub=1 .* cmd=ping/.test(await server.text('CLIENT', 'LIST')));
  expect(await metric('redis_dials_total{link="events",outcome="connected"}')).toBe(1);
});

describe('TLS', () => {
  it('needs the authority, and presents a certificate where Redis asks for one', async () => {
    const { folder, server } = await tlsServer();
    const tls = { enabled: true, certificate_file: '', key_file: '', ca_certificate_file: '' };
    const address = `127.0.0.1:${server.port}`;
    const own = { certificate_file: 'client.crt', key_file: 'client.key' };
    const open = (over: Partial<typeof tls>) =>
      openStore({ section: sectionOf(address, { tls: { ...tls, ...over } }), folder });
    await expect(open(own)).rejects.toThrow(/not trusted, check redis\.tls\.ca_certificate_file/);
    await expect(open({ ca_certificate_file: 'ca.crt' })).rejects.toThrow(/Redis at 127/);
    await expect(open({ ...own, ca_certificate_file: 'client.key' })).rejects.toThrow(/redis\.tls/);
    const { store } = await open({ ...own, ca_certificate_file: 'ca.crt' });
    expect(await store.registerAgent(agent(), ttlMs)).toBe(true);
    expect(await store.agentsById(1n)).toHaveLength(1);
  });

  it('checks the name of the host', async () => {
    const { folder, server } = await tlsServer('DNS:redis.example');
    const tls = { enabled: true, certificate_file: 'client.crt', key_file: 'client.key' };
    const section = sectionOf(`127.0.0.1:${server.port}`, { tls: { ...tls, ca_certificate_file: 'ca.crt' } });
    await expect(openStore({ section, folder })).rejects.toThrow(/not trusted.*host name/);
  });
});

describe('sentinels', () => {
  it('lead to the master, and to the next one after a failover', { timeout: 90_000 }, async () => {
    const master = await redisServer();
    const replica = await redisServer({ args: ['--replicaof', '127.0.0.1', String(master.port)] });
    await until(async () => (await master.text('INFO', 'replication')).includes('state=online'));
    const sentinel = await sentinelOf(master.port);
    await until(async () =>
      (await sentinel.text('SENTINEL', 'REPLICAS', 'main')).includes(`${replica.port}`),
    );
    const section = sentinelSection([`127.0.0.1:${await freePort()}`, sentinel.address]);
    const { store, probe } = await openStore({ section });
    expect(await store.registerAgent(agent(), ttlMs)).toBe(true);
    expect(await master.keys()).toHaveLength(3);
    await master.kill();
    await until(() => probe() !== undefined);
    await until(() => probe() === undefined);
    await until(async () => (await store.agentsById(1n).catch(() => [])).length === 1);
    expect(await replica.text('ROLE')).toMatch(/^master/);
    expect(await store.registerAgent(agent({ agentId: 2n, connectionId: 2n }), ttlMs)).toBe(true);
  });

  it('that do not know the master end the start, naming the key', async () => {
    const master = await redisServer();
    const sentinel = await sentinelOf(master.port);
    const section = { ...sentinelSection([sentinel.address]) };
    const wrong = { ...section, sentinel: { ...section.sentinel, master_name: 'other' } };
    await expect(openStore({ section: wrong })).rejects.toThrow(
      /knows no master "other", check redis\.sentinel\.master_name/,
    );
  });
});

function sentinelSection(addresses: readonly string[]) {
  const { server: _, ...rest } = sectionOf('', { write_timeout: 1_000 });
  return { ...rest, sentinel: { master_name: 'main', addresses, sentinel_password_file: '' } };
}

function sentinelOf(masterPort: number) {
  return redisServer({
    sentinel: [
      `sentinel monitor main 127.0.0.1 ${masterPort} 1`,
      'sentinel down-after-milliseconds main 500',
      'sentinel failover-timeout main 2000',
      '',
    ].join('\n'),
  });
}

async function tlsServer(names = 'IP:127.0.0.1') {
  const folder = await mkdtemp(join(tmpdir(), 'redis-tls-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-subj', '/CN=ca', '-days', '2', '-keyout', 'ca.key', '-out', 'ca.crt');
  await writeFile(join(folder, 'server.ext'), `subjectAltName=${names}\n`);
  for (const name of ['server', 'client']) {
    openssl('req', ...key, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const sign = [
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.crt',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
    ];
    const extra = name === 'server' ? ['-extfile', 'server.ext'] : [];
    openssl(...sign, '-days', '2', '-out', `${name}.crt`, ...extra);
  }
  const port = await freePort();
  const at = (file: string) => join(folder, file);
  const server = await redisServer({
    port,
    args: [
      '--port',
      '0',
      '--tls-port',
      String(port),
      '--tls-ca-cert-file',
      at('ca.crt'),
      '--tls-cert-file',
      at('server.crt'),
      '--tls-key-file',
      at('server.key'),
    ],
  });
  return { folder, server };
}
