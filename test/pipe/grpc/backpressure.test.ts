import { describe, expect, it } from 'vitest';
import { frame, openCall, windows } from '../../../src/pipe/grpc/index.ts';
import type { MessageStream } from '../../../src/pipe/grpc/index.ts';
import { ok } from '../../../src/protocol/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { loopback, method, noMetadata, record, settled } from './loopback.ts';
import type { Recorder } from './loopback.ts';

const chunk = Buffer.alloc(32 * 1024, 'x');
const prefix = (() => {
  const bytes = frame(chunk).subarray(0, 5);
  return Buffer.from(bytes);
})();
const total = 64 * 1024 * 1024;

/** Writes until told to wait, as the pipe does; answers how much was taken. */
function fill(stream: MessageStream, already: number): number {
  let sent = already;
  while (sent < total) {
    sent += chunk.length;
    if (!stream.writeBody(prefix, chunk)) break;
  }
  return sent;
}

async function drained(recorder: Recorder, drains: number): Promise<number> {
  await recorder.until(() => recorder.drains > drains);
  return recorder.drains;
}

describe.each(['client', 'server'])('a slow reader, the %s', (reader) => {
  it('holds the writer back within the windows, and gets everything once it reads', async () => {
    await using server = await loopback();
    const { stream } = openCall(server.connect(), method, noMetadata, { clock: new VirtualClock() });
    const client = record(stream);
    const { call, recorder } = await server.calls.next();
    const [writing, writer] = reader === 'client' ? [call.stream, recorder] : [stream, client];
    const [reading, received] = reader === 'client' ? [stream, client] : [call.stream, recorder];
    let bytes = 0;
    received.onMessage = (payload) => {
      bytes += payload.length;
      received.onHeaders(noMetadata); // wakes `until` without keeping 64 MiB
    };
    reading.pause();
    let sent = fill(writing, 0);
    let drains = 0;
    // Node drains into the peer's window until that is full; then nothing moves any more.
    for (let quiet = 0; quiet < 5; quiet += 1) {
      await settled();
      if (writer.drains === drains) continue;
      drains = writer.drains;
      sent = fill(writing, sent);
      quiet = -1;
    }
    expect(bytes).toBe(0);
    expect(sent).toBeGreaterThan(windows.streamBytes / 2);
    expect(sent).toBeLessThan(windows.streamBytes + 1024 * 1024);
    reading.resume();
    while (sent < total) {
      drains = await drained(writer, drains);
      sent = fill(writing, sent);
    }
    await received.until(() => bytes === total);
    if (reader === 'client') call.finish(ok);
    else stream.halfClose();
    await received.until(() => received.halfClosed === 1);
    call.finish(ok);
    expect(await client.end()).toMatchObject({ kind: 'finished', status: ok });
  });

  it('does not hold back its neighbours on the same connection', async () => {
    await using server = await loopback();
    const session = server.connect();
    const slow = openCall(session, method, noMetadata, { clock: new VirtualClock() }).stream;
    record(slow);
    const { call: slowCall } = await server.calls.next();
    slow.pause();
    slowCall.stream.pause();
    for (let i = 0; i < 128; i += 1) {
      slow.writeBody(prefix, chunk);
      slowCall.stream.writeBody(prefix, chunk);
    }
    const quick = record(openCall(session, method, noMetadata, { clock: new VirtualClock() }).stream);
    const { call } = await server.calls.next();
    call.stream.write(frame(Buffer.from('quick')));
    call.finish(ok);
    expect(await quick.end()).toMatchObject({ kind: 'finished', status: ok });
    expect(quick.texts).toEqual(['quick']);
  });
});

describe('many idle streams on one connection', () => {
  it('are all served, a thousand of them', async () => {
    await using server = await loopback();
    const session = server.connect();
    const recorders: Recorder[] = [];
    for (let i = 0; i < 1000; i += 1) {
      recorders.push(record(openCall(session, method, noMetadata, { clock: new VirtualClock() }).stream));
    }
    for (let i = 0; i < 1000; i += 1) {
      const { call } = await server.calls.next();
      call.stream.write(frame(Buffer.from('hello')));
    }
    for (const recorder of recorders) await recorder.until(() => recorder.texts[0] === 'hello');
  });
});
