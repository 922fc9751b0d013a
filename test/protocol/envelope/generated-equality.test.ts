import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as envelope from '../../../src/protocol/envelope/index.ts';
import { upFromGenerated } from '../../../src/protocol/envelope/generated-up.ts';
import { downFromGenerated } from '../../../src/protocol/envelope/generated-down.ts';
import {
  ConnectRequestSchema,
  ConnectResponseSchema,
  HttpRequestSchema,
  HttpResponseSchema,
  type AnyBytes,
  type StatusCode,
} from '../../../src/protocol/index.ts';

const runs = { numRuns: 300 };
const text = fc.string({ unit: 'binary', maxLength: 60 });
const name = fc.oneof(fc.string({ maxLength: 30 }), text).filter((key) => key !== '__proto__');
const value = fc.oneof(fc.string({ maxLength: 200 }), text);
const pairs = fc
  .array(fc.tuple(fc.oneof(name, fc.constantFrom('Warning', 'Set-Cookie')), value), { maxLength: 70 })
  .map((list) => list.flat());
const bytes = fc.uint8Array({ maxLength: 300 }).map((b) => Buffer.from(b));
const any: fc.Arbitrary<AnyBytes> = fc.record({ typeUrl: text, value: bytes });
const required = fc.string({ minLength: 1, maxLength: 200 });

