import { describe, expect, it } from 'vitest';
import { create } from '@bufbuild/protobuf';
import {
  decode,
  decodeFromPeer,
  encode,
  RegisterRequestSchema,
  StatusCode,
  TunnelMessageSchema,
} from '../../src/protocol/index.ts';

describe('codec', () => {
  it('encodes into a Buffer', () => {
    expect(Buffer.isBuffer(encode(TunnelMessageSchema, create(TunnelMessageSchema)))).toBe(true);
  });

  it('keeps 64-bit numbers exact', () => {
    const podId = 9_223_372_036_854_775_807n;
    const bytes = encode(RegisterRequestSchema, create(RegisterRequestSchema, { podId }));
    expect(decode(RegisterRequestSchema, bytes).podId).toBe(podId);
  });

  it('reads a message of a peer', () => {
    expect(decodeFromPeer(RegisterRequestSchema, Buffer.from('1005', 'hex'))).toMatchObject({
      kind: 'ok',
      message: { podId: 5n },
    });
  });

  it.each([
    ['cut short', '0a05'],
    ['a group without end', '0b'],
    ['text that is not UTF-8', '0a030a01ff'],
  ])('turns malformed bytes of a peer into INTERNAL: %s', (_, hex) => {
    const decoded = decodeFromPeer(RegisterRequestSchema, Buffer.from(hex, 'hex'));
    expect(decoded).toMatchObject({ kind: 'malformed', status: { code: StatusCode.Internal } });
    if (decoded.kind === 'malformed') {
      expect(decoded.status.message).toMatch(/^grpc: failed to unmarshal the received message: ./);
    }
  });
});
