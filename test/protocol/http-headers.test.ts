import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalHeaderName,
  cleanRequestHeaders,
  cleanResponseHeaders,
  headersFromMap,
  headersToMap,
  headerValueFromNode,
  headerValueToNode,
} from '../../src/protocol/index.ts';

/** `name=value` lines as a flat list. */
const flat = (lines: string): string[] =>
  lines
    .trim()
    .split('\n')
    .flatMap((line) => line.trim().split('='));

describe('header names', () => {
  it.each([
    ['accept', 'Accept'],
    ['SEC-WEBSOCKET-KEY', 'Sec-Websocket-Key'],
    ['sec-websocket-key', 'Sec-Websocket-Key'],
    ['x-csrf-token', 'X-Csrf-Token'],
    ['TE', 'Te'],
    ['etag', 'Etag'],
    ['WWW-Authenticate', 'Www-Authenticate'],
    ['x--y', 'X--Y'],
    ['-a', '-A'],
    ['x_y-1z', 'X_y-1z'],
    ['a b', 'a b'],
    ['größe', 'größe'],
    ['x:y', 'x:y'],
    ['', ''],
  ])('%j becomes %j', (given, canonical) => {
    expect(canonicalHeaderName(given)).toBe(canonical);
  });

  it('do not change a second time, nor with the case they came in', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/), (name) => {
        const canonical = canonicalHeaderName(name);
        expect(canonicalHeaderName(canonical)).toBe(canonical);
        expect(canonicalHeaderName(name.toUpperCase())).toBe(canonical);
      }),
    );
  });
});

describe('clean-up of headers', () => {
  it('takes hop-by-hop headers, what Connection names, host and credentials out of a request', () => {
    const raw = flat(`
      host=h
      connection=close, X-Once
      x-once=1
      proxy-connection=x
      keep-alive=5
      proxy-authenticate=x
      proxy-authorization=x
      te=trailers
      trailer=x
      transfer-encoding=chunked
      authorization=Bearer
      cookie=c
      gitlab-agent-id=1
      x-csrf-token=t
      accept=a
      accept=b
      origin=o
      content-length=3
    `);
    expect(cleanRequestHeaders(raw)).toEqual(
      flat(`
      Accept=a
      Accept=b
      Origin=o
      Content-Length=3
    `),
    );
  });

  it('puts an upgrade wish back', () => {
    expect(
      cleanRequestHeaders(['connection', 'Upgrade', 'upgrade', 'SPDY/3.1', 'upgrade', 'websocket', 'a', 'b']),
    ).toEqual(['A', 'b', 'Upgrade', 'SPDY/3.1', 'Upgrade', 'websocket', 'Connection', 'upgrade']);
  });

  it('takes what the caller names out of a request', () => {
    expect(cleanRequestHeaders(['Authorization', 'x', 'X-Y', 'z'], new Set(['x-y']))).toEqual([
      'Authorization',
      'x',
    ]);
  });

  it('takes CORS and hop-by-hop headers out of an answer and keeps the rest', () => {
    expect(
      cleanResponseHeaders(
        flat(`
      server=s
      access-control-allow-origin=*
      access-control-max-age=1
      host=h
      access-control-expose-headers=e
      keep-alive=t
      warning=1
      warning=2
    `),
      ),
    ).toEqual(
      flat(`
      Server=s
      Host=h
      Access-Control-Expose-Headers=e
      Warning=1
      Warning=2
    `),
    );
    expect(cleanResponseHeaders(['upgrade', 'websocket', 'x', 'y'], new Set())).toEqual(
      flat(`
      X=y
      Upgrade=websocket
      Connection=upgrade
    `),
    );
  });
});

describe('headers in messages', () => {
  it('keep names canonical and values in order', () => {
    const map = headersToMap(['a-b', '1', 'c', '2', 'A-B', '3']);
    expect(headersFromMap(map)).toEqual(['A-B', '1', 'A-B', '3', 'C', '2']);
    expect(headersFromMap(headersToMap(['__proto__', 'x']))).toEqual(['__proto__', 'x']);
  });

  it('carry text where node has bytes', () => {
    const asNodeSees = Buffer.from('grün').toString('latin1');
    expect(headerValueFromNode(asNodeSees)).toBe('grün');
    expect(headerValueToNode('grün')).toBe(asNodeSees);
    expect(headerValueFromNode('plain')).toBe('plain');
    expect(headerValueToNode('plain')).toBe('plain');
    expect(headerValueFromNode('gr\u{fc}n')).toBeUndefined();
  });
});
