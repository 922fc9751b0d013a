/**
 * The hostile network of the abuse test, in a process of its own: `node attacker.ts PORT`. A thousand connections that never
 * become an agent, held all at once, and a hundred thousand streams that are opened to be reset, over as many connections as that takes. Writes one line of JSON
 * when everything is open and done, and leaves when its standard input ends.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { errorCode, frameType, preface, uint32, writeFrame } from '../contract/frames.ts';
import { encodeHeaders } from '../contract/hpack.ts';
import { paths } from '../contract/go-agent.ts';
import { Peer } from '../contract/peer.ts';

const port = Number(process.argv[2]);
const connections = 1_000;
const resetsMin = 100_000;
const resetsPerConnection = 1_000;
/** New connections per second; a faster attacker only measures how fast TLS is. */
const pace = 200;

const tcp = async (): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  return socket;
};

const tls = async (): Promise<Socket> => {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  socket.on('error', () => {});
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]);
  return socket;
};

/** The first bytes of a TLS record that announces more than ever comes. */
const halfHello = Buffer.from('1603010200010001fc0303', 'hex');

const kinds: readonly (() => Promise<Socket>)[] = [
  // Says nothing.
  tcp,
  // Garbage where TLS should be.
  async () => {
    const socket = await tcp();
    socket.write(Buffer.alloc(512, 'garbage '));
    return socket;
  },
  // Half a handshake.
  async () => {
    const socket = await tcp();
    socket.write(halfHello);
    return socket;
  },
  // TLS, then garbage.
  async () => {
    const socket = await tls();
    socket.write(Buffer.alloc(512, 'garbage '));
    return socket;
  },
  // TLS, then half a preface.
  async () => {
    const socket = await tls();
    socket.write(preface.subarray(0, 10));
    return socket;
  },
  // HTTP/2, and never an agent.
  async () => {
    const peer = new Peer(await tls(), true);
    peer.greet();
    return peer.socket;
  },
];

/** Resets streams until the connection has had enough, on either side. Gives the resets that were sent. */
async function resetStreams(): Promise<number> {
  const peer = new Peer(await tls(), true);
  peer.greet();
  const block = encodeHeaders([
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', paths.connect],
    [':authority', 'kas'],
    ['content-type', 'application/grpc'],
    ['authorization', 'Bearer nobody'],
  ]);
  let sent = 0;
  while (sent < resetsPerConnection && !peer.isClosed) {
    const batch: Buffer[] = [];
    for (const upTo = sent + 100; sent < upTo; sent++) {
      batch.push(writeFrame(frameType.headers, 4, sent * 2 + 1, block));
      batch.push(writeFrame(frameType.rstStream, 0, sent * 2 + 1, uint32(errorCode.cancel)));
    }
    peer.write(Buffer.concat(batch));
    await sleep(1);
  }
  peer.ping(); // answered after all of it was read
  await Promise.race([peer.closed, peer.pings.nextOrEnd()]);
  peer.close();
  return sent;
}

const held: Socket[] = [];
for (let opened = 0; opened < connections; opened++) {
  const open = kinds[opened % kinds.length];
  if (open !== undefined) void open().then((socket) => held.push(socket));
  await sleep(1_000 / pace);
}
let resets = 0;
let resetters = 0;
for (; resets < resetsMin; resetters++) resets += await resetStreams();
while (held.length < connections) await sleep(10);
const open = held.filter((socket) => !socket.destroyed).length;
process.stdout.write(`${JSON.stringify({ connections, open, resets, resetters })}\n`);
process.stdin.resume();
await once(process.stdin, 'end');
process.exit();
