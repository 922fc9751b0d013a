/** What a connection may make kas hold before an agent on it was accepted. */
import { create } from '@bufbuild/protobuf';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocket } from 'ws';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callUnary, windows } from '../../src/pipe/grpc/index.ts';
import { webSocketLimits } from '../../src/pipe/websocket/index.ts';
import { methods, RegisterRequestSchema } from '../../src/protocol/index.ts';
import { systemClock } from '../../src/host/index.ts';
import { KasUnderTest, tokens } from './kas-under-test.ts';
import { until } from './waiting.ts';

let kas: KasUnderTest;
let webSocket: WebSocket;
let stream: Duplex;
let session: ClientHttp2Session | undefined;

beforeEach(async () => {
  kas = await KasUnderTest.start({ agentListen: 'websocket: true' });
  webSocket = new WebSocket(`ws://127.0.0.1:${kas.ports.agents}/`, ['ws-tunnel'], {
    perMessageDeflate: false,
  });
  stream = createWebSocketStream(webSocket); // now, because kas speaks first
  stream.on('error', () => {});
  await new Promise((resolve) => webSocket.once('open', resolve));
});
afterEach(async () => {
  session = undefined;
  webSocket.terminate();
  await kas.finish();
});

const closing = () =>
  new Promise<number>((resolve) => webSocket.once('close', (code: number) => resolve(code)));

/** HTTP/2 frames of a type nobody knows, which change nothing. */
function unknownFrames(bytes: number): Buffer {
  const payload = Buffer.alloc(16_000);
  const head = Buffer.from([0, payload.length >> 8, payload.length & 0xff, 0xfa, 0, 0, 0, 0, 0]);
  return Buffer.concat(
    Array.from({ length: Math.ceil(bytes / payload.length) }, () => [head, payload]).flat(),
  );
}

/** An agent on the WebSocket. */
async function register(token: string): Promise<boolean> {
  session ??= connectHttp2('http://kas', { createConnection: () => stream });
  session.on('error', () => {});
  const request = create(RegisterRequestSchema, { podId: 1n, agentMeta: {} });
  const metadata = new Map([['authorization', [`Bearer ${token}`]]]);
  const answer = await callUnary(session, methods.register, request, metadata, { clock: systemClock });
  return 'ok' in answer;
}

const large = webSocketLimits.strangerBytesMax + 256 * 1024;

describe('before an agent was accepted', () => {
  it('a message that does not end is cut off at the limit, and counted', async () => {
    const closed = closing();
    webSocket.send(Buffer.alloc(large), { binary: true, fin: false });
    expect([1006, 1009]).toContain(await closed);
    const { text } = await kas.observe('/metrics');
    expect(text).toMatch(/kas_agent_connections_abused_total\{reason="stranger_message"\} 1/);
  });

  it('fragments count together', async () => {
    const closed = closing();
    const send = () => {
      if (webSocket.readyState !== WebSocket.OPEN) return;
      webSocket.send(Buffer.alloc(1_024), { binary: true, fin: false }, () => setImmediate(send));
    };
    send();
    expect([1006, 1009]).toContain(await closed);
  });

  it('a refused token changes nothing', async () => {
    expect(await register('somebody-else-entirely-9876')).toBe(false);
    const closed = closing();
    webSocket.send(Buffer.alloc(large), { binary: true, fin: false });
    expect([1006, 1009]).toContain(await closed);
  });
});

it('once an agent was accepted its messages may be large', async () => {
  expect(await register(tokens.agent)).toBe(true);
  webSocket.send(unknownFrames(large));
  expect(await register(tokens.agent)).toBe(true);
  expect(webSocket.readyState).toBe(WebSocket.OPEN);
});

describe('the window of a connection', () => {
  it('is small for strangers, and wide once an agent was accepted', async () => {
    session = connectHttp2(`http://127.0.0.1:${kas.ports.agents}`);
    const native = session;
    const left = () => native.state.remoteWindowSize ?? 0;
    await register('somebody-else-entirely-9876');
    expect(left()).toBeLessThanOrEqual(65_535);
    await register(tokens.agent);
    await until(() => left() > windows.sessionBytes / 2);
    native.destroy();
  });
});
