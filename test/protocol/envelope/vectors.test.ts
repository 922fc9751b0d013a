import { describe, expect, test } from 'vitest';
import { StatusCode } from '../../../src/protocol/index.ts';
import * as envelope from '../../../src/protocol/envelope/index.ts';

/** Payload of the single frame in these bytes, as hex. */
function payloadOf(frame: Buffer): string {
  expect(frame[0]).toBe(0);
  expect(frame.readUInt32BE(1)).toBe(frame.length - 5);
  return frame.subarray(5).toString('hex');
}

/** Wraps the hex of an HTTP message the way the tunnel carries it; short messages only. */
function inMessage(tag: string, hex: string): string {
  const size = hex.length / 2;
  const byte = (n: number) => n.toString(16).padStart(2, '0');
  return `${tag}${byte(size + 2)}0a${byte(size)}${hex}`;
}

describe('the vectors of spec/wire.md §15', () => {
  const descriptor =
    '0a420a400a3e0a2d6769746c61622e6167656e742e6b756265726e657465735f6170692e7270632e4b756265726e65746573417069120d0a0b4d616b6552657175657374';
  const services = [{ name: 'gitlab.agent.kubernetes_api.rpc.KubernetesApi', methods: ['MakeRequest'] }];

  test('a descriptor', () => {
    expect(payloadOf(envelope.encodeDescriptor(services))).toBe(descriptor);
    expect(envelope.decodeTunnelUp(Buffer.from(descriptor, 'hex'))).toEqual({ kind: 'descriptor', services });
  });

  test('header and trailer without metadata', () => {
    expect(payloadOf(envelope.encodeHeader([]))).toBe('1200');
    expect(payloadOf(envelope.encodeTrailer([]))).toBe('2200');
    expect(payloadOf(envelope.emptyHeader)).toBe('1200');
    expect(payloadOf(envelope.emptyTrailer)).toBe('2200');
    expect(envelope.decodeTunnelUp(Buffer.from('1200', 'hex'))).toEqual({ kind: 'header', metadata: [] });
    expect(envelope.decodeTunnelUp(Buffer.from('2200', 'hex'))).toEqual({ kind: 'trailer', metadata: [] });
  });

  test('an error', () => {
    const status = { code: StatusCode.Unavailable, message: 'x' };
    expect(payloadOf(envelope.encodeError(status))).toBe('2a070a05080e120178');
    expect(envelope.decodeTunnelUp(Buffer.from('2a070a05080e120178', 'hex'))).toEqual({
      kind: 'error',
      status,
    });
  });

  test('request_info with a repeated key', () => {
    const hex = '0a150a042f732f6d120d0a016b12080a0276310a027632';
    expect(payloadOf(envelope.encodeRequestInfo('/s/m', ['k', 'v1', 'k', 'v2']))).toBe(hex);
    expect(payloadOf(envelope.encodeRequestInfo('/s/m', new Map([['k', ['v1', 'v2']]])))).toBe(hex);
    expect(envelope.decodeTunnelDown(Buffer.from(hex, 'hex'))).toEqual({
      kind: 'requestInfo',
      method: '/s/m',
      metadata: ['k', 'v1', 'k', 'v2'],
    });
  });

  test('close_send', () => {
    expect(payloadOf(envelope.closeSend)).toBe('1a00');
    expect(envelope.decodeTunnelDown(Buffer.from('1a00', 'hex'))).toEqual({ kind: 'closeSend' });
  });

  test('a request header with an explicit content_length 0', () => {
    const hex =
      '0a2e0a2a0a03474554120f0a0641636365707412050a032a2f2a1a082f76657273696f6e22080a016112030a01311800';
    const header = {
      method: 'GET',
      urlPath: '/version',
      query: ['a', '1'],
      headers: ['Accept', '*/*'],
      contentLength: 0,
    };
    expect(payloadOf(envelope.encodeRequestHeader(header))).toBe(inMessage('12', hex));
    expect(envelope.decodeTunnelDown(Buffer.from(inMessage('12', hex), 'hex'))).toEqual({
      kind: 'requestHeader',
      ...header,
      extra: undefined,
    });
  });

  test('a request header with content_length -1 in ten bytes', () => {
    const hex = '0a170a0a0a04504f53541a022f7818ffffffffffffffffff01';
    const header = { method: 'POST', urlPath: '/x', query: [], headers: [], contentLength: -1 };
    expect(payloadOf(envelope.encodeRequestHeader(header))).toBe(inMessage('12', hex));
    expect(payloadOf(envelope.encodeRequestHeader({ ...header, contentLength: -1n }))).toBe(
      inMessage('12', hex),
    );
    expect(envelope.decodeTunnelDown(Buffer.from(inMessage('12', hex), 'hex'))).toMatchObject(header);
  });

  test('trailer and upgrade data', () => {
    expect(payloadOf(envelope.requestTrailer)).toBe(inMessage('12', '1a00'));
    expect(payloadOf(envelope.responseTrailer)).toBe(inMessage('1a', '1a00'));
    const upgrade = Buffer.concat([envelope.requestUpgradePrefix(1), Buffer.from('x')]);
    expect(payloadOf(upgrade)).toBe(inMessage('12', '22030a0178'));
    expect(envelope.decodeTunnelDown(upgrade.subarray(5))).toEqual({
      kind: 'requestUpgradeData',
      data: Buffer.from('x'),
    });
  });

  test('a response header that switches protocols', () => {
    const hex =
      '0a340a320865121731303120537769746368696e672050726f746f636f6c731a150a0755706772616465120a0a08535044592f332e31';
    const header = { statusCode: 101, status: '101 Switching Protocols', headers: ['Upgrade', 'SPDY/3.1'] };
    expect(payloadOf(envelope.encodeResponseHeader(header))).toBe(inMessage('1a', hex));
    expect(envelope.decodeTunnelUp(Buffer.from(inMessage('1a', hex), 'hex'))).toEqual({
      kind: 'responseHeader',
      ...header,
    });
  });
});

