import fc from 'fast-check';
import { connect, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  firstValue,
  forwardableMetadata,
  isReservedKey,
  metadataFromHeaders,
  metadataFromMap,
  metadataOf,
  metadataToHeaders,
  metadataToMap,
  noMetadata,
  type Metadata,
} from '../../src/protocol/index.ts';

const base64 = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
const entries = (metadata: Metadata) => Object.fromEntries(metadata);

describe('metadata', () => {
  it('is read from raw headers, repeated keys apart and in order', () => {
    const raw = [':method', 'POST', 'X-A', '1', 'content-type', 'application/grpc', 'x-a', '2, 3'];
    expect(entries(metadataFromHeaders(raw))).toEqual({
      'x-a': ['1', '2, 3'],
      'content-type': ['application/grpc'],
    });
  });

  it('is read from a header object', () => {
    expect(
      entries(metadataFromHeaders({ ':path': '/', 'x-a': '1', 'x-b': ['1', '2'], 'x-c': undefined })),
    ).toEqual({ 'x-a': ['1'], 'x-b': ['1', '2'] });
  });

  it('takes the values of a binary header apart', () => {
    expect(entries(metadataFromHeaders(['x-bin', 'YQ, Yg', 'x-bin', 'Yw']))).toEqual({
      'x-bin': ['YQ', 'Yg', 'Yw'],
    });
  });

  it('goes out without what gRPC reserves and what a connection owns', () => {
    const metadata = metadataOf([
      [':authority', 'h'],
      ['Content-Type', 'application/grpc+proto'],
      ['user-agent', 'u'],
      ['te', 'trailers'],
      ['grpc-timeout', '1S'],
      ['connection', 'close'],
      ['content-length', '5'],
      ['bad key', 'v'],
      ['x-bad-value', 'a\nb'],
      ['x-good', 'v'],
      ['x-twice', '1'],
      ['x-twice', '2'],
      ['authorization', 'a'],
      ['authorization', 'b'],
    ]);
    expect({ ...metadataToHeaders(metadata) }).toEqual({
      'x-good': 'v',
      'x-twice': ['1', '2'],
      authorization: 'a',
    });
  });

  it('never gives headers node:http2 refuses, whatever a peer put in', async () => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const client = connect(`http://127.0.0.1:${port}`);
    const names = fc.oneof(
      fc.string({ maxLength: 12 }),
      fc.constantFrom(
        'connection',
        'host',
        'te',
        'upgrade',
        '__proto__',
        'age',
        'etag',
        'date',
        'from',
        'tk',
        'range',
      ),
    );
    const cases = fc.sample(
      fc.dictionary(names, fc.array(fc.string({ maxLength: 8 }), { maxLength: 3 })),
      100,
    );
    const seen: IncomingHttpHeaders[] = [];
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      seen.push(headers);
      stream.respond({ ':status': 200 });
      stream.end();
    });
    try {
      for (const map of cases) {
        const headers = metadataToHeaders(
          metadataOf(Object.entries(map).flatMap(([k, vs]) => vs.map((v) => [k, v] as const))),
        );
        const stream = client.request({ ':path': '/', ...headers });
        stream.resume();
        await once(stream, 'close');
      }
      expect(seen.length).toBe(cases.length);
    } finally {
      client.destroy();
      server.close();
    }
  });

  it('survives the meta map of a tunnel message', () => {
    const key = fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/).filter((name) => !name.endsWith('-bin'));
    fc.assert(
      fc.property(fc.dictionary(key, fc.array(fc.string(), { minLength: 1, maxLength: 3 })), (record) => {
        const metadata = new Map(Object.entries(record));
        expect(metadataFromMap(metadataToMap(metadata))).toEqual(metadata);
      }),
    );
  });

  it('carries binary values decoded in the map, and leaves out what is not UTF-8', () => {
    const metadata = metadataOf([
      ['x-bin', base64('größe')],
      ['x-bin', base64(Uint8Array.of(0xff))],
      ['y-bin', base64(Uint8Array.of(0xff))],
    ]);
    const map = metadataToMap(metadata);
    expect(Object.keys(map)).toEqual(['x-bin']);
    expect(map['x-bin']?.value).toEqual(['größe']);
    expect(entries(metadataFromMap(map))).toEqual({ 'x-bin': [base64('größe')] });
  });

  it('leaves out values that are no well-formed text and keeps keys without values', () => {
    const map = metadataToMap(
      new Map([
        ['a', ['\u{d800}', 'b']],
        ['c', ['\u{d800}']],
        ['d', []],
      ]),
    );
    expect(Object.entries(map).map(([key, { value }]) => [key, value])).toEqual([
      ['a', ['b']],
      ['d', []],
    ]);
  });

  it('lowers keys of a map and joins equal ones', () => {
    const map = metadataToMap(
      new Map([
        ['X-A', ['1']],
        ['x-a', ['2']],
      ]),
    );
    expect(entries(metadataFromMap(map))).toEqual({ 'x-a': ['1', '2'] });
  });

  it('treats __proto__ as a key like any other', () => {
    expect(Object.keys(metadataToMap(new Map([['__proto__', ['v']]])))).toEqual(['__proto__']);
    expect(Object.keys(metadataToHeaders(new Map([['__proto__', ['v', 'w']]])))).toEqual(['__proto__']);
  });

  it('travels on without reserved keys, keys between kas instances, and credentials', () => {
    const metadata = metadataOf([
      ['kas-hop-routing-agent-id', '1'],
      ['kas-hop-anything', '1'],
      ['authorization', 'Bearer x'],
      [':authority', 'x'],
      ['grpc-accept-encoding', 'gzip'],
      ['grpc-status', '0'],
      ['traceparent', 't'],
    ]);
    expect(entries(forwardableMetadata(metadata))).toEqual({
      'grpc-accept-encoding': ['gzip'],
      traceparent: ['t'],
    });
  });

  it('answers small questions', () => {
    expect(isReservedKey('grpc-message')).toBe(true);
    expect(isReservedKey('grpc-accept-encoding')).toBe(false);
    expect(firstValue(metadataOf([['A', '1']]), 'a')).toBe('1');
    expect(firstValue(noMetadata, 'a')).toBeUndefined();
  });
});
