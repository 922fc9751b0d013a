/** A WebSocket as a stream of bytes: order, backpressure, and every way it can end. */
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { until } from '../../kas/waiting.ts';
import { Loopback } from './loopback.ts';

let loopback: Loopback;

beforeEach(async () => {
  loopback = await Loopback.open();
});
afterEach(() => loopback[Symbol.asyncDispose]());

/** How a stream ended: its error, or undefined. */
function ending(stream: Duplex): Promise<Error | undefined> {
  return new Promise((resolve) => {
    let failure: Error | undefined;
    stream.on('error', (error) => (failure = error));
    stream.on('close', () => resolve(failure));
    stream.resume();
  });
}

async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('bytes', () => {
  it('arrive whole and in order however they were cut', async () => {
    const pieces = fc.array(fc.uint8Array({ minLength: 0, maxLength: 4_000 }), {
      minLength: 1,
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(pieces, fc.boolean(), async (chunks, corked) => {
        const { client, server } = await loopback.pair();
        const [from, to] = chunks.length % 2 === 0 ? [client, server] : [server, client];
        from.on('error', () => {});
        if (corked) from.cork();
        for (const chunk of chunks) from.write(Buffer.from(chunk));
        if (corked) from.uncork();
        from.end();
        expect((await readAll(to)).equals(Buffer.concat(chunks))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('written in one turn go out as few messages of moderate size', async () => {
    const { peer, server } = await loopback.withPeer();
    const sizes: number[] = [];
    peer.on('message', (data: Buffer) => sizes.push(data.length));
    server.cork();
    for (let i = 0; i < 100; i++) server.write(Buffer.alloc(6_000));
    server.uncork();
    await until(() => sizes.reduce((sum, size) => sum + size, 0) === 600_000);
    expect(sizes.length).toBe(25);
    expect(Math.max(...sizes)).toBe(24_000);
  });

  it('wait for a reader that does not read, at both ends', async () => {
    const { client, server } = await loopback.pair();
    const total = 256 * 1024 * 1024;
    let written = 0;
    const push = () => {
      while (written < total) {
        written += 65_536;
        if (!client.write(Buffer.alloc(65_536))) return;
      }
    };
    client.on('drain', push);
    push();
    // Nothing moves any more when a long row of turns brought nothing.
    for (let still = 0, seen = -1; still < 200; still = written === seen ? still + 1 : 0) {
      seen = written;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(written).toBeLessThan(64 * 1024 * 1024); // what the system's own buffers take
    expect(server.readableLength).toBeLessThan(1024 * 1024);
    let read = 0;
    server.on('data', (chunk: Buffer) => (read += chunk.length));
    await until(() => read > 2 * written || read === total || read > 100 * 1024 * 1024);
    client.destroy();
  });

  it('of a message that comes in single bytes are taken', async () => {
    const { client, server } = await loopback.pair();
    server.on('error', () => {});
    for (const byte of Buffer.from('PRI * HTTP/2.0')) client.write(Buffer.from([byte]));
    client.end();
    expect((await readAll(server)).toString()).toBe('PRI * HTTP/2.0');
  });
});

describe('the end', () => {
  it.each(['client', 'server'] as const)(
    'by the %s is a closing handshake and an end at the other side',
    async (who) => {
      const pair = await loopback.pair();
      const other = who === 'client' ? pair.server : pair.client;
      const ended = new Promise<void>((resolve) => other.once('end', resolve));
      const ends = Promise.all([ending(pair.client), ending(pair.server)]);
      pair[who].end();
      await ended;
      expect(await ends).toEqual([undefined, undefined]);
      await until(() => loopback.open === 0);
    },
  );

  it.each(['client', 'server'] as const)('by destroying the %s is an end at the other side', async (who) => {
    const pair = await loopback.pair();
    const other = who === 'client' ? pair.server : pair.client;
    const end = ending(other);
    pair[who].destroy();
    expect(await end).toBeUndefined();
    await until(() => loopback.open === 0);
  });

  it.each([1000, 1001])('by code %s of the peer is a clean one', async (code) => {
    const { peer, server } = await loopback.withPeer();
    const end = ending(server);
    peer.close(code);
    expect(await end).toBeUndefined();
  });

  it('by another code of the peer is an error that names it', async () => {
    const { peer, server } = await loopback.withPeer();
    const end = ending(server);
    peer.close(1011, 'no\u0007more');
    expect((await end)?.message).toBe('the WebSocket was closed with code 1011 no?more');
  });

  it('without a closing handshake is an error', async () => {
    const { client } = await loopback.pair();
    const end = ending(client);
    loopback.cut();
    expect((await end)?.message).toBe('the WebSocket was cut off without a closing handshake');
  });

  it('by text is an error, and the peer is told 1003', async () => {
    const { peer, server } = await loopback.withPeer();
    const end = ending(server);
    const code = new Promise((resolve) => peer.once('close', resolve));
    peer.send('text');
    expect((await end)?.message).toMatch(/text message/);
    expect(await code).toBe(1003);
  });

  it('by a broken frame is an error', async () => {
    const { peer, server } = await loopback.withPeer();
    const end = ending(server);
    peer.on('error', () => {});
    // Reserved bits without an extension.
    const { _socket: socket } = peer as unknown as { readonly _socket: { write(bytes: Buffer): void } };
    socket.write(Buffer.from([0xf2, 0x80, 0, 0, 0, 0]));
    expect((await end)?.message).toMatch(/Invalid WebSocket frame/);
  });

  it('while data waits to be read comes after the data', async () => {
    const { peer, server } = await loopback.withPeer();
    for (let i = 0; i < 64; i++) peer.send(Buffer.alloc(16_384, i));
    peer.close(1000);
    expect((await readAll(server)).length).toBe(64 * 16_384);
  });
});

it('HTTP/2 inside survives resets, and its end takes everything with it', async () => {
  const random = new SeededRandom(7);
  const http2 = createHttp2Server();
  const failures: unknown[] = [];
  http2.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  http2.on('sessionError', (error) => failures.push(error));
  for (let round = 0; round < 4; round++) {
    const { client, server } = await loopback.pair();
    http2.emit('connection', server);
    const session = connectHttp2('http://x', { createConnection: () => client });
    session.on('error', (error) => failures.push(error));
    const echoes = Array.from({ length: 60 }, async () => {
      const body = Buffer.alloc(1 + random.below(200_000), random.below(256));
      const stream = session.request({ ':method': 'POST', ':path': '/' });
      stream.on('error', () => {});
      const aborted = random.below(3) === 0;
      stream.end(body);
      let echoed = 0;
      await new Promise<void>((resolve) => {
        stream.on('data', (chunk: Buffer) => {
          echoed += chunk.length;
          if (aborted) stream.close(8);
        });
        stream.on('close', resolve);
      });
      if (!aborted) expect(echoed).toBe(body.length);
    });
    await Promise.all(echoes);
    const pending = session.request({ ':method': 'POST', ':path': '/' });
    pending.on('error', () => {});
    if (round % 2 === 0) session.destroy();
    else {
      pending.end();
      pending.resume();
      session.close();
    }
    await until(() => loopback.open === 0);
  }
  expect(failures).toEqual([]);
});
