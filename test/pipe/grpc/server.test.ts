import * as net from 'node:net';
import { constants } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { frame, frames, GrpcServer } from '../../../src/pipe/grpc/index.ts';
import type { ServerCall } from '../../../src/pipe/grpc/index.ts';
import { ok, status, StatusCode, statusFromTrailers } from '../../../src/protocol/index.ts';
import { silentLog } from '../../gitlab/recording-log.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { grpcHeaders, loopback, method, readRaw, settled } from './loopback.ts';

const text = (value: string) => frame(Buffer.from(value));

describe('the gRPC server', () => {
  it('answers messages and trailers and echoes the content type', async () => {
    await using server = await loopback();
    const raw = server.connect().request(grpcHeaders({ 'content-type': 'application/grpc+proto' }));
    const answer = readRaw(raw);
    raw.end(frames([Buffer.from('a'), Buffer.from('b')]));
    const { call, recorder } = await server.calls.next();
    await recorder.until(() => recorder.halfClosed === 1);
    expect(recorder.texts).toEqual(['a', 'b']);
    call.stream.write(text('c'));
    call.finish(ok, new Map([['extra', ['1', '2']]]));
    const { headers, trailers, body, rstCode } = await answer;
    expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc+proto' });
    expect(headers['date']).toBeUndefined();
    expect(headers['grpc-encoding']).toBeUndefined();
    expect(body).toEqual(text('c'));
    expect(trailers).toMatchObject({ 'grpc-status': '0', extra: '1, 2' });
    expect(rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    expect(await recorder.end()).toEqual({ kind: 'ended' });
  });

  it('answers with trailers only when nothing was sent, with message and details', async () => {
    await using server = await loopback();
    const raw = server.connect().request(grpcHeaders());
    const answer = readRaw(raw);
    const { call, recorder } = await server.calls.next();
    const details = [{ typeUrl: 'type.googleapis.com/x.Y', value: Buffer.from([1, 2]) }];
    call.finish({ code: StatusCode.NotFound, message: 'no such thing: ü', details });
    call.finish(ok);
    const { headers, trailers, body } = await answer;
    expect(trailers).toEqual({});
    expect(body).toHaveLength(0);
    expect(headers['grpc-status']).toBe('5');
    expect(headers['grpc-message']).toBe('no such thing: %C3%BC');
    const { ':status': _status, ...block } = headers;
    const read = statusFromTrailers(block);
    expect(read?.message).toBe('no such thing: ü');
    expect(Buffer.from(read?.details?.[0]?.value ?? [])).toEqual(Buffer.from([1, 2]));
    expect(await recorder.end()).toEqual({ kind: 'ended' });
  });

  it('ends the stream of a client that keeps sending after an early answer', async () => {
    await using server = await loopback();
    const raw = server.connect().request(grpcHeaders());
    const answer = readRaw(raw);
    raw.write(Buffer.concat(Array.from({ length: 50 }, () => text('x'.repeat(40_000)))));
    const { call, recorder } = await server.calls.next();
    call.stream.pause();
    call.stream.write(text('early'));
    call.finish(ok);
    const { trailers, body, rstCode } = await answer;
    expect(body).toEqual(text('early'));
    expect(trailers['grpc-status']).toBe('0');
    expect(rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    expect(await recorder.end()).toEqual({ kind: 'ended' });
  });

  it.each([
    ['/other.Service/Method', 'unknown service other.Service'],
    ['/test.Service/Other', 'unknown method Other for service test.Service'],
    ['/nothing', 'malformed method name: "/nothing"'],
  ])('knows no %s', async (path, message) => {
    await using server = await loopback();
    const raw = server.connect().request(grpcHeaders({ ':path': path }));
    raw.write(text('ignored'));
    const { headers, rstCode } = await readRaw(raw);
    expect(headers).toMatchObject({ ':status': 200, 'grpc-status': '12', 'grpc-message': message });
    expect(rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  });

  it.each([
    [{ 'content-type': 'application/json' }, { ':status': 415, 'grpc-status': '3' }],
    [{ 'content-type': 'application/grpc-web' }, { ':status': 415, 'grpc-status': '3' }],
    [{ ':method': 'GET' }, { ':status': 405, 'grpc-status': '13' }],
    [{ 'grpc-encoding': 'snappy' }, { ':status': 200, 'grpc-status': '12' }],
    [{ 'grpc-timeout': '1 hour' }, { ':status': 200, 'grpc-status': '13' }],
  ])('refuses a request with %j', async (more, expected) => {
    await using server = await loopback();
    const raw = server.connect().request(grpcHeaders(more), { endStream: false });
    const { headers } = await readRaw(raw);
    expect(headers).toMatchObject(expected);
    if (expected[':status'] === 200) expect(headers['content-type']).toBe('application/grpc');
  });

  it.each(['pipe', 'passthrough:x', 'kas.example.com:443', 'KAS_1'])(
    'takes the authority %s',
    async (authority) => {
      await using server = await loopback();
      const raw = server.connect().request(grpcHeaders({ ':authority': authority, te: undefined }));
      const answer = readRaw(raw);
      raw.end();
      const { call } = await server.calls.next();
      call.finish(ok);
      expect((await answer).headers['grpc-status']).toBe('0');
    },
  );

  it('tells a call its metadata, peer, session and deadline', async () => {
    await using server = await loopback();
    const raw = server.connect().request(
      grpcHeaders({
        'x-many': ['1', '2'],
        'grpc-timeout': '1500m',
        authorization: 'Bearer t',
        'user-agent': 'u',
      }),
    );
    raw.on('error', () => {});
    const { call } = await server.calls.next();
    expect(call.method).toBe(method);
    expect(call.metadata.get('x-many')).toEqual(['1', '2']);
    expect(call.metadata.get('authorization')).toEqual(['Bearer t']);
    expect(call.metadata.get('user-agent')).toEqual(['u']);
    expect(call.deadlineMs).toBe(1500);
    expect(call.session).toBe(server.serverSessions[0]);
    expect(call.peer).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  it('ends a call at its deadline and tells the signal', async () => {
    await using server = await loopback();
    const raw = server.connect().request(grpcHeaders({ 'grpc-timeout': '2S' }));
    const answer = readRaw(raw);
    const { call, recorder } = await server.calls.next();
    const { signal } = call;
    server.clock.advance(1999);
    expect(signal.aborted).toBe(false);
    server.clock.advance(1);
    expect(signal.aborted).toBe(true);
    expect((await answer).headers).toMatchObject({
      'grpc-status': '4',
      'grpc-message': 'context deadline exceeded',
    });
    const expired = status(StatusCode.DeadlineExceeded, 'context deadline exceeded');
    expect(await recorder.end()).toEqual({ kind: 'violation', status: expired });
  });

  it('leaves no timer behind when a call with a deadline ends in time', async () => {
    await using server = await loopback();
    const raw = server.connect().request(grpcHeaders({ 'grpc-timeout': '2S' }));
    const answer = readRaw(raw);
    const { call, recorder } = await server.calls.next();
    call.finish(ok);
    await answer;
    await recorder.end();
    expect(server.clock.pending).toBe(0);
  });

  it('ends the stream of a client that breaks the message limit, and says why', async () => {
    await using server = await loopback({ limits: { messageBytesMax: 100 } });
    const raw = server.connect().request(grpcHeaders());
    const answer = readRaw(raw);
    raw.write(frames([Buffer.from('fine'), Buffer.alloc(101)]));
    const { recorder } = await server.calls.next();
    const end = await recorder.end();
    expect(recorder.texts).toEqual(['fine']);
    const refused = status(
      StatusCode.ResourceExhausted,
      'grpc: received message larger than max (101 vs. 100)',
    );
    expect(end).toEqual({ kind: 'violation', status: refused });
    expect((await answer).headers).toMatchObject({ 'grpc-status': '8', 'grpc-message': refused.message });
  });

  it('reports a half-close in the middle of a message as a violation', async () => {
    await using server = await loopback();
    const raw = server.connect().request(grpcHeaders());
    const answer = readRaw(raw);
    raw.end(text('whole').subarray(0, 7));
    const { recorder } = await server.calls.next();
    expect(await recorder.end()).toMatchObject({ kind: 'violation', status: { message: 'unexpected EOF' } });
    expect(recorder.halfClosed).toBe(0);
    expect((await answer).headers['grpc-status']).toBe('13');
  });

  it('lets a paused stream go that the client resets without an error', async () => {
    await using server = await loopback();
    const session = server.connect();
    const raw = session.request(grpcHeaders());
    raw.on('error', () => {});
    raw.write(text('first'));
    const { call, recorder } = await server.calls.next();
    recorder.onEach = () => call.stream.pause();
    await recorder.until(() => recorder.messages.length === 1);
    await new Promise((resolve) => raw.write(Buffer.concat([text('x'.repeat(50_000)), text('y')]), resolve));
    await settled();
    raw.close(constants.NGHTTP2_NO_ERROR);
    expect(await recorder.end()).toEqual({ kind: 'cancelled', reason: 'stream reset by the peer: NO_ERROR' });
    expect(recorder.texts).toEqual(['first']);
  });

  it('hides the text of a handler that throws, and logs it', async () => {
    await using server = await loopback();
    server.grpc.handle('/test.Service/Broken', () => {
      throw new Error('secret');
    });
    const broken = server.connect().request(grpcHeaders({ ':path': '/test.Service/Broken' }));
    expect((await readRaw(broken)).headers).toMatchObject({
      'grpc-status': '13',
      'grpc-message': 'internal error',
    });

    const raw = server.connect().request(grpcHeaders());
    const answer = readRaw(raw);
    const { recorder } = await server.calls.next();
    recorder.onEach = () => {
      throw new Error('another secret');
    };
    raw.write(frames([Buffer.from('1'), Buffer.from('2')]));
    const internal = status(StatusCode.Internal, 'internal error');
    expect(await recorder.end()).toEqual({ kind: 'violation', status: internal });
    expect(recorder.texts).toEqual(['1']);
    expect((await answer).headers['grpc-message']).toBe('internal error');
    expect(server.log.lines.filter(({ level }) => level === 'error')).toHaveLength(2);
  });

  it('holds back messages until somebody owns the stream', async () => {
    await using server = await loopback();
    const arrived = Promise.withResolvers<ServerCall>();
    server.grpc.handle('/test.Service/Late', (call) => arrived.resolve(call));
    const raw = server.connect().request(grpcHeaders({ ':path': '/test.Service/Late' }));
    const answer = readRaw(raw);
    raw.end(text('early'));
    const call = await arrived.promise;
    await settled();
    const messages: string[] = [];
    call.stream.handler = {
      onMessage: (payload) => messages.push(payload.toString()),
      onHalfClosed: () => call.finish(ok),
      onDrain: () => {},
      onClosed: () => {},
    };
    expect((await answer).headers['grpc-status']).toBe('0');
    expect(messages).toEqual(['early']);
  });

  it('counts calls and messages for its observer', async () => {
    const counts = { received: 0, sent: 0 };
    const ended: [string, number][] = [];
    const observer = {
      onCallStarted: () => counts,
      onCallEnded: (name: string, code: number) => ended.push([name, code]),
    };
    await using server = await loopback({ observer });
    const raw = server.connect().request(grpcHeaders());
    const answer = readRaw(raw);
    raw.end(frames([Buffer.from('1'), Buffer.from('2'), Buffer.from('3')]));
    const { call, recorder } = await server.calls.next();
    await recorder.until(() => recorder.halfClosed === 1);
    call.stream.write(frames([Buffer.from('a'), Buffer.from('b')]));
    call.stream.writeBody(frame(Buffer.alloc(0)), Buffer.alloc(0));
    call.finish(status(StatusCode.Aborted, ''));
    await answer;
    await recorder.end();
    expect(counts).toEqual({ received: 3, sent: 3 });
    expect(ended).toEqual([[method, StatusCode.Aborted]]);
    await readRaw(server.connect().request(grpcHeaders({ ':path': '/un/known' })));
    expect(ended).toHaveLength(1);
  });

  it('announces its windows and stream limit', async () => {
    await using server = await loopback();
    const session = server.connect();
    const settings = await new Promise<{ initialWindowSize?: number; maxConcurrentStreams?: number }>(
      (resolve) => session.once('remoteSettings', resolve),
    );
    expect(settings).toMatchObject({ initialWindowSize: 1 << 20 });
    expect(settings.maxConcurrentStreams).toBeGreaterThanOrEqual(1000);
    while (session.state.remoteWindowSize !== 4 << 20) await settled();
  });

  it('puts together what a peer sends byte by byte, a frame each', async () => {
    await using server = await loopback();
    const raw = server.connect().request(grpcHeaders());
    const answer = readRaw(raw);
    for (const byte of frames([Buffer.from('slow'), Buffer.alloc(0), Buffer.from('er')])) {
      await new Promise((resolve) => raw.write(Buffer.of(byte), resolve));
      await settled();
    }
    raw.end();
    const { call, recorder } = await server.calls.next();
    await recorder.until(() => recorder.halfClosed === 1);
    expect(recorder.texts).toEqual(['slow', '', 'er']);
    call.finish(ok);
    expect((await answer).headers['grpc-status']).toBe('0');
  });

  it('lets the body of a large message through as it arrives', async () => {
    await using server = await loopback();
    const raw = server.connect().request(grpcHeaders());
    raw.on('error', () => {});
    const { call, recorder } = await server.calls.next();
    call.stream.setBodyOffset(() => 2);
    const body = Buffer.alloc(500_000, 'b');
    const message = frame(Buffer.concat([Buffer.from('hh'), body]));
    raw.write(message.subarray(0, 100_000));
    const got = () => recorder.parts.reduce((sum, part) => sum + part.length, 0);
    await recorder.until(() => got() === 100_000 - 7);
    raw.write(Buffer.concat([message.subarray(100_000), text('next')]));
    await recorder.until(() => recorder.messages.length === 1);
    expect(Buffer.concat(recorder.parts).equals(body)).toBe(true);
    expect(recorder.texts).toEqual(['next']);
    raw.close();
  });

  it('survives a peer that is not HTTP/2', async () => {
    await using server = await loopback();
    const socket = net.connect(server.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.on('error', () => {});
    await new Promise((resolve) => socket.on('close', resolve).resume());
    const raw = server.connect().request(grpcHeaders());
    const answer = readRaw(raw);
    (await server.calls.next()).call.finish(ok);
    expect((await answer).headers['grpc-status']).toBe('0');
  });

  it('refuses to serve one method twice', () => {
    const server = new GrpcServer({ clock: new VirtualClock(), log: silentLog });
    server.handle(method, () => {});
    expect(() => server.handle(method, () => {})).toThrow(/served already/);
  });
});
