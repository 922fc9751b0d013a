/**
 * A connection inside a WebSocket or a proxy's tunnel is a stream of JavaScript to node:http2, which then tells data before
 * the headers that came in front of it when both came in one turn.
 */
import * as http2 from 'node:http2';
import { Duplex } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { openCall } from '../../../src/pipe/grpc/index.ts';
import { flag, frameType, settingsPayload, writeFrame } from '../../contract/frames.ts';
import { encodeHeaders } from '../../contract/hpack.ts';
import { grpcMessage } from '../../contract/peer.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { method, noMetadata, record, settled } from './loopback.ts';

it('a compressed message that comes in one turn with its headers is read with them', async () => {
  const near = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  const session = http2.connect('http://kas', { createConnection: () => near });
  near.push(writeFrame(frameType.settings, 0, 0, settingsPayload({})));
  const { stream } = openCall(session, method, noMetadata, { clock: new VirtualClock() });
  const recorder = record(stream);
  await settled();
  const headers = encodeHeaders([
    [':status', '200'],
    ['content-type', 'application/grpc'],
    ['grpc-encoding', 'gzip'],
  ]);
  const message = grpcMessage(gzipSync('hello'), true);
  const trailers = encodeHeaders([['grpc-status', '0']]);
  near.push(writeFrame(frameType.headers, flag.endHeaders, 1, headers));
  near.push(writeFrame(frameType.data, 0, 1, message));
  near.push(writeFrame(frameType.headers, flag.endHeaders | flag.endStream, 1, trailers));
  expect(await recorder.end()).toMatchObject({ kind: 'finished', status: { code: 0 } });
  expect(recorder.messages.map(String)).toEqual(['hello']);
  session.destroy();
});
