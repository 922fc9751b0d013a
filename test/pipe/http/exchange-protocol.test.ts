import type * as http from 'node:http';
import { describe, expect, test } from 'vitest';
import { methods, StatusCode } from '../../../src/protocol/index.ts';
import {
  closeSend,
  decodeTunnelUp,
  encodeRequestHeader,
  encodeRequestInfo,
  requestBodyPrefix,
  requestEnd,
  requestTrailer,
  requestUpgradePrefix,
} from '../../../src/protocol/envelope/index.ts';
import type { TunnelUp } from '../../../src/protocol/envelope/index.ts';
import { Arrivals, Rig, until } from './rig.ts';

const info = encodeRequestInfo(methods.makeRequest.path, []);
const header = (contentLength: number | undefined, method = 'GET', headers: string[] = []) =>
  encodeRequestHeader({ method, urlPath: '/x', query: [], headers, contentLength });
const data = (text: string) => Buffer.concat([requestBodyPrefix(text.length), Buffer.from(text)]);
const raw = (text: string) => Buffer.concat([requestUpgradePrefix(text.length), Buffer.from(text)]);

/** Speaks kas's side of a tunnel by hand: sends frames to agentk and gives its messages up to the trailer or error. */
async function speak(rig: Rig, ...frames: Buffer[]): Promise<TunnelUp[]> {
  await until(() => rig.calls.length > 0);
  const call = rig.calls[rig.calls.length - 1];
  if (call === undefined) throw new Error('no tunnel');
  const messages = new Arrivals<TunnelUp>();
  let over = false;
  call.stream.handler = {
    onMessage: (payload) => messages.push(decodeTunnelUp(Buffer.from(payload))),
    onHalfClosed: () => (over = true),
    onDrain() {},
    onClosed: () => (over = true),
  };
  call.stream.write(Buffer.concat(frames));
  await until(
    () => over || messages.all.some(({ kind }) => kind === 'descriptor' && messages.all.length > 1),
  );
  call.finish({ code: StatusCode.OK, message: '' });
  return messages.all.filter(({ kind }) => kind !== 'descriptor');
}

const echo: http.RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    response.end(`${request.method} ${length ?? '-'} ${coding ?? '-'} ${Buffer.concat(chunks).toString()}`);
  });
};
const bodyOf = (messages: TunnelUp[]) =>
  messages.map((message) => (message.kind === 'responseData' ? String(message.data) : '')).join('');

describe('an exchange as kas sees it', () => {
  test('is header, response, trailer; then the offer of the stream', async () => {
    await using rig = await Rig.start({ api: echo, reuse: true, tunnels: 1 });
    const messages = await speak(rig, info, header(0), requestEnd);
    expect(messages.map(({ kind }) => kind)).toEqual([
      'header',
      'responseHeader',
      'responseData',
      'responseTrailer',
      'trailer',
    ]);
    expect(messages[1]).toMatchObject({ statusCode: 200, status: '200 OK' });
    expect(await rig.served.at(0)).toMatchObject({ kind: 'served', reusable: true });
  });

  test('an old kas does not say whether a body follows', async () => {
    await using rig = await Rig.start({ api: echo, tunnels: 1 });
    expect(bodyOf(await speak(rig, info, header(undefined), requestEnd))).toBe('GET - - ');
    await using second = await Rig.start({ api: echo, tunnels: 1 });
    expect(
      bodyOf(await speak(second, info, header(undefined, 'POST'), data('ab'), data('c'), requestEnd)),
    ).toMatch(/^POST (3 -|- chunked) abc$/);
  });

  test('a declared size and a Content-Length header are not used', async () => {
    await using rig = await Rig.start({ api: echo, tunnels: 1 });
    const frames = [
      info,
      header(3, 'PUT', ['Content-Length', '3', 'Expect', '100-continue']),
      data('longer'),
      requestEnd,
    ];
    expect(bodyOf(await speak(rig, ...frames))).toMatch(/^PUT (6 -|- chunked) longer$/);
  });
});