describe('frames of one step', () => {
  test('the start of a request without a body is four frames in one buffer', () => {
    const header = { method: 'GET', urlPath: '/', query: [], headers: ['A', 'b'], contentLength: 0 };
    expect(envelope.encodeRequestStart('/s/m', ['k', 'v'], header, 'complete')).toEqual(
      Buffer.concat([
        envelope.encodeRequestInfo('/s/m', ['k', 'v']),
        envelope.encodeRequestHeader(header),
        envelope.requestTrailer,
        envelope.closeSend,
      ]),
    );
  });

  test('a small answer is one buffer', () => {
    const header = { statusCode: 200, status: '200 OK', headers: ['A', 'b'] };
    const body = Buffer.alloc(3000, 7);
    const apart = Buffer.concat([
      envelope.encodeHeader(['content-type', 'application/grpc+proto']),
      envelope.encodeResponseHeader(header),
      envelope.responseBodyPrefix(body.length),
      body,
    ]);
    const meta = ['content-type', 'application/grpc+proto'];
    const started = envelope.encodeResponseStart(meta, header, body.length);
    expect(Buffer.concat([started, body])).toEqual(apart);
    const tail = envelope.emptyTrailer;
    expect(envelope.encodeWholeResponse(meta, header, body, tail)).toEqual(Buffer.concat([apart, tail]));
  });

  test('headers larger than the scratch buffer come out whole', () => {
    const long = 'ä'.repeat(700_000);
    const frame = envelope.encodeResponseHeader({
      statusCode: 200,
      status: '',
      headers: ['X', long, 'X', 'y'],
    });
    expect(frame.readUInt32BE(1)).toBe(frame.length - 5);
    expect(envelope.decodeTunnelUp(frame.subarray(5))).toMatchObject({ headers: ['X', long, 'X', 'y'] });
  });
});
