import type * as http from 'node:http';
import { describe, expect, test } from 'vitest';
import { StatusCode } from '../../../src/protocol/index.ts';
import {
  decodeTunnelDown,
  emptyHeader,
  emptyTrailer,
  encodeError,
  encodeResponseHeader,
  responseBodyPrefix,
  responseTrailer,
  responseUpgradePrefix,
  retirement,
} from '../../../src/protocol/envelope/index.ts';
import type { MessageStream } from '../../../src/pipe/grpc/index.ts';
import { descriptor, Rig } from './rig.ts';

const okHead = (headers: string[] = []) =>
  encodeResponseHeader({ statusCode: 200, status: '200 OK', headers });
const data = (text: string) => Buffer.concat([responseBodyPrefix(text.length), Buffer.from(text)]);

/** An agent that answers the trailer of a request with these frames, then does something with its stream. */
function scripted(frames: Buffer[], then: (stream: MessageStream) => void = (stream) => stream.halfClose()) {
  return (stream: MessageStream) => {
    stream.handler = {
      onMessage(payload) {
        if (decodeTunnelDown(payload).kind !== 'requestTrailer') return;
        if (frames.length > 0) stream.write(Buffer.concat(frames));
        then(stream);
      },
      onHalfClosed() {},
      onDrain() {},
      onClosed() {},
    };
  };
}
const noApi: http.RequestListener = (_request, response) => response.end();

describe('an agent that breaks the protocol', () => {
  const cases: [string, Buffer[], number, string][] = [
    [
      'data before the header',
      [emptyHeader, data('x')],
      3,
      'transition from -2 to 2 is not allowed. Allowed: [1]',
    ],
    [
      'a message before the call header',
      [okHead()],
      3,
      'transition from 1 to 3 is not allowed. Allowed: [2 5]',
    ],
    ['an end without a trailer', [emptyHeader, okHead().subarray(0, 0)], 3, 'transition from 2 to -1'],
    ['upgrade data without an upgrade', [emptyHeader, upgradeData()], 3, 'transition from -2 to 4'],
    ['a second descriptor', [descriptor], 3, 'transition from 1 to 1 is not allowed. Allowed: [2 5]'],
    [
      'an informational answer',
      [emptyHeader, encodeResponseHeader({ statusCode: 103, status: '', headers: [] })],
      13,
      'invalid response header',
    ],
    [
      'an upgrade nobody asked for',
      [emptyHeader, encodeResponseHeader({ statusCode: 101, status: '', headers: [] })],
      13,
      'unable to upgrade connection',
    ],
    [
      'a header that breaks its line',
      [emptyHeader, okHead(['X', 'a\r\nSet-Cookie: evil=1'])],
      13,
      'invalid characters',
    ],
    [
      'two lengths',
      [emptyHeader, okHead(['Content-Length', '1', 'Content-Length', '2'])],
      13,
      'invalid response header',
    ],
    ['an error at once', [encodeError({ code: 7, message: 'no' })], 7, 'no'],
    [
      'an error after header and trailer',
      [emptyHeader, emptyTrailer, encodeError({ code: 7, message: 'no' })],
      7,
      'no',
    ],
    [
      'an error with code 0 and no answer',
      [emptyHeader, emptyTrailer, encodeError({ code: 0, message: '' })],
      3,
      'transition from -2 to -1',
    ],
    [
      'bytes that are no message',
      [emptyHeader, Buffer.from('0000000003ffffff', 'hex')],
      13,
      'grpc: failed to unmarshal',
    ],
  ];
  function upgradeData(): Buffer {
    return Buffer.concat([responseUpgradePrefix(1), Buffer.from('x')]);
  }

  test.each(cases)('%s: 502 for the client', async (_name, frames, code, text) => {
    await using rig = await Rig.start({ api: noApi, agent: scripted(frames) });
    const answer = await rig.request({ path: '/' });
    expect(answer.statusCode).toBe(502);
    expect(answer.headers['set-cookie']).toBeUndefined();
    const outcome = await rig.forwarded.at(0);
    expect(outcome).toMatchObject({ kind: 'failedBeforeHeader', reusable: false, status: { code } });
    expect(outcome.status.message).toContain(text);
  });

  test('upgrade data in a plain answer', async () => {
    await using rig = await Rig.start({
      api: noApi,
      agent: scripted([emptyHeader, okHead(), responseTrailer, upgradeData()]),
    });
    await rig.request({ path: '/' }); // the answer itself was complete
    expect(await rig.forwarded.at(0)).toMatchObject({
      status: { code: StatusCode.Internal, message: 'unexpected field number received: 4' },
    });
  });

  test.each([
    ['more', [data('too much')]],
    ['less', [data('x'), responseTrailer]],
  ])('%s body than declared: the client is cut off', async (_name, frames) => {
    const agent = scripted([emptyHeader, okHead(['Content-Length', '3']), ...frames]);
    await using rig = await Rig.start({ api: noApi, agent });
    await expect(rig.request({ path: '/' })).rejects.toThrow();
    expect(await rig.forwarded.at(0)).toMatchObject({
      kind: 'failedAfterHeader',
      status: { code: StatusCode.Internal },
    });
  });

  test('a reset stream', async () => {
    await using rig = await Rig.start({ api: noApi, agent: scripted([], (stream) => stream.abort('gone')) });
    expect((await rig.request({ path: '/' })).statusCode).toBe(502);
    expect(await rig.forwarded.at(0)).toMatchObject({
      kind: 'failedBeforeHeader',
      status: { code: StatusCode.Canceled },
    });
  });
});

describe('an agent that gives up its idle tunnel while a request is on its way', () => {
  const retiring = scripted([retirement]);

  test('executes nothing and uses nothing up, so the request may go to another tunnel', async () => {
    await using rig = await Rig.start({ api: noApi, agent: retiring, reuse: true });
    const answer = rig.request({ path: '/' }).catch(() => 'cut');
    expect(await rig.forwarded.at(0)).toMatchObject({
      kind: 'untaken',
      reusable: false,
      tunnelStatus: { code: 0 },
    });
    rig.front.closeAllConnections();
    expect(await answer).toBe('cut');
  });

  test('is an error for a request with a body: part of it may be used up', async () => {
    await using rig = await Rig.start({ api: noApi, agent: retiring, reuse: true });
    const answer = await rig.request({ path: '/', method: 'POST' }, Buffer.from('x'));
    expect(answer.statusCode).toBe(502);
    expect(await rig.forwarded.at(0)).toMatchObject({ kind: 'failedBeforeHeader' });
  });
});
