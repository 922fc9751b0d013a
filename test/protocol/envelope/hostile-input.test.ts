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
  MessageOrder,
  StatusCode,
} from '../../../src/protocol/index.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const payload = (frame: Buffer) => frame.subarray(5);

const samples = [
  payload(envelope.encodeDescriptor([{ name: 'a.B', methods: ['C', 'D'] }])),
  payload(envelope.encodeHeader(['k', 'v', 'k', 'w'])),
  payload(envelope.encodeError({ code: StatusCode.Internal, message: 'ouch' })),
  payload(
    envelope.encodeResponseHeader({ statusCode: 200, status: '200 OK', headers: ['A', 'b', 'C', 'é'] }),
  ),
  payload(Buffer.concat([envelope.responseBodyPrefix(4), Buffer.from('body')])),
  payload(envelope.responseTrailer),
  payload(envelope.encodeRequestInfo('/s/m', ['k', 'v', 'k', 'w'])),
  payload(
    envelope.encodeRequestHeader({
      method: 'GET',
      urlPath: '/x',
      query: ['q', '1', 'q', '2'],
      headers: ['A', 'b'],
      contentLength: -1,
      extra: { typeUrl: 'type.googleapis.com/x', value: Buffer.from([1, 2, 3]) },
    }),
  ),
  payload(Buffer.concat([envelope.requestBodyPrefix(4), Buffer.from('body')])),
  payload(envelope.closeSend),
];

/** A decoder's answer without differences that a map cannot show: the order of names. */
function shape(message: object): string {
  return JSON.stringify(message, (_key, value: unknown) =>
    Array.isArray(value) && value.every((one) => typeof one === 'string') ? [...value].sort() : value,
  );
}

/** Bytes near valid messages: cut, flipped, spliced; inside a larger buffer whose surroundings must not be read. */
const nearlyValid = fc
  .tuple(
    fc.constantFrom(...samples),
    fc.constantFrom(...samples),
    fc.nat(200),
    fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([first, second, cut, flips, splice]) => {
    const bytes = Buffer.concat(splice ? [first.subarray(0, cut), second] : [first.subarray(0, cut || 200)]);
    for (const [at, value] of flips) if (bytes.length > 0) bytes[at % bytes.length] = value;
    const around = Buffer.alloc(bytes.length + 64, 0x0a);
    bytes.copy(around, 32);
    return around.subarray(32, 32 + bytes.length);
  });
const anything = fc.oneof(
  nearlyValid,
  fc.uint8Array({ maxLength: 80 }).map((b) => Buffer.from(b)),
);

/** Whether two names of a list are equal: there a map entry came twice, where the decoders may differ. */
function repeatsNames(message: object): boolean {
  return ['headers', 'query', 'metadata'].some((field) => {
    const list: unknown = Reflect.get(message, field);
    if (!Array.isArray(list)) return false;
    const names = list.filter((_one, index) => index % 2 === 0);
    return new Set(names).size < names.length;
  });
}

describe('bytes from a hostile peer', () => {
  test('never throw, and mean the same to both decoders', () => {
    fc.assert(
      fc.property(anything, (bytes) => {
        const up = envelope.decodeTunnelUp(bytes);
        if (!repeatsNames(up)) expect(shape(up)).toBe(shape(upFromGenerated(bytes)));
        const down = envelope.decodeTunnelDown(bytes);
        if (!repeatsNames(down)) expect(shape(down)).toBe(shape(downFromGenerated(bytes)));
      }),
      { numRuns: 3000 },
    );
  });

  test('a length beyond the end is malformed', () => {
    expect(envelope.decodeTunnelUp(hex('1a 08 0a 06 12 04 0a 7f 61 62'))).toMatchObject({
      kind: 'malformed',
      status: { code: StatusCode.Internal },
    });
  });

  test('a length of five bytes cannot wrap around', () => {
    expect(envelope.decodeTunnelUp(hex('1a ff ff ff ff 0f 0a')).kind).toBe('malformed');
    expect(envelope.decodeTunnelDown(hex('12 ff ff ff ff ff ff ff ff ff 01')).kind).toBe('malformed');
  });

  test('text that is not UTF-8 is malformed, the replacement character itself is fine', () => {
    const good = payload(envelope.encodeHeader(['k', '\ufffd\u0000\u{1f600}']));
    expect(envelope.decodeTunnelUp(good)).toEqual({
      kind: 'header',
      metadata: ['k', '\ufffd\u0000\u{1f600}'],
    });
    expect(envelope.decodeTunnelUp(hex('12 0a 0a 08 0a 01 6b 12 03 0a 01 ff'))).toMatchObject({
      kind: 'malformed',
      status: { code: StatusCode.Internal },
    });
  });

  test('unknown fields are skipped, unknown oneof members are refused', () => {
    const known = payload(envelope.encodeRequestInfo('/s/m', ['k', 'v']));
    const inside = Buffer.concat([known, hex('f8 01 05')]);
    inside[1] = known.length - 2 + 3;
    expect(envelope.decodeTunnelDown(inside)).toEqual({
      kind: 'requestInfo',
      method: '/s/m',
      metadata: ['k', 'v'],
    });
    expect(envelope.decodeTunnelUp(hex('32 00'))).toEqual({
      kind: 'malformed',
      status: { code: StatusCode.InvalidArgument, message: 'invalid ConnectRequest.Msg: value is required' },
    });
    expect(envelope.decodeTunnelDown(hex('22 00'))).toMatchObject({
      status: { message: 'invalid server response: invalid ConnectResponse.Msg: value is required' },
    });
  });

  test('validation is that of the generated messages', () => {
    const header = { method: '', urlPath: '', query: [], headers: [], contentLength: -2 };
    const decoded = envelope.decodeTunnelDown(payload(envelope.encodeRequestHeader(header)));
    expect(decoded.kind).toBe('malformed');
    expect(shape(decoded)).toContain('value length must be at least 1 bytes');
    expect(shape(decoded)).toContain('value must be greater than or equal to -1');
    expect(envelope.decodeTunnelUp(hex('1a 04 0a 02 0a 00'))).toMatchObject({
      kind: 'malformed',
      status: {
        code: StatusCode.InvalidArgument,
        message:
          'invalid server response: invalid HttpResponse.Header: embedded message failed validation | caused by: invalid HttpResponse_Header.Response: value is required',
      },
    });
  });

  test('a descriptor that differs from the remembered one is decoded anew', () => {
    const first = payload(envelope.encodeDescriptor([{ name: 'a', methods: ['b'] }]));
    const second = payload(envelope.encodeDescriptor([{ name: 'a', methods: ['c'] }]));
    expect(envelope.decodeTunnelUp(first)).toBe(envelope.decodeTunnelUp(first));
    expect(envelope.decodeTunnelUp(second)).toMatchObject({ services: [{ name: 'a', methods: ['c'] }] });
    expect(envelope.decodeTunnelUp(first)).toMatchObject({ services: [{ name: 'a', methods: ['b'] }] });
  });
});

