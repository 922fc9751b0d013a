/** grpc-js as the independent peer: its client against our server, our client against its server. */
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { endStatus, frame, frames, openCall } from '../../../src/pipe/grpc/index.ts';
import { ok, status, StatusCode, statusFromTrailers } from '../../../src/protocol/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { connectTo, loopback, method, noMetadata, record } from './loopback.ts';

const identity = (bytes: Buffer) => bytes;
const clients: grpc.Client[] = [];
const servers: grpc.Server[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  for (const server of servers.splice(0)) server.forceShutdown();
});

function grpcClient(port: number, options: grpc.ClientOptions = {}): grpc.Client {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), options);
  clients.push(client);
  return client;
}

const gzip = { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip };

interface Outcome {
  messages: string[];
  headers: grpc.Metadata | undefined;
  status: grpc.StatusObject;
}

function outcome(
  call: grpc.ClientDuplexStream<Buffer, Buffer> | grpc.ClientReadableStream<Buffer>,
): Promise<Outcome> {
  const messages: string[] = [];
  let headers: grpc.Metadata | undefined;
  call.on('metadata', (block: grpc.Metadata) => (headers = block));
  call.on('data', (bytes: Buffer) => messages.push(bytes.toString()));
  call.on('error', () => {});
  return new Promise((resolve) => call.on('status', (end) => resolve({ messages, headers, status: end })));
}