/** Pairs as a map of lists, keys sorted: what a proto map means. */
function meaning(flat: readonly string[]): Record<string, { value: string[] }> {
  const map = new Map<string, { value: string[] }>();
  for (let i = 0; i < flat.length; i += 2) {
    const values = map.get(flat[i] ?? '') ?? { value: [] };
    values.value.push(flat[i + 1] ?? '');
    map.set(flat[i] ?? '', values);
  }
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The result of a decoder with its pair lists replaced by their meaning. */
function comparable(message: object): object {
  const lists = ['headers', 'query', 'metadata'];
  return Object.fromEntries(
    Object.entries(message).map(([key, field]) => [
      key,
      lists.includes(key) && Array.isArray(field) ? meaning(field.map(String)) : field,
    ]),
  );
}

const up = (data: Uint8Array) => ({ msg: { case: 'message', value: { data } } }) as const;
const payload = (frame: Buffer) => frame.subarray(5);
const plain = (map: object) =>
  JSON.parse(JSON.stringify(map, (key, v: unknown) => (key === '$typeName' ? undefined : v)));

const requestHeader = fc.record({
  method: required,
  urlPath: required,
  query: pairs,
  headers: pairs,
  contentLength: fc.option(fc.oneof(fc.constantFrom(-1, 0, 1), fc.maxSafeNat()), { nil: undefined }),
  extra: fc.option(any, { nil: undefined }),
});
const responseHeader = fc.record({ statusCode: fc.nat(999), status: value, headers: pairs });
const rpcStatus = fc.record({
  code: fc.nat(16).map((code) => code as StatusCode),
  message: value,
  details: fc.array(any, { minLength: 1, maxLength: 4 }),
});
const services = fc.array(fc.record({ name: required, methods: fc.array(required, { maxLength: 9 }) }), {
  maxLength: 9,
});

describe('what the hand-written encoders write, the generated code reads', () => {
  test('request_info', () => {
    fc.assert(
      fc.property(required, pairs, (method, metadata) => {
        const message = fromBinary(
          ConnectResponseSchema,
          payload(envelope.encodeRequestInfo(method, metadata)),
        );
        expect(message.msg).toMatchObject({ case: 'requestInfo', value: { methodName: method } });
        expect(plain((message.msg.value as { meta: object }).meta)).toEqual(meaning(metadata));
      }),
      runs,
    );
  });

  test('a request header', () => {
    fc.assert(
      fc.property(requestHeader, (header) => {
        const outer = fromBinary(ConnectResponseSchema, payload(envelope.encodeRequestHeader(header)));
        if (outer.msg.case !== 'message') throw new Error('no message');
        const inner = fromBinary(HttpRequestSchema, outer.msg.value.data).message;
        if (inner.case !== 'header') throw new Error('no header');
        const { request, extra, contentLength } = inner.value;
        expect(request).toMatchObject({ method: header.method, urlPath: header.urlPath });
        expect(plain(request?.query ?? {})).toEqual(meaning(header.query));
        expect(plain(request?.header ?? {})).toEqual(meaning(header.headers));
        expect(contentLength).toBe(
          header.contentLength === undefined ? undefined : BigInt(header.contentLength),
        );
        expect(extra?.typeUrl).toBe(header.extra?.typeUrl);
        if (header.extra !== undefined) expect(Buffer.from(extra?.value ?? [])).toEqual(header.extra.value);
      }),
      runs,
    );
  });

  test('a response header', () => {
    fc.assert(
      fc.property(responseHeader, (header) => {
        const outer = fromBinary(ConnectRequestSchema, payload(envelope.encodeResponseHeader(header)));
        if (outer.msg.case !== 'message') throw new Error('no message');
        const inner = fromBinary(HttpResponseSchema, outer.msg.value.data).message;
        if (inner.case !== 'header') throw new Error('no header');
        const { response } = inner.value;
        expect(response).toMatchObject({ statusCode: header.statusCode, status: header.status });
        expect(plain(response?.header ?? {})).toEqual(meaning(header.headers));
      }),
      runs,
    );
  });

  test('descriptor, error, metadata and data', () => {
    fc.assert(
      fc.property(
        services,
        rpcStatus,
        pairs,
        fc.integer({ min: 1, max: 40_000 }),
        (list, status, metadata, size) => {
          const chunk = Buffer.alloc(size, 1);
          const frames: [Buffer, object][] = [
            [envelope.encodeDescriptor(list), { kind: 'descriptor', services: list }],
            [envelope.encodeError(status), { kind: 'error', status }],
            [envelope.encodeHeader(metadata), { kind: 'header', metadata: meaning(metadata) }],
            [envelope.encodeTrailer(metadata), { kind: 'trailer', metadata: meaning(metadata) }],
            [
              Buffer.concat([envelope.responseBodyPrefix(size), chunk]),
              { kind: 'responseData', data: chunk },
            ],
            [
              Buffer.concat([envelope.responseUpgradePrefix(size), chunk]),
              { kind: 'responseUpgradeData', data: chunk },
            ],
          ];
          for (const [frame, expected] of frames) {
            expect(frame.readUInt32BE(1)).toBe(frame.length - 5);
            expect(comparable(upFromGenerated(payload(frame)))).toEqual(expected);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test('the bytes are those of the generated encoder', () => {
    fc.assert(
      fc.property(rpcStatus, services, (status, list) => {
        const error = create(ConnectRequestSchema, {
          msg: { case: 'error', value: { status: { ...status, details: [...status.details] } } },
        });
        expect(payload(envelope.encodeError(status)).equals(toBinary(ConnectRequestSchema, error))).toBe(
          true,
        );
        const descriptor = create(ConnectRequestSchema, {
          msg: {
            case: 'descriptor',
            value: {
              agentDescriptor: {
                services: list.map((s) => ({ name: s.name, methods: s.methods.map((m) => ({ name: m })) })),
              },
            },
          },
        });
        const bytesOfDescriptor = toBinary(ConnectRequestSchema, descriptor);
        expect(payload(envelope.encodeDescriptor(list)).equals(bytesOfDescriptor)).toBe(true);
      }),
      runs,
    );
  });
});

describe('what the generated code writes, the hand-written decoders read alike', () => {
  const mapOf = (flat: readonly string[]) => meaning(flat);
  const httpResponse = fc.oneof(
    responseHeader.map((h) => ({
      case: 'header' as const,
      value: { response: { statusCode: h.statusCode, status: h.status, header: mapOf(h.headers) } },
    })),
    bytes.map((data) => ({ case: 'data' as const, value: { data } })),
    fc.constant({ case: 'trailer' as const, value: {} }),
    bytes.map((data) => ({ case: 'upgradeData' as const, value: { data } })),
  );
  const httpRequest = fc.oneof(
    requestHeader.map((h) => ({
      case: 'header' as const,
      value: {
        request: { method: h.method, urlPath: h.urlPath, query: mapOf(h.query), header: mapOf(h.headers) },
        ...(h.extra === undefined
          ? {}
          : { extra: { typeUrl: h.extra.typeUrl, value: Buffer.from(h.extra.value) } }),
        ...(h.contentLength === undefined ? {} : { contentLength: BigInt(h.contentLength) }),
      },
    })),
    bytes.map((data) => ({ case: 'data' as const, value: { data } })),
    fc.constant({ case: 'trailer' as const, value: {} }),
    bytes.map((data) => ({ case: 'upgradeData' as const, value: { data } })),
  );

  test('from agentk', () => {
    fc.assert(
      fc.property(httpResponse, (message) => {
        const inner = toBinary(HttpResponseSchema, create(HttpResponseSchema, { message }));
        const outer = Buffer.from(toBinary(ConnectRequestSchema, create(ConnectRequestSchema, up(inner))));
        const decoded = envelope.decodeTunnelUp(outer);
        expect(decoded.kind).not.toBe('malformed');
        expect(comparable(decoded)).toEqual(comparable(upFromGenerated(outer)));
      }),
      runs,
    );
  });

  test('from kas', () => {
    fc.assert(
      fc.property(httpRequest, (message) => {
        const inner = toBinary(HttpRequestSchema, create(HttpRequestSchema, { message }));
        const outer = Buffer.from(toBinary(ConnectResponseSchema, create(ConnectResponseSchema, up(inner))));
        const decoded = envelope.decodeTunnelDown(outer);
        expect(decoded.kind).not.toBe('malformed');
        expect(comparable(decoded)).toEqual(comparable(downFromGenerated(outer)));
      }),
      runs,
    );
  });
});
