/** A connection that was told to go away keeps what runs on it, however long that takes. */
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { expect, it } from 'vitest';
import { KasSockets, parseKasAddress, ProxyEnvironment } from '../../src/agentk/link/index.ts';
import { until } from '../kas/waiting.ts';

async function retiredConnection() {
  const server = createServer();
  const sessions: ServerHttp2Session[] = [];
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket));
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = parseKasAddress(`grpc://127.0.0.1:${(server.address() as AddressInfo).port}`);
  if ('error' in address) throw new Error(address.error);
  const held = new KasSockets({
    address: address.ok,
    tls: { caFile: undefined, serverName: undefined, skipVerify: false },
    proxies: new ProxyEnvironment({}),
    userAgent: 'test',
    upgradeHeaders: {},
  });
  const facts: string[] = [];
  held.dial(1, (fact) => facts.push(fact.type));
  await until(() => facts.includes('settings.received'));
  const stream = held.find(1)?.session?.request({ ':method': 'POST', ':path': '/x' });
  stream?.on('error', () => {});
  await new Promise((resolve) => stream?.once('response', resolve));
  sessions[0]?.goaway();
  await until(() => facts.includes('goaway.received'));
  held.retire(1);
  return { held, stream, facts, sessions, sockets, server };
}

it('outlives keepalive while kas answers, and closes with its last stream', async () => {
  const { held, stream, facts, sessions, server } = await retiredConnection();
  let asked = 0;
  sessions[0]?.on('remoteSettings', () => asked++);
  for (let round = 1; round <= 3; round++) {
    held.pingRetired();
    await until(() => asked === round);
    await until(() => held.silentRetired === 0);
    held.dropSilentRetired();
  }
  expect([held.retiredCount, stream?.destroyed]).toEqual([1, false]);
  stream?.close();
  await until(() => facts.includes('retired.emptied'));
  expect(held.retiredCount).toBe(0);
  server.close();
});

it('is cut when kas no longer answers, so that nothing idle stays on it', async () => {
  const { held, stream, facts, sockets, server } = await retiredConnection();
  for (const socket of sockets) socket.pause();
  held.pingRetired();
  held.dropSilentRetired();
  await until(() => facts.includes('retired.emptied'));
  expect([held.retiredCount, stream?.destroyed]).toEqual([0, true]);
  for (const socket of sockets) socket.destroy();
  server.close();
});
