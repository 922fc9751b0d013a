/**
 * Writing gRPC frames: one flag byte, four bytes of length, the message. Only typed messages are ever compressed: what goes
 * through a tunnel is mostly compressed already by those who made it, and both originals read uncompressed messages on
 * any stream (spec/wire.md §16).
 */
import { constants, gzipSync } from 'node:zlib';
import { gzipBytes } from './limits.ts';

/** Bytes in front of every message. */
export const framePrefixBytes = 5;

/** One message as a frame. The payload is copied. */
export function frame(payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(framePrefixBytes + payload.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(payload.length, 1);
  bytes.set(payload, framePrefixBytes);
  return bytes;
}

/** One message as a frame of a stream whose `grpc-encoding` is gzip: compressed where that makes it smaller. */
export function gzipFrame(payload: Buffer): Buffer {
  if (payload.length < gzipBytes.min || payload.length > gzipBytes.max) return frame(payload);
  const squeezed = gzipSync(payload, { level: constants.Z_BEST_SPEED });
  if (squeezed.length >= payload.length) return frame(payload);
  const bytes = frame(squeezed);
  bytes[0] = 1;
  return bytes;
}

/** Several messages as frames in one buffer, so that they leave in one write. */
export function frames(list: readonly Buffer[]): Buffer {
  let total = 0;
  for (const payload of list) total += framePrefixBytes + payload.length;
  const bytes = Buffer.allocUnsafe(total);
  let at = 0;
  for (const payload of list) {
    bytes[at] = 0;
    bytes.writeUInt32BE(payload.length, at + 1);
    bytes.set(payload, at + framePrefixBytes);
    at += framePrefixBytes + payload.length;
  }
  return bytes;
}

/** How many messages a buffer of complete frames holds. */
export function countFrames(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at + framePrefixBytes <= bytes.length; count += 1) {
    at += framePrefixBytes + bytes.readUInt32BE(at + 1);
  }
  return count;
}