describe('a grpc-js client on our server', () => {
  it.each([
    ['plain', {}],
    ['gzip', gzip],
  ])('makes a unary call (%s)', async (_name, options) => {
    await using server = await loopback();
    const client = grpcClient(server.port, options);
    const answer = new Promise<Buffer | undefined>((resolve, reject) => {
      const payload = Buffer.from('question '.repeat(2000));
      client.makeUnaryRequest(method, identity, identity, payload, (error, value) =>
        error === null ? resolve(value) : reject(error),
      );
    });
    const { call, recorder } = await server.calls.next();
    await recorder.until(() => recorder.halfClosed === 1);
    expect(recorder.texts).toEqual(['question '.repeat(2000)]);
    expect(call.metadata.get('grpc-encoding')).toEqual(_name === 'gzip' ? ['gzip'] : undefined);
    call.stream.write(frame(Buffer.from('answer')));
    call.finish(ok);
    expect((await answer)?.toString()).toBe('answer');
    expect(await recorder.end()).toEqual({ kind: 'ended' });
  });

  it('reads a server stream with metadata in headers and trailers', async () => {
    await using server = await loopback();
    const client = grpcClient(server.port);
    const result = outcome(client.makeServerStreamRequest(method, identity, identity, Buffer.from('go')));
    const { call, recorder } = await server.calls.next();
    await recorder.until(() => recorder.halfClosed === 1);
    call.sendHeaders(
      new Map([
        ['x-head', ['h']],
        ['x-raw-bin', [Buffer.from([1, 2]).toString('base64')]],
      ]),
    );
    call.stream.write(frames(['1', '2', '3'].map((one) => Buffer.from(one))));
    call.finish(status(StatusCode.OutOfRange, 'done: %ü'), new Map([['x-tail', ['t']]]));
    const { messages, headers, status: end } = await result;
    expect(messages).toEqual(['1', '2', '3']);
    expect(headers?.get('x-head')).toEqual(['h']);
    expect(headers?.get('x-raw-bin')).toEqual([Buffer.from([1, 2])]);
    expect(end).toMatchObject({ code: grpc.status.OUT_OF_RANGE, details: 'done: %ü' });
    expect(end.metadata.get('x-tail')).toEqual(['t']);
  });

  it('talks both ways on a gzip stream', async () => {
    await using server = await loopback();
    const client = grpcClient(server.port, gzip);
    const bidi = client.makeBidiStreamRequest(method, identity, identity);
    const result = outcome(bidi);
    bidi.write(Buffer.from('0'));
    const { call, recorder } = await server.calls.next();
    for (let i = 0; i < 20; i += 1) {
      await recorder.until(() => recorder.messages.length === i + 1);
      const reply = new Promise((resolve) => bidi.once('data', resolve));
      call.stream.write(frame(Buffer.from(`re ${i}`)));
      await reply;
      bidi.write(Buffer.from(String(i + 1)));
    }
    bidi.end();
    await recorder.until(() => recorder.halfClosed === 1);
    call.finish(ok);
    expect((await result).messages).toHaveLength(20);
    expect(recorder.texts.at(-1)).toBe('20');
  });

  it('gets status details it can read', async () => {
    await using server = await loopback();
    const result = outcome(grpcClient(server.port).makeBidiStreamRequest(method, identity, identity));
    const { call } = await server.calls.next();
    const details = [{ typeUrl: 'type.googleapis.com/a.B', value: Buffer.from('detail') }];
    call.finish({ code: StatusCode.FailedPrecondition, message: 'no', details });
    const { status: end } = await result;
    expect(end.code).toBe(grpc.status.FAILED_PRECONDITION);
    const [bytes] = end.metadata.get('grpc-status-details-bin');
    const trailers = {
      'grpc-status': '9',
      'grpc-status-details-bin': Buffer.from(bytes ?? '').toString('base64'),
    };
    expect(String(Buffer.from(statusFromTrailers(trailers)?.details?.[0]?.value ?? []))).toBe('detail');
  });

  it('cancels, and sees its own deadline', async () => {
    await using server = await loopback();
    const client = grpcClient(server.port);
    const bidi = client.makeBidiStreamRequest(method, identity, identity);
    const cancelled = outcome(bidi);
    const first = await server.calls.next();
    bidi.cancel();
    expect((await cancelled).status.code).toBe(grpc.status.CANCELLED);
    expect((await first.recorder.end()).kind).toBe('cancelled');

    const deadline = Date.now() + 60_000;
    const limited = client.makeBidiStreamRequest(method, identity, identity, { deadline });
    const expired = outcome(limited);
    const second = await server.calls.next();
    expect(second.call.deadlineMs).toBeGreaterThan(50_000);
    server.clock.advance(second.call.deadlineMs ?? 0);
    expect((await expired).status.code).toBe(grpc.status.DEADLINE_EXCEEDED);
    expect((await second.recorder.end()).kind).toBe('violation');
  });

  it('is told about unknown methods and messages that are too large', async () => {
    await using server = await loopback({ limits: { messageBytesMax: 1000 } });
    const client = grpcClient(server.port);
    const unknown = await outcome(
      client.makeServerStreamRequest('/no.Such/M', identity, identity, Buffer.alloc(1)),
    );
    expect(unknown.status).toMatchObject({
      code: grpc.status.UNIMPLEMENTED,
      details: 'unknown service no.Such',
    });
    const large = await outcome(
      client.makeServerStreamRequest(method, identity, identity, Buffer.alloc(1001)),
    );
    expect(large.status.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
  });

  it('loses the connection under a call', async () => {
    await using server = await loopback();
    const bidi = grpcClient(server.port).makeBidiStreamRequest(method, identity, identity);
    const result = outcome(bidi);
    const { recorder } = await server.calls.next();
    server.serverSessions[0]?.destroy();
    expect((await result).status.code).toBe(grpc.status.UNAVAILABLE);
    expect((await recorder.end()).kind).toBe('lost');
  });
});

describe('our client on a grpc-js server', () => {
  type Bidi = grpc.ServerDuplexStream<Buffer, Buffer>;

  async function serving(handler: (call: Bidi) => void, options: grpc.ServerOptions = {}): Promise<number> {
    const server = new grpc.Server(options);
    servers.push(server);
    server.register(method, handler, identity, identity, 'bidi');
    return new Promise((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
  }

  async function calling(handler: (call: Bidi) => void, metadata = noMetadata, deadlineMs?: number) {
    const session = connectTo(await serving(handler));
    const clock = new VirtualClock();
    const call = openCall(session, method, metadata, {
      clock,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
    });
    return { clock, session, stream: call.stream, recorder: record(call.stream) };
  }

  it('talks both ways, with metadata each way', async () => {
    const { stream, recorder } = await calling(
      (call) => {
        const reply = new grpc.Metadata();
        reply.set('x-echo', String(call.metadata.get('x-ask')[0]));
        call.sendMetadata(reply);
        call.on('data', (bytes: Buffer) => call.write(Buffer.from(`re ${bytes.toString()}`)));
        call.on('end', () => call.end());
      },
      new Map([['x-ask', ['hello']]]),
    );
    stream.write(frames([Buffer.from('1'), Buffer.from('2')]));
    await recorder.until(() => recorder.messages.length === 2);
    stream.write(frame(Buffer.from('3')));
    stream.halfClose();
    expect(await recorder.end()).toMatchObject({ kind: 'finished', status: { code: StatusCode.OK } });
    expect(recorder.texts).toEqual(['re 1', 're 2', 're 3']);
    expect(recorder.headers[0]?.get('x-echo')).toEqual(['hello']);
  });

  it('gets its status, details and trailers, before it half-closed', async () => {
    const { recorder } = await calling((call) => {
      const metadata = new grpc.Metadata();
      metadata.set('x-tail', 't');
      call.emit('error', { code: grpc.status.ABORTED, details: 'stop: ü', metadata });
    });
    const end = await recorder.end();
    expect(endStatus(end)).toEqual(status(StatusCode.Aborted, 'stop: ü'));
    expect(end.kind === 'finished' && end.trailers.get('x-tail')).toEqual(['t']);
  });

  it('is told that the method is unknown', async () => {
    const session = connectTo(await serving(() => {}));
    const { stream } = openCall(session, '/test.Service/Other', noMetadata, { clock: new VirtualClock() });
    expect(endStatus(await record(stream).end()).code).toBe(StatusCode.Unimplemented);
    session.destroy();
  });

  it('cancels, and the server is told', async () => {
    const cancelled = Promise.withResolvers<void>();
    const { stream, recorder } = await calling((call) => {
      call.on('cancelled', () => cancelled.resolve());
      call.write(Buffer.from('here'));
    });
    await recorder.until(() => recorder.messages.length === 1);
    stream.abort('enough');
    await cancelled.promise;
    expect(await recorder.end()).toEqual({ kind: 'ended' });
  });

  it('passes its deadline on and keeps it', async () => {
    const seen = Promise.withResolvers<grpc.Deadline>();
    const { clock, recorder } = await calling(
      (call) => {
        seen.resolve(call.getDeadline());
        call.on('error', () => {});
      },
      noMetadata,
      600_000,
    );
    expect(Number(await seen.promise) - Date.now()).toBeGreaterThan(500_000);
    clock.advance(600_000);
    expect(endStatus(await recorder.end()).code).toBe(StatusCode.DeadlineExceeded);
  });

  it('is cut off by a server that goes away', async () => {
    const arrived = Promise.withResolvers<void>();
    const { recorder } = await calling((call) => {
      call.on('error', () => {});
      arrived.resolve();
    });
    await arrived.promise;
    for (const server of servers) server.forceShutdown();
    expect([StatusCode.Unavailable, StatusCode.Canceled]).toContain(endStatus(await recorder.end()).code);
  });

  it('moves 16 MiB each way in order', async () => {
    const { stream, recorder } = await calling((call) => {
      call.on('data', (bytes: Buffer) => {
        if (!call.write(bytes)) {
          call.pause();
          call.once('drain', () => call.resume());
        }
      });
      call.on('end', () => call.end());
    });
    let received = 0;
    recorder.onMessage = (payload) => {
      expect(payload[0]).toBe(received % 251);
      received += 1;
      recorder.onHeaders(noMetadata);
    };
    for (let i = 0, drains = 0; i < 256; i += 1) {
      if (!stream.write(frame(Buffer.alloc(64 * 1024, i % 251)))) {
        await recorder.until(() => recorder.drains > drains);
        drains = recorder.drains;
      }
    }
    stream.halfClose();
    expect(await recorder.end()).toMatchObject({ kind: 'finished', status: { code: StatusCode.OK } });
    expect(received).toBe(256);
  });
});
