import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ok,
  percentDecodeMessage,
  percentEncodeMessage,
  protocolLimits,
  status,
  StatusCode,
  statusFromHttp,
  statusFromMessage,
  statusFromTrailers,
  statusToMessage,
  statusToTrailers,
  type RpcStatus,
} from '../../src/protocol/index.ts';

const anyCode = fc.constantFrom(...Object.values(StatusCode).filter((code) => code !== StatusCode.OK));
const anyText = fc.string({ unit: 'grapheme', maxLength: 200 });
const anyDetails = fc.array(fc.record({ typeUrl: fc.webUrl(), value: fc.uint8Array({ maxLength: 50 }) }), {
  minLength: 1,
  maxLength: 3,
});

describe('status in trailers', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(anyCode, anyText, fc.option(anyDetails, { nil: undefined }), (code, message, details) => {
        const sent: RpcStatus = details === undefined ? { code, message } : { code, message, details };
        expect(statusFromTrailers(statusToTrailers(sent))).toEqual(sent);
      }),
    );
  });

  it('comes back from an error member as it was', () => {
    fc.assert(
      fc.property(anyCode, anyText, fc.option(anyDetails, { nil: undefined }), (code, message, details) => {
        const sent: RpcStatus = details === undefined ? { code, message } : { code, message, details };
        expect(statusFromMessage(statusToMessage(sent))).toEqual(sent);
      }),
    );
  });

  it('of success is short', () => {
    expect(statusToTrailers(ok)).toEqual({ 'grpc-status': '0' });
    expect(statusFromTrailers({ 'grpc-status': '0' })).toBe(ok);
  });

  it('escapes what is not printable ASCII, and the percent sign', () => {
    expect(percentEncodeMessage('100% “é”\n~')).toBe('100%25 %E2%80%9C%C3%A9%E2%80%9D%0A~');
    expect(percentEncodeMessage('plain text')).toBe('plain text');
  });

  it('keeps broken escapes of a peer', () => {
    expect(percentDecodeMessage('a%2')).toBe('a%2');
    expect(percentDecodeMessage('a%zz%41')).toBe('a%zzA');
    expect(percentDecodeMessage('%ff')).toBe('\u{fffd}');
  });

  it('writes details without padding and reads them with', () => {
    const sent = {
      code: StatusCode.Internal,
      message: '',
      details: [{ typeUrl: 'a', value: new Uint8Array(1) }],
    };
    const trailers = statusToTrailers(sent);
    const raw = trailers['grpc-status-details-bin'] ?? '';
    expect(raw).not.toContain('=');
    const padded = raw.padEnd(Math.ceil(raw.length / 4) * 4, '=');
    expect(padded).not.toBe(raw);
    expect(statusFromTrailers({ 'grpc-status': '13', 'grpc-status-details-bin': padded })).toEqual(sent);
  });

  it.each([
    ['rubbish', 'AAAA!!!!'],
    [
      'another code',
      statusToTrailers({ code: 5, message: '', details: [{ typeUrl: 'a', value: new Uint8Array() }] })[
        'grpc-status-details-bin'
      ] ?? '',
    ],
    ['no details inside', 'CA0'],
  ])('ignores details that are %s', (_, details) => {
    expect(
      statusFromTrailers({ 'grpc-status': '13', 'grpc-message': 'm', 'grpc-status-details-bin': details }),
    ).toEqual(status(StatusCode.Internal, 'm'));
  });

  it('is undefined without grpc-status and UNKNOWN when that is no number', () => {
    expect(statusFromTrailers({})).toBeUndefined();
    expect(statusFromTrailers({ 'grpc-status': 'x' })).toEqual(
      status(StatusCode.Unknown, 'malformed grpc-status'),
    );
    expect(statusFromTrailers({ 'grpc-status': '99', 'grpc-message': 'm' })).toEqual(
      status(StatusCode.Unknown, 'm'),
    );
    expect(statusFromTrailers({ 'grpc-status': ['5', '6'] })).toEqual(status(StatusCode.NotFound, ''));
  });

  it('stays within what peers take', () => {
    const long = statusToTrailers(status(StatusCode.Internal, 'é'.repeat(100_000)));
    expect(long['grpc-message']?.length).toBeLessThanOrEqual(protocolLimits.statusMessageBytesMax);
    expect(long['grpc-message']?.endsWith('%C3%A9')).toBe(true);
    expect(percentEncodeMessage('x'.repeat(100_000)).length).toBe(protocolLimits.statusMessageBytesMax);
    const big = statusToTrailers({
      code: StatusCode.Internal,
      message: 'm',
      details: [{ typeUrl: 'a', value: new Uint8Array(100_000) }],
    });
    expect(Object.keys(big)).toEqual(['grpc-status', 'grpc-message']);
  });

  it.each([
    [400, 'Internal'],
    [401, 'Unauthenticated'],
    [403, 'PermissionDenied'],
    [404, 'Unimplemented'],
    [429, 'Unavailable'],
    [502, 'Unavailable'],
    [503, 'Unavailable'],
    [504, 'Unavailable'],
    [200, 'Unknown'],
  ] as const)('of HTTP %i is %s', (http, name) => {
    expect(statusFromHttp(http).code).toBe(StatusCode[name]);
  });
});