describe('the offset of body bytes in an unfinished message', () => {
  test.each([1, 100, 127, 128, 16_000, 70_000, 3_000_000])('of %i bytes', (size) => {
    for (const [prefix, offset] of [
      [envelope.requestBodyPrefix(size), envelope.downBodyOffset],
      [envelope.responseBodyPrefix(size), envelope.upBodyOffset],
    ] as const) {
      const head = Buffer.concat([payload(prefix), Buffer.alloc(8)]);
      const total = payload(prefix).length + size;
      expect(offset(head, total)).toBe(prefix.length - 5);
      expect(offset(head, total + 1)).toBe(-1);
      expect(offset(payload(prefix).subarray(0, 5), total)).toBe(-1);
    }
  });

  test('is none in other messages', () => {
    for (const sample of samples) {
      const body = sample.includes('body');
      const offsets = [
        envelope.upBodyOffset(sample, sample.length),
        envelope.downBodyOffset(sample, sample.length),
      ];
      expect(Math.max(...offsets)).toBe(body ? sample.length - 4 : -1);
    }
  });
});

describe('the order of messages', () => {
  test('is that of the .proto options', () => {
    const schemas = [
      ['up', ConnectRequestSchema],
      ['down', ConnectResponseSchema],
      ['inner', HttpRequestSchema],
      ['inner', HttpResponseSchema],
    ] as const;
    for (const [table, schema] of schemas) {
      envelope.orderRows(table).forEach((row, state) => {
        for (const member of [-1, 1, 2, 3, 4, 5, 6]) {
          const order = new MessageOrder<typeof ConnectRequestSchema>(
            schema as unknown as typeof ConnectRequestSchema, // one class for four schemas
            state === 0 ? -2 : state,
          );
          expect(order.accept(member) === undefined).toBe(row.includes(member));
        }
      });
    }
  });

  test('is enforced outside and inside with the texts of the protocol', () => {
    const order = new envelope.TunnelOrder('up');
    const expected = new MessageOrder(ConnectRequestSchema, 1);
    expect(order.http(3, 1)).toEqual(expected.accept(3));
    expect(order.outer(2)).toBeUndefined();
    expect(order.http(3, 2)).toEqual(new MessageOrder(HttpResponseSchema).accept(2));
    expect(order.http(3, 1)).toBeUndefined();
    expect(order.endInner()).toEqual(new MessageOrder(HttpResponseSchema, 1).end());
    expect(order.http(3, 2)).toBeUndefined();
    expect(order.endOuter()).toMatchObject({
      message: 'transition from 3 to -1 is not allowed. Allowed: [3 4]',
    });
    expect(order.http(3, 3)).toBeUndefined();
    expect(order.endInner()).toBeUndefined();
    expect(order.outer(4)).toBeUndefined();
    expect(order.endOuter()).toBeUndefined();
    expect(order.outer(5)).toMatchObject({ message: 'transition from -1 to 5 is not allowed. Allowed: []' });
  });
});
