/** `spec/wire.md §4.4`, `§1.1`, `§6.4`: messages and streams of an agent, their encoding and their ends. */
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KasUnderTest, tokens } from '../kas/kas-under-test.ts';
import { until } from '../kas/waiting.ts';
import { errorCode } from './frames.ts';
import { GoAgent, paths, statusAtEnd, statusOf } from './go-agent.ts';
import { grpcMessage } from './peer.ts';
import { int } from './protobuf.ts';

let kas: KasUnderTest;
let agent: GoAgent;

async function begin(...options: Parameters<typeof KasUnderTest.start>): Promise<void> {
  kas = await KasUnderTest.start(...options);
  agent = await GoAgent.dial(kas.ports.agents, tokens.agent);
}
afterEach(async () => {
  agent.close();
  await kas.finish();
});

const register = int(2, 1n);

describe('§4.4 an encoding', () => {
  beforeEach(() => begin());

  it.each(['deflate', 'snappy', 'zstd', 'GZIP', 'gzip, deflate', '\u00fcx'])(
    '%j is UNIMPLEMENTED, and the answer says what is accepted',
    async (encoding) => {
      const stream = agent.call(paths.register, { 'grpc-encoding': encoding });
      const { trailers } = await stream.trailers();
      expect(statusOf(trailers)[0]).toBe(12);
      expect(statusOf(trailers)[1]).toMatch(/^grpc: Decompressor is not installed for grpc-encoding /);
      expect(trailers.get('grpc-accept-encoding')).toBe('gzip');
    },
  );

  it.each([
    ['identity', 'identity', 'gzip', undefined],
    ['none', undefined, 'gzip', undefined],
    ['gzip, of a client that says nothing of answers', 'gzip', undefined, 'gzip'],
    ['gzip, of a client that takes several', 'gzip', 'identity, deflate,gzip', 'gzip'],
    ['gzip, of a client that wants answers as they are', 'gzip', 'identity', undefined],
  ] as const)('%s is answered in kind', async (_name, encoding, accepted, answered) => {
    const stream = agent.call(paths.configuration, {
      'grpc-encoding': encoding,
      'grpc-accept-encoding': accepted,
    });
    stream.send(int(3, 1), { end: true });
    const { headers } = await stream.next('headers');
    expect(headers.get('grpc-encoding')).toBe(answered);
    const answer = await stream.next('message');
    if (answered === undefined) expect(answer.compressed).toBe(false);
  });

  it('gzip of a message that is none is INTERNAL, and so is a compressed message without an encoding', async () => {
    const broken = agent.call(paths.register).send(Buffer.from('not gzip'), { compressed: true });
    expect((await statusAtEnd(broken))[0]).toBe(13);
    const plain = agent.call(paths.register, { 'grpc-encoding': undefined });
    plain.send(register, { compressed: true });
    expect(await statusAtEnd(plain)).toEqual([
      13,
      'grpc: compressed flag set with identity or empty encoding',
    ]);
  });

  it('a stream of an agent that compresses is answered, tunnels as they are', async () => {
    const tunnel = agent.connect();
    await kas.reaches({ idle: 1 });
    const answered = kas.call('/api');
    expect((await tunnel.stream.next('headers')).headers.get('grpc-encoding')).toBeUndefined();
    tunnel.stream.reset(errorCode.cancel);
    await (await answered).body.dump();
  });
});

describe('§4.4 a message', () => {
  beforeEach(() => begin());
  const max = 4 * 1024 * 1024;

  it('above 4 MiB is RESOURCE_EXHAUSTED at its first bytes', async () => {
    for (const path of Object.values(paths)) {
      const head = Buffer.alloc(5);
      head.writeUInt32BE(max + 1, 1);
      expect(await statusAtEnd(agent.call(path).data(head))).toEqual([
        8,
        `grpc: received message larger than max (${max + 1} vs. ${max})`,
      ]);
    }
  });

  it('that inflates above 4 MiB is RESOURCE_EXHAUSTED', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const stream = agent.call(paths.register).send(bomb, { compressed: true });
    const [code, text] = await statusAtEnd(stream);
    expect([code, text]).toEqual([8, expect.stringContaining('after decompression larger than max')]);
  });

  it.each([2, 3, 128, 255])('with flag byte %i is INTERNAL', async (flagByte) => {
    const stream = agent.call(paths.register).data(Buffer.from([flagByte, 0, 0, 0, 0]));
    expect(await statusAtEnd(stream)).toEqual([13, `grpc: received unexpected payload format ${flagByte}`]);
  });

  it('that stops in the middle is INTERNAL', async () => {
    const stream = agent.call(paths.register).data(Buffer.from([0, 0, 0, 0, 9, 1]), true);
    expect(await statusAtEnd(stream)).toEqual([13, 'unexpected EOF']);
  });

  it('in two frames, in padding, or empty, is a message', async () => {
    const whole = grpcMessage(register);
    const split = agent.call(paths.register).data(whole.subarray(0, 3)).data(whole.subarray(3), true);
    expect((await statusAtEnd(split))[0]).toBe(0);
    expect((await statusAtEnd(agent.call(paths.register).send(Buffer.alloc(0), { end: true })))[0]).toBe(0);
  });
});

describe('§1.1 the half-close of a call', () => {
  beforeEach(() => begin());

  it('without a request is INTERNAL for Register and GetConfiguration', async () => {
    for (const path of [paths.register, paths.configuration, paths.register])
      expect((await statusAtEnd(agent.call(path).end()))[0]).toBe(13);
  });

  it('before the descriptor ends a Connect stream with OK', async () => {
    expect((await statusAtEnd(agent.call(paths.connect).end()))[0]).toBe(0);
  });

  it('after the descriptor takes the tunnel out of use', async () => {
    const tunnel = agent.connect();
    await kas.reaches({ idle: 1 });
    tunnel.stream.end();
    expect((await statusAtEnd(tunnel.stream))[0]).toBe(0);
    await kas.reaches({ idle: 0 });
  });

  it('is not needed: an answered Register is ended by kas', async () => {
    const stream = agent.call(paths.register).send(register);
    expect((await statusAtEnd(stream))[0]).toBe(0);
    await until(() => stream.events.all.some(({ kind }) => kind === 'reset'));
  });

  it('of a second request in a unary call changes nothing that was answered', async () => {
    const stream = agent.call(paths.register).send(register).send(register, { end: true });
    expect([0, 13]).toContain((await statusAtEnd(stream))[0]);
  });
});

describe('§6.4 RST_STREAM of an agent', () => {
  beforeEach(() => begin());

  it.each(Object.entries(errorCode))('%s takes an idle tunnel away', async (_name, code) => {
    const tunnel = agent.connect();
    await kas.reaches({ idle: 1 });
    tunnel.stream.reset(code);
    await kas.reaches({ idle: 0, tunnels: 0 });
    expect(agent.peer.goAways.all).toEqual([]);
  });

  it.each(Object.entries(errorCode))('%s in the middle of a request is 502', async (_name, code) => {
    const tunnel = agent.connect();
    await kas.reaches({ idle: 1 });
    const answered = kas.call('/api');
    await tunnel.request();
    tunnel.stream.reset(code);
    const { statusCode, body } = await answered;
    expect([statusCode, await body.text()]).toEqual([502, expect.stringContaining('rpc error: code = ')]);
  });

  it('ends a configuration stream', async () => {
    const stream = agent.configuration();
    await stream.next('headers');
    stream.reset(errorCode.cancel);
    await kas.reaches({ watches: 0 });
  });
});
