import * as http2 from 'node:http2';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { endStatus, frame, frames, openCall } from '../../../src/pipe/grpc/index.ts';
import { status, StatusCode } from '../../../src/protocol/index.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { connectTo, method, noMetadata, rawServer, record, settled } from './loopback.ts';

const text = (value: string) => frame(Buffer.from(value));
const grpc = { ':status': 200, 'content-type': 'application/grpc' };

/** Calls a raw server that answers so; gives the end as the caller sees it. */
async function endOf(answer: (stream: http2.ServerHttp2Stream) => void) {
  await using server = await rawServer(answer);
  const session = connectTo(server.port);
  const { stream } = openCall(session, method, noMetadata, { clock: new VirtualClock() });
  const recorder = record(stream);
  stream.write(text('request'));
  const end = await recorder.end();
  expect(stream.open).toBe(false);
  await settled();
  session.close(); // closes only when no stream was left behind
  await new Promise((resolve) => session.once('close', resolve));
  return { end, recorder };
}

/** Headers, messages, trailers, as a server in order does it. */
function respond(stream: http2.ServerHttp2Stream, body: Buffer, trailers: http2.OutgoingHttpHeaders): void {
  stream.respond(grpc, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.resume();
  stream.end(body);
}

describe('a client call', () => {
  it('sends what gRPC asks for and the metadata, not what gRPC reserves', async () => {
    let headers: http2.IncomingHttpHeaders = {};
    await using server = await rawServer((stream, sent) => {
      headers = sent;
      respond(stream, Buffer.alloc(0), { 'grpc-status': '0' });
    });
    const session = connectTo(server.port);
    const metadata = new Map([
      ['authorization', ['Bearer t']],
      ['x-many', ['1', '2']],
      ['grpc-timeout', ['1n']],
      ['user-agent', ['from metadata']],
    ]);
    const options = { clock: new VirtualClock(), deadlineMs: 90_000, authority: 'kas.example' };
    const { stream } = openCall(session, method, metadata, options);
    await record(stream).end();
    expect(headers).toMatchObject({
      ':method': 'POST',
      ':path': method,
      ':authority': 'kas.example',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'from metadata',
      'grpc-timeout': '90000m',
      authorization: 'Bearer t',
      'x-many': '1, 2',
    });
    session.destroy();
  });

  it('gets headers, messages and the status in order', async () => {
    const { end, recorder } = await endOf((stream) => {
      stream.respond({ ...grpc, 'x-one': 'h' }, { waitForTrailers: true });
      stream.on('wantTrailers', () =>
        stream.sendTrailers({ 'grpc-status': '9', 'grpc-message': 'no%21', 'x-two': 't' }),
      );
      stream.end(frames([Buffer.from('a'), Buffer.from('b')]));
    });
    expect(recorder.headers[0]?.get('x-one')).toEqual(['h']);
    expect(recorder.texts).toEqual(['a', 'b']);
    expect(recorder.halfClosed).toBe(1);
    expect(end).toMatchObject({
      kind: 'finished',
      status: { code: StatusCode.FailedPrecondition, message: 'no!' },
    });
    expect(end.kind === 'finished' && end.trailers.get('x-two')).toEqual(['t']);
  });

  it('takes an answer that is trailers only', async () => {
    const { end, recorder } = await endOf((stream) => {
      stream.respond({ ...grpc, 'grpc-status': '7', 'grpc-message': 'go' }, { endStream: true });
    });
    expect(end).toMatchObject({ kind: 'finished', status: status(StatusCode.PermissionDenied, 'go') });
    expect(recorder.headers).toEqual([]);
  });

  it('inflates a compressed answer', async () => {
    const { recorder } = await endOf((stream) => {
      stream.respond({ ...grpc, 'grpc-encoding': 'gzip' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      const bytes = frame(gzipSync('squeezed'));
      bytes[0] = 1;
      stream.end(bytes);
    });
    expect(recorder.texts).toEqual(['squeezed']);
  });

  it.each([
    [400, StatusCode.Internal],
    [401, StatusCode.Unauthenticated],
    [403, StatusCode.PermissionDenied],
    [404, StatusCode.Unimplemented],
    [429, StatusCode.Unavailable],
    [502, StatusCode.Unavailable],
    [503, StatusCode.Unavailable],
    [504, StatusCode.Unavailable],
    [418, StatusCode.Unknown],
  ])('maps HTTP %d to gRPC %d', async (httpStatus, code) => {
    const { end } = await endOf((stream) => {
      stream.respond({ ':status': httpStatus, 'content-type': 'text/html' });
      stream.end('<h1>no</h1>');
    });
    expect(end).toMatchObject({ kind: 'finished', status: { code } });
  });

  it('believes the gRPC status of an HTTP error that carries one', async () => {
    const { end } = await endOf((stream) => {
      stream.respond({ ...grpc, ':status': 415, 'grpc-status': '3' }, { endStream: true });
    });
    expect(end).toMatchObject({ kind: 'finished', status: { code: StatusCode.InvalidArgument } });
  });

  it('does not take HTML with 200 for gRPC', async () => {
    const { end } = await endOf((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/html' });
      stream.end('<h1>welcome</h1>');
    });
    expect(end).toMatchObject({ kind: 'finished', status: { code: StatusCode.Unknown } });
  });

  it('ends with UNKNOWN for trailers without a status and INTERNAL for none at all', async () => {
    const without = await endOf((stream) => respond(stream, text('x'), { 'x-other': '1' }));
    expect(without.end).toMatchObject({ kind: 'finished', status: { code: StatusCode.Unknown } });
    const none = await endOf((stream) => {
      stream.respond(grpc);
      stream.end(text('x'));
    });
    expect(none.end).toMatchObject({ kind: 'finished', status: { code: StatusCode.Internal } });
    expect(none.recorder.texts).toEqual(['x']);
  });

  it.each([
    [http2.constants.NGHTTP2_NO_ERROR, 'finished', StatusCode.Internal],
    [http2.constants.NGHTTP2_PROTOCOL_ERROR, 'finished', StatusCode.Internal],
    [http2.constants.NGHTTP2_INTERNAL_ERROR, 'finished', StatusCode.Internal],
    [http2.constants.NGHTTP2_REFUSED_STREAM, 'lost', StatusCode.Unavailable],
    [http2.constants.NGHTTP2_CANCEL, 'cancelled', StatusCode.Canceled],
    [http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, 'finished', StatusCode.ResourceExhausted],
    [http2.constants.NGHTTP2_INADEQUATE_SECURITY, 'finished', StatusCode.PermissionDenied],
  ])('maps a reset with code %d to %s', async (code, kind, grpcCode) => {
    const { end } = await endOf((stream) => {
      stream.respond(grpc, { waitForTrailers: true }); // or Node half-closes before it resets
      stream.once('data', () => stream.close(code));
    });
    expect(end.kind).toBe(kind);
    expect(endStatus(end).code).toBe(grpcCode);
  });

  it('refuses an answer above the limit and one with an unknown encoding', async () => {
    const large = await endOf((stream) => {
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(5 << 20, 1);
      respond(stream, prefix, { 'grpc-status': '0' });
    });
    expect(large.end).toMatchObject({ kind: 'violation', status: { code: StatusCode.ResourceExhausted } });
    const snappy = await endOf((stream) => {
      stream.respond({ ...grpc, 'grpc-encoding': 'snappy' });
      stream.resume();
    });
    expect(snappy.end).toMatchObject({ kind: 'violation', status: { code: StatusCode.Unimplemented } });
  });

  it('reports an answer that stops in the middle of a message as a violation, whatever its status', async () => {
    const { end } = await endOf((stream) =>
      respond(stream, text('whole').subarray(0, 7), { 'grpc-status': '0' }),
    );
    expect(end).toMatchObject({ kind: 'violation', status: { message: 'unexpected EOF' } });
  });

  it('ends at its deadline and resets the stream', async () => {
    const clock = new VirtualClock();
    const reset = Promise.withResolvers<number | undefined>();
    await using server = await rawServer((stream) => {
      stream.respond(grpc);
      stream.resume();
      stream.on('close', () => reset.resolve(stream.rstCode));
    });
    const session = connectTo(server.port);
    const { stream } = openCall(session, method, noMetadata, { clock, deadlineMs: 5000 });
    const recorder = record(stream);
    await recorder.until(() => recorder.headers.length === 1);
    clock.advance(4999);
    expect(recorder.ends).toEqual([]);
    clock.advance(1);
    const expired = status(StatusCode.DeadlineExceeded, 'context deadline exceeded');
    expect(await recorder.end()).toMatchObject({ kind: 'finished', status: expired });
    expect(await reset.promise).toBe(http2.constants.NGHTTP2_CANCEL);
    expect(clock.pending).toBe(0);
    session.destroy();
  });

  it('keeps messages for a paused owner although the server has finished', async () => {
    await using server = await rawServer((stream) =>
      respond(stream, frames(['1', '2', '3'].map((one) => Buffer.from(one))), { 'grpc-status': '0' }),
    );
    const session = connectTo(server.port);
    const { stream } = openCall(session, method, noMetadata, { clock: new VirtualClock() });
    const recorder = record(stream);
    recorder.onEach = () => stream.pause();
    stream.halfClose();
    for (const count of [1, 2, 3]) {
      await recorder.until(() => recorder.messages.length === count);
      await settled();
      expect(recorder.messages).toHaveLength(count);
      expect(recorder.ends).toEqual([]);
      stream.resume();
    }
    expect(await recorder.end()).toMatchObject({ kind: 'finished', status: { code: 0 } });
    expect(recorder.halfClosed).toBe(1);
    session.destroy();
  });

  it('can be aborted while the finished answer is held back', async () => {
    await using server = await rawServer((stream) =>
      respond(stream, frames([Buffer.from('1'), Buffer.from('2')]), { 'grpc-status': '0' }),
    );
    const session = connectTo(server.port);
    const { stream } = openCall(session, method, noMetadata, { clock: new VirtualClock() });
    const recorder = record(stream);
    recorder.onEach = () => stream.pause();
    stream.halfClose();
    await recorder.until(() => recorder.messages.length === 1);
    await settled();
    stream.abort('enough');
    expect(await recorder.end()).toEqual({ kind: 'ended' });
    session.destroy();
  });

  it('hands the bug of an owner to the log and ends the call', async () => {
    const log = new RecordingLog();
    await using server = await rawServer((stream) => respond(stream, text('x'), { 'grpc-status': '0' }));
    const session = connectTo(server.port);
    const { stream } = openCall(session, method, noMetadata, { clock: new VirtualClock(), log });
    const recorder = record(stream);
    recorder.onEach = () => {
      throw new Error('bug');
    };
    expect(endStatus(await recorder.end()).code).toBe(StatusCode.Internal);
    expect(log.lines).toHaveLength(1);
    session.destroy();
  });

  it('drops what is written after the end and says that there is nothing to wait for', async () => {
    await using server = await rawServer((stream) =>
      stream.respond({ ...grpc, 'grpc-status': '0' }, { endStream: true }),
    );
    const session = connectTo(server.port);
    const { stream } = openCall(session, method, noMetadata, { clock: new VirtualClock() });
    await record(stream).end();
    expect(stream.write(text('late'))).toBe(true);
    expect(stream.writeBody(text(''), Buffer.alloc(0))).toBe(true);
    stream.pause();
    stream.resume();
    stream.halfClose();
    stream.abort('late');
    session.destroy();
  });
});
