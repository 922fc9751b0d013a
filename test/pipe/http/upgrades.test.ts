import * as http from 'node:http';
import * as net from 'node:net';
import { describe, expect, test } from 'vitest';
import { Arrivals, Rig, until } from './rig.ts';

interface Upgraded {
  readonly socket: net.Socket;
  readonly head: Buffer;
  readonly response: http.IncomingMessage;
}

/** Asks for an upgrade and gives the switched socket. */
function upgrade(port: number, options: http.RequestOptions = {}): Promise<Upgraded> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      port,
      path: '/exec',
      agent: false,
      headers: { connection: 'upgrade', upgrade: 'SPDY/3.1' },
      ...options,
    });
    request.on('upgrade', (response, socket, head) => {
      socket.on('error', () => {});
      resolve({ response, socket, head });
    });
    request.on('response', (response) => reject(new Error(`answer ${response.statusCode}`)));
    request.on('error', reject);
    request.end();
  });
}

/** What arrives on a socket. */
function collect(socket: net.Socket): { text: () => string; ended: Promise<void>; closed: Promise<void> } {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  return {
    text: () => text,
    ended: new Promise((resolve) => socket.once('end', resolve)),
    closed: new Promise((resolve) => socket.once('close', resolve)),
  };
}

/** A rig whose API server switches protocols and hands its sockets out. */
async function switching(
  early = '',
): Promise<{ rig: Rig; sockets: Arrivals<net.Socket>; requests: Arrivals<http.IncomingMessage> }> {
  const rig = await Rig.start({ reuse: true, api: (_request, response) => response.end('plain') });
  const sockets = new Arrivals<net.Socket>();
  const requests = new Arrivals<http.IncomingMessage>();
  rig.api.on('upgrade', (request: http.IncomingMessage, socket: net.Socket) => {
    socket.on('error', () => {});
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: SPDY/3.1\r\nX-A: 1\r\n\r\n${early}`,
    );
    socket.on('end', () => socket.end());
    requests.push(request);
    sockets.push(socket);
  });
  return { rig, sockets, requests };
}

describe('a request that asks for an upgrade', () => {
  test('gets a switched connection with bytes flowing both ways', async () => {
    const { rig, sockets, requests } = await switching('early');
    await using _ = rig;
    const { socket, head, response } = await upgrade(rig.port, { method: 'POST' });
    const client = collect(socket);
    expect(response.statusCode).toBe(101);
    expect(response.headers).toMatchObject({ connection: 'upgrade', upgrade: 'SPDY/3.1', 'x-a': '1' });
    const seen = await requests.at(0);
    expect(seen.headers).toMatchObject({
      connection: 'upgrade',
      upgrade: 'SPDY/3.1',
      authorization: 'Bearer agent',
      'content-length': '0',
    });
    expect(seen.headers['transfer-encoding']).toBeUndefined();
    const server = await sockets.at(0);
    await until(() => head.toString() + client.text() === 'early');
    server.on('data', (chunk: Buffer) => server.write(chunk));
    socket.write('ping');
    await until(() => client.text().endsWith('ping'));
    socket.destroy();
    expect(await rig.forwarded.at(0)).toMatchObject({
      kind: 'upgraded',
      reusable: false,
      statusCode: 101,
      bytesUp: 4,
      bytesDown: 9,
    });
    expect(await rig.served.at(0)).toMatchObject({ kind: 'upgraded', bytesUp: 4, bytesDown: 9 });
  });

  test('echoes 20 MB unharmed under backpressure', async () => {
    const { rig, sockets } = await switching();
    await using _ = rig;
    const { socket } = await upgrade(rig.port);
    const server = await sockets.at(0);
    server.pipe(server, { end: false });
    const block = Buffer.alloc(64 * 1024, 0x61);
    const total = 20 * 1024 * 1024;
    let received = 0;
    let sent = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    const more = (): void => {
      while (sent < total) {
        sent += block.length;
        if (!socket.write(block)) return void socket.once('drain', more);
      }
    };
    more();
    await until(() => received === total);
    socket.destroy();
    expect(await rig.forwarded.at(0)).toMatchObject({ bytesUp: total, bytesDown: total });
  });

  test('the end of the server closes the client, after all its bytes', async () => {
    const { rig, sockets } = await switching();
    await using _ = rig;
    const { socket } = await upgrade(rig.port);
    const client = collect(socket);
    const server = await sockets.at(0);
    server.end('x'.repeat(300_000));
    await client.ended;
    expect(client.text().length).toBe(300_000);
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'upgraded', status: { code: 0 } });
    expect(await rig.served.at(0)).toMatchObject({ kind: 'upgraded', bytesDown: 300_000 });
    expect(await rig.agentEnds.at(0)).toMatchObject({ kind: 'finished', status: { code: 0 } });
  });

  test("the client's half-close does not end the server's direction", async () => {
    const { rig, sockets } = await switching();
    await using _ = rig;
    const { socket } = await upgrade(rig.port);
    const client = collect(socket);
    const server = await sockets.at(0);
    server.removeAllListeners('end');
    const got = collect(server);
    server.on('end', () => server.end('answer'));
    socket.end('last words');
    await until(() => got.text() === 'last words');
    await client.ended;
    expect(client.text()).toBe('answer');
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'upgraded' });
  });

  test('a client that takes nothing for the write limit is cut off', async () => {
    const { rig, sockets } = await switching();
    await using _ = rig;
    const { socket } = await upgrade(rig.port);
    const server = await sockets.at(0);
    socket.pause();
    const block = Buffer.alloc(64 * 1024);
    for (let written = 0; written < 64 * 1024 * 1024; written += block.length) server.write(block);
    let before = -1;
    while (before !== server.writableLength) {
      before = server.writableLength;
      for (let turn = 0; turn < 2000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
    await rig.clock.advanceAsync(40_000);
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'upgraded' });
    expect(await rig.served.at(0)).toMatchObject({ kind: 'cancelled' });
  });

  test('dies with the agent connection', async () => {
    const { rig, sockets } = await switching();
    await using _ = rig;
    const { socket } = await upgrade(rig.port);
    const client = collect(socket);
    const server = await sockets.at(0);
    const serverSide = collect(server);
    rig.loseAgent();
    await client.closed;
    await serverSide.ended;
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'failedAfterHeader', statusCode: 101 });
  });
});

describe('an upgrade that is not granted', () => {
  const get = (
    port: number,
  ): Promise<{ code: number | undefined; body: string; connection: string | undefined }> =>
    new Promise((resolve, reject) => {
      const request = http.request({
        port,
        agent: false,
        headers: { connection: 'upgrade', upgrade: 'websocket' },
      });
      request.on('response', (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += String(chunk)));
        response.on('end', () =>
          resolve({ code: response.statusCode, body, connection: response.headers.connection }),
        );
      });
      request.on('error', reject);
      request.end();
    });

  test('gives the plain answer and ends the stream', async () => {
    await using rig = await Rig.start({
      reuse: true,
      api: (_request, response) => {
        response.writeHead(403);
        response.end('y'.repeat(500_000));
      },
    });
    const answer = await get(rig.port);
    expect(answer).toMatchObject({ code: 403, connection: 'close' });
    expect(answer.body.length).toBe(500_000);
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'served', reusable: false, statusCode: 403 });
    expect(await rig.served.at(0)).toMatchObject({ kind: 'served', reusable: false });
    expect(await rig.agentEnds.at(0)).toMatchObject({ kind: 'finished', status: { code: 0 } });
  });

  test('a failed dial is a 502', async () => {
    await using rig = await Rig.start({ api: () => {}, target: { origin: 'http://127.0.0.1:1' } });
    expect(await get(rig.port)).toMatchObject({ code: 502, connection: 'close' });
    expect((await rig.served.at(0)).status.message).toMatch(/gRPC -> HTTP: .*ECONNREFUSED/);
  });

  test('an API server that does not even accept is given up after the dial limit', async () => {
    await using rig = await Rig.start({ api: () => {}, target: { origin: 'https://127.0.0.1:1' } });
    const silent = net.createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as net.AddressInfo;
    await using stuck = await Rig.start({ api: () => {}, target: { origin: `https://127.0.0.1:${port}` } });
    const answer = get(stuck.port);
    await stuck.exchanges.at(0);
    await until(() => stuck.clock.pending > 0);
    stuck.clock.advance(30_000);
    expect((await answer).body).toContain('gRPC -> HTTP: dial tcp: i/o timeout');
    silent.close();
    expect(rig.forwarded.all).toEqual([]);
  });

  test('a client that leaves while it waits cancels the request', async () => {
    const sockets = new Arrivals<net.Socket>();
    await using rig = await Rig.start({ api: () => {} });
    rig.api.on('upgrade', (_request: http.IncomingMessage, socket: net.Socket) => sockets.push(socket));
    const client = net.connect(rig.port, '127.0.0.1');
    client.on('error', () => {});
    client.write('GET /exec HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    const server = await sockets.at(0);
    const gone = collect(server).ended;
    client.end();
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'clientGone' });
    await gone;
    expect(await rig.served.at(0)).toMatchObject({ kind: 'cancelled' });
  });
});
