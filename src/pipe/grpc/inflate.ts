/**
 * Inflating one gzip message with a bound. Go's agentk compresses every message it sends (spec/wire.md §4.4), so this
 * must be cheap for small ones. It runs inline: order is kept for free, and the bound keeps the stall near 10 ms.
 */
import { gunzipSync } from 'node:zlib';
import { status, StatusCode } from '../../protocol/index.ts';
import type { RpcStatus } from '../../protocol/index.ts';

type Inflated =
  | { readonly kind: 'ok'; readonly payload: Buffer }
  | { readonly kind: 'refused'; readonly status: RpcStatus };

const chunkBytesMin = 64; // zlib refuses less
const chunkBytesMax = 64 * 1024;

/** The inflated message, or what the peer gets: RESOURCE_EXHAUSTED above the limit, INTERNAL for what is not gzip. */
export function inflate(payload: Buffer, bytesMax: number): Inflated {
  try {
    const chunkSize = Math.min(chunkBytesMax, Math.max(chunkBytesMin, announcedBytes(payload) + 1));
    return { kind: 'ok', payload: gunzipSync(payload, { maxOutputLength: bytesMax, chunkSize }) };
  } catch (error) {
    if (error instanceof RangeError) {
      const text = `grpc: received message after decompression larger than max (${bytesMax + 1} vs. ${bytesMax})`;
      return { kind: 'refused', status: status(StatusCode.ResourceExhausted, text) };
    }
    const why = error instanceof Error ? error.message : 'malformed';
    const text = `grpc: failed to decompress the received message: ${why}`;
    return { kind: 'refused', status: status(StatusCode.Internal, text) };
  }
}

/** The size in the gzip trailer; only a hint for the first output buffer, a peer may lie. */
function announcedBytes(payload: Buffer): number {
  return payload.length >= 18 ? payload.readUInt32LE(payload.length - 4) : 0;
}
