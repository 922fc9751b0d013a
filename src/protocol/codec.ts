/**
 * Encoding and decoding of messages with the generated schemas. The hot tunnel envelopes have their own codec in
 * `envelope/`; everything else comes through here.
 *
 * 1. Text that is not valid UTF-8 is refused in both directions, as Go does (spec/wire.md §0).
 * 2. `decode` throws on bytes that are not the message; bytes from peers go through `decodeFromPeer`.
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { status, StatusCode } from './status.ts';
import type { RpcStatus } from './status.ts';

/** The encoded message. Throws when a string in it is not well formed (invariant 1). */
export function encode<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): Buffer {
  const bytes = toBinary(schema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The decoded message. Throws when the bytes are malformed (invariant 2). */
export function decode<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  return fromBinary(schema, bytes);
}

/** What came out of bytes a peer sent: the message, or the INTERNAL status gRPC gives for malformed ones. */
export type Decoded<Desc extends DescMessage> =
  | { readonly kind: 'ok'; readonly message: MessageShape<Desc> }
  | { readonly kind: 'malformed'; readonly status: RpcStatus };

/** Decodes bytes of a peer without throwing; the status text is that of spec/wire.md §0. */
export function decodeFromPeer<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): Decoded<Desc> {
  try {
    return { kind: 'ok', message: fromBinary(schema, bytes) };
  } catch (error) {
    const why = error instanceof Error ? error.message : 'malformed';
    return {
      kind: 'malformed',
      status: status(StatusCode.Internal, `grpc: failed to unmarshal the received message: ${why}`),
    };
  }
}
