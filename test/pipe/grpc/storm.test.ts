/**
 * Random lives: both sides write, pause, finish, abort and lose their connection at random moments. Whatever happens,
 * each side is told exactly one end and both sessions can close, which they do only when no stream is left.
 */
import type { ServerHttp2Session } from 'node:http2';
import { expect, it } from 'vitest';
import { frame, openCall } from '../../../src/pipe/grpc/index.ts';
import type { MessageStream, ServerCall } from '../../../src/pipe/grpc/index.ts';
import { ok } from '../../../src/protocol/index.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { loopback, method, noMetadata, record, settled } from './loopback.ts';
import type { Recorder } from './loopback.ts';

interface Pair {
  readonly up: MessageStream;
  readonly call: ServerCall;
  readonly recorders: readonly [Recorder, Recorder];
}

function step(random: SeededRandom, { up, call }: Pair): void {
  const message = () => frame(Buffer.alloc(random.below(random.next() < 0.3 ? 300_000 : 2000)));
  const actions = [
    () => up.write(message()),
    () => up.write(message()),
    () => call.stream.write(message()),
    () => call.stream.write(message()),
    () => up.pause(),
    () => up.resume(),
    () => call.stream.pause(),
    () => call.stream.resume(),
    () => up.halfClose(),
    () => random.next() < 0.4 && call.finish(ok),
    () => random.next() < 0.3 && up.abort('storm'),
    () => random.next() < 0.3 && call.stream.abort('storm'),
  ];
  random.pick(actions)();
}

async function live(random: SeededRandom): Promise<number> {
  await using server = await loopback();
  const session = server.connect();
  const pairs: Pair[] = [];
  for (let i = random.below(5); i >= 0; i -= 1) {
    const { stream } = openCall(session, method, noMetadata, { clock: new VirtualClock() });
    const client = record(stream);
    const { call, recorder } = await server.calls.next();
    pairs.push({ up: stream, call, recorders: [client, recorder] });
  }
  for (const pair of pairs) {
    for (const recorder of pair.recorders) recorder.onEach = () => random.next() < 0.3 && step(random, pair);
  }
  const accepted = server.serverSessions[0] as ServerHttp2Session;
  const cuts = [
    () => session.destroy(),
    () => session.destroyed || session.socket.destroy(),
    () => accepted.destroy(),
    () => accepted.destroyed || accepted.socket.destroy(),
    () => session.close(),
    () => accepted.close(),
  ];
  for (let i = random.below(40); i > 0; i -= 1) {
    step(random, random.pick(pairs));
    if (random.next() < 0.2) await settled();
    if (random.next() < 0.02) random.pick(cuts)();
  }
  for (const { up, call, recorders } of pairs) {
    for (const recorder of recorders) recorder.onEach = undefined;
    up.resume();
    call.stream.resume();
    if (random.next() < 0.5) call.finish(ok);
    else up.abort('over');
  }
  for (const { recorders } of pairs) for (const recorder of recorders) await recorder.end();
  const closed = accepted.destroyed || new Promise((resolve) => accepted.once('close', resolve));
  session.close();
  await closed;
  return pairs.length;
}

it.each([1, 2, 3, 4])('ends every stream exactly once and leaves none open (seed %d)', async (seed) => {
  const random = new SeededRandom(seed);
  let lived = 0;
  for (let round = 0; round < 60; round += 1) lived += await live(random);
  expect(lived).toBeGreaterThan(60);
});
