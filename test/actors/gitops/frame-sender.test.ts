/** Many frames to one reader, over real HTTP/2. */
import { expect, it } from 'vitest';
import { FrameSender } from '../../../src/actors/gitops/frame-sender.ts';
import { frame, openCall, type StreamEnd } from '../../../src/pipe/grpc/index.ts';
import { ok, StatusCode } from '../../../src/protocol/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { loopback, method, noMetadata, record, settled } from '../../pipe/grpc/loopback.ts';

const stalledMsMax = 120_000;
const frames = Array.from({ length: 1_024 }, () => frame(Buffer.alloc(32 * 1024, 'x')));

async function sending() {
  const server = await loopback();
  const { stream } = openCall(server.connect(), method, noMetadata, { clock: new VirtualClock() });
  const client = record(stream);
  const { call } = await server.calls.next();
  const ends: StreamEnd[] = [];
  const { clock } = server;
  const sender = new FrameSender(call, { clock, stalledMsMax, closed: (end) => ends.push(end) });
  return { server, stream, client, call, ends, clock, sender };
}

it('everything arrives, at the pace of the reader', async () => {
  const { server, client, call, sender } = await sending();
  await using _ = server;
  expect(await sender.send(frames)).toEqual({ kind: 'sent' });
  call.finish(ok);
  await client.end();
  expect(client.messages).toHaveLength(frames.length);
});

it('a reader that takes nothing for long is cut off: its stream is reset, nothing waits for it', async () => {
  const { server, stream, client, call, ends, clock, sender } = await sending();
  await using _ = server;
  stream.pause();
  let sent: Awaited<ReturnType<FrameSender['send']>> | undefined;
  void sender.send(frames).then((outcome) => (sent = outcome));
  while (sent === undefined) {
    await settled();
    clock.advance(stalledMsMax);
    await settled();
  }
  expect(sent).toEqual({ kind: 'stalled' });
  call.finish({ code: StatusCode.DeadlineExceeded, message: 'the agent takes nothing' });
  expect(await client.end()).toEqual({ kind: 'cancelled', reason: 'stream reset by the peer: CANCEL' });
  expect(ends).toEqual([{ kind: 'ended' }]);
});