describe('what agentk refuses', () => {
  const cases: [string, Buffer[], number, string][] = [
    [
      'an unknown service',
      [encodeRequestInfo('/a.B/C', []), header(0), requestEnd],
      StatusCode.Unimplemented,
      'unknown service a.B',
    ],
    [
      'an unknown method',
      [encodeRequestInfo(`/${methods.makeRequest.service}/Other`, [])],
      StatusCode.Unimplemented,
      `unknown method Other for service ${methods.makeRequest.service}`,
    ],
    [
      'data although there is no body',
      [info, header(0, 'POST'), data('x')],
      StatusCode.Internal,
      'unexpected HttpRequest_Data message received',
    ],
    [
      'raw bytes for a plain request',
      [info, header(0), requestTrailer, raw('x')],
      StatusCode.Internal,
      'unexpected HttpRequest_UpgradeData message for non-upgrade request',
    ],
    [
      'data before the header',
      [info, data('x')],
      StatusCode.InvalidArgument,
      'transition from -2 to 2 is not allowed. Allowed: [1]',
    ],
    [
      'an end without a trailer',
      [info, header(-1, 'POST'), closeSend],
      StatusCode.InvalidArgument,
      'transition from 1 to -1 is not allowed. Allowed: [2 3]',
    ],
    [
      'a header without a path',
      [info, encodeRequestHeader({ method: 'GET', urlPath: '', query: [], headers: [], contentLength: 0 })],
      StatusCode.InvalidArgument,
      'invalid HttpRequest.Header: embedded message failed validation',
    ],
    [
      'a header that breaks its line',
      [info, header(0, 'GET', ['X', 'a\r\nb: c']), requestEnd],
      StatusCode.Unavailable,
      'gRPC -> HTTP: ',
    ],
    [
      'a method that is no token',
      [info, header(0, 'G ET'), requestEnd],
      StatusCode.Unavailable,
      'gRPC -> HTTP: ',
    ],
  ];

  test.each(cases)('%s', async (_name, frames, code, text) => {
    let asked = 0;
    await using rig = await Rig.start({
      tunnels: 1,
      api: (request, response) => {
        asked += Number(request.complete);
        setImmediate(() => response.end());
      },
    });
    const messages = await speak(rig, ...frames);
    expect(messages.map(({ kind }) => kind)).toEqual(['header', 'trailer', 'error']);
    const last = messages[2];
    expect(last).toMatchObject({ kind: 'error', status: { code } });
    expect(last?.kind === 'error' ? last.status.message : '').toContain(text);
    expect(await rig.served.at(0)).toMatchObject({ kind: 'failed', reusable: false, status: { code } });
    if (code === StatusCode.Unimplemented) expect(asked).toBe(0);
  });

  test('raw bytes after an upgrade was not granted', async () => {
    await using rig = await Rig.start({
      tunnels: 1,
      api: (_request, response) => {
        response.writeHead(403);
        response.write('waiting'); // not ended, so the exchange is still under way
      },
    });
    await until(() => rig.calls.length > 0);
    const { stream } = rig.calls[0] ?? {};
    if (stream === undefined) throw new Error('no tunnel');
    const messages = new Arrivals<TunnelUp>();
    stream.handler = {
      onMessage: (payload) => messages.push(decodeTunnelUp(Buffer.from(payload))),
      onHalfClosed() {},
      onDrain() {},
      onClosed() {},
    };
    stream.write(Buffer.concat([info, header(0, 'GET', ['Upgrade', 'x']), requestTrailer, raw('early')]));
    await until(() => messages.all.some(({ kind }) => kind === 'error'));
    expect(messages.all.at(-1)).toEqual({
      kind: 'error',
      status: {
        code: StatusCode.Internal,
        message: 'unexpected HttpRequest_UpgradeData message for HTTP status code 403',
      },
    });
  });
});
