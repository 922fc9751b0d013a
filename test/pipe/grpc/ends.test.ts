/** Every way a stream can be cut, in every phase, on both sides: exactly one end, and nothing left open. */
import { describe, expect, it } from 'vitest';
import { frame, openCall } from '../../../src/pipe/grpc/index.ts';
import type { ServerCall } from '../../../src/pipe/grpc/index.ts';
import { endStatus } from '../../../src/pipe/grpc/index.ts';
import { ok, status, StatusCode } from '../../../src/protocol/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { connectTo, loopback, method, noMetadata, record, settled } from './loopback.ts';
import type { Recorder } from './loopback.ts';

const text = (value: string) => frame(Buffer.from(value));

interface Both {
  client: Recorder;
  clientStream: ReturnType<typeof openCall>['stream'];
  server: Recorder;
  call: ServerCall;
}

/** Phases of a call; each is left standing for the cut. */
const phases: [string, (both: Both) => Promise<void>][] = [
  ['just opened', async () => {}],
  [
    'after messages both ways',
    async ({ client, clientStream, server, call }) => {
      clientStream.write(text('up'));
      call.stream.write(text('down'));
      await server.until(() => server.messages.length === 1);
      await client.until(() => client.messages.length === 1);
    },
  ],
  [
    'in the middle of a message',
    async ({ clientStream, call, client }) => {
      clientStream.write(text('long').subarray(0, 7));
      call.stream.write(Buffer.concat([text('first'), text('long').subarray(0, 7)]));
      await client.until(() => client.messages.length === 1);
    },
  ],
  [
    'half closed by the client',
    async ({ clientStream, server }) => {
      clientStream.halfClose();
      await server.until(() => server.halfClosed === 1);
    },
  ],
  [
    'both paused with bytes under way',
    async ({ clientStream, call }) => {
      clientStream.pause();
      call.stream.pause();
      for (let i = 0; i < 100; i += 1) {
        clientStream.write(text('x'.repeat(30_000)));
        call.stream.write(text('x'.repeat(30_000)));
      }
      await settled();
    },
  ],
];

async function inPhase(prepare: (both: Both) => Promise<void>) {
  const server = await loopback();
  const session = server.connect();
  const { stream } = openCall(session, method, noMetadata, { clock: new VirtualClock() });
  const client = record(stream);
  const { call, recorder } = await server.calls.next();
  const both = { client, clientStream: stream, server: recorder, call };
  await prepare(both);
  return { ...both, session, loopback: server };
}

/** A session closes gracefully only when no stream is left on either side. */
async function nothingLeft({
  session,
  loopback: server,
}: Awaited<ReturnType<typeof inPhase>>): Promise<void> {
  const closing = server.serverSessions.map((one) => new Promise((resolve) => one.once('close', resolve)));
  session.close();
  await Promise.all(closing);
  await server[Symbol.asyncDispose]();
}

describe.each(phases)('a call %s', (_phase, prepare) => {
  it('tells the server when the client cancels', async () => {
    const both = await inPhase(prepare);
    const { signal } = both.call;
    both.clientStream.abort('enough');
    expect(await both.client.end()).toEqual({ kind: 'ended' });
    expect(await both.server.end()).toEqual({
      kind: 'cancelled',
      reason: 'stream reset by the peer: CANCEL',
    });
    expect(signal.aborted).toBe(true);
    expect(both.call.stream.open).toBe(false);
    both.call.finish(ok);
    await nothingLeft(both);
  });

  it('tells the client when the server aborts', async () => {
    const both = await inPhase(prepare);
    both.call.stream.abort('enough');
    expect(await both.server.end()).toEqual({ kind: 'ended' });
    expect(await both.client.end()).toEqual({
      kind: 'cancelled',
      reason: 'stream reset by the peer: CANCEL',
    });
    await nothingLeft(both);
  });

  it('tells both when the connection breaks', async () => {
    const both = await inPhase(prepare);
    const { signal } = both.call;
    const closed = new Promise((resolve) => both.session.once('close', resolve));
    both.session.socket.destroy();
    expect(await both.client.end()).toEqual({ kind: 'lost', reason: 'connection lost' });
    expect(await both.server.end()).toEqual({ kind: 'lost', reason: 'connection lost' });
    expect(signal.aborted).toBe(true);
    await closed;
    await both.loopback[Symbol.asyncDispose]();
  });

  it('tells both when the server destroys the session', async () => {
    const both = await inPhase(prepare);
    both.loopback.serverSessions[0]?.destroy();
    expect((await both.server.end()).kind).toBe('lost');
    expect(endStatus(await both.client.end()).code).toBe(StatusCode.Unavailable);
    await both.loopback[Symbol.asyncDispose]();
  });

  it('ends with the status of the server, which does not wait for the client', async () => {
    const both = await inPhase(prepare);
    both.call.finish(status(StatusCode.Aborted, 'x'));
    both.clientStream.resume();
    const end = await both.client.end();
    expect(await both.server.end()).toEqual({ kind: 'ended' });
    if (_phase === 'in the middle of a message') expect(end.kind).toBe('violation');
    else expect(endStatus(end)).toEqual(status(StatusCode.Aborted, 'x'));
    await nothingLeft(both);
  });
});

describe('a client without a usable session', () => {
  it('gets UNAVAILABLE from one that is destroyed', async () => {
    const session = connectTo(1);
    session.destroy();
    const end = await record(
      openCall(session, method, noMetadata, { clock: new VirtualClock() }).stream,
    ).end();
    expect(endStatus(end).code).toBe(StatusCode.Unavailable);
  });

  it('gets UNAVAILABLE from one that cannot connect', async () => {
    const session = connectTo(1);
    const { stream } = openCall(session, method, noMetadata, { clock: new VirtualClock() });
    stream.write(text('x'));
    expect((await record(stream).end()).kind).toBe('lost');
  });

  it('gets UNAVAILABLE after a GOAWAY, while the streams before it go on', async () => {
    await using server = await loopback();
    const session = server.connect();
    const first = record(openCall(session, method, noMetadata, { clock: new VirtualClock() }).stream);
    const { call } = await server.calls.next();
    const gone = new Promise((resolve) => session.once('goaway', resolve));
    server.serverSessions[0]?.close();
    await gone;
    const late = record(openCall(session, method, noMetadata, { clock: new VirtualClock() }).stream);
    expect(await late.end()).toEqual({ kind: 'lost', reason: 'connection is closing' });
    call.stream.write(text('still here'));
    call.finish(ok);
    expect(await first.end()).toMatchObject({ kind: 'finished', status: ok });
    expect(first.texts).toEqual(['still here']);
  });

  it('can abort a call that was never sent', async () => {
    const session = connectTo(1);
    const { stream } = openCall(session, method, noMetadata, { clock: new VirtualClock() });
    const recorder = record(stream);
    stream.abort('changed my mind');
    expect(await recorder.end()).toEqual({ kind: 'ended' });
    session.destroy();
  });

  it('tells the end also to an owner that comes after it', async () => {
    const session = connectTo(1);
    const { stream } = openCall(session, method, noMetadata, { clock: new VirtualClock() });
    session.destroy();
    while (stream.open) await settled();
    expect((await record(stream).end()).kind).toBe('lost');
  });
});
