/** A connection that was told to go away keeps what runs on it, however long that takes. */
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { KasSockets, parseKasAddress, ProxyEnvironment } from '../../src/agentk/link/index.ts';
import { until } from '../kas/waiting.ts';

it('outlives keepalive although it cannot be pinged any more, and closes with its last stream', async () => {
  const server = createServer();
  const sessions: ServerHttp2Session[] = [];
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream: ServerHttp2Stream) => stream.respond({ ':status': 200 }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = parseKasAddress(`grpc://127.0.0.1:${(server.address() as AddressInfo).port}`);
  if ('error' in address) throw new Error(address.error);
  const sockets = new KasSockets({
    address: address.ok,
    tls: { caFile: undefined, serverName: undefined, skipVerify: false },
    proxies: new ProxyEnvironment({}),
    userAgent: 'test',
    upgradeHeaders: {},
  });
  const facts: string[] = [];
  sockets.dial(1, (fact) => facts.push(fact.type));
  await until(() => facts.includes('settings.received'));
  const stream = sockets.find(1)?.session?.request({ ':method': 'POST', ':path': '/x' });
  await new Promise((resolve) => stream?.once('response', resolve));
  sessions[0]?.goaway();
  await until(() => facts.includes('goaway.received'));
  sockets.retire(1);
  for (let i = 0; i < 3; i++) {
    sockets.pingRetired();
    await new Promise((resolve) => setImmediate(resolve));
    sockets.dropSilentRetired();
  }
  expect([sockets.retiredCount, stream?.destroyed]).toEqual([1, false]);
  stream?.close();
  await until(() => facts.includes('retired.emptied'));
  expect(sockets.retiredCount).toBe(0);
  server.close();
});
