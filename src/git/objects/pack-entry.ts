/** What a pack says of an object before its data: the type and size, or what it is a delta of. */
import type { ObjectType } from './object.ts';
import { corrupt } from './repository-fault.ts';

export type PackedHeader = {
  /** Bytes of the object, or of the delta. */
  readonly size: number;
  readonly dataAt: number;
} & (
  | { readonly kind: 'whole'; readonly type: ObjectType }
  | { readonly kind: 'deltaOfOffset'; readonly baseOffset: number }
  | { readonly kind: 'deltaOfObject'; readonly baseOid: string }
);

const wholeTypes: Readonly<Record<number, ObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };
/** Seven bits to a byte and never more than 2^53. */
const sizeBytesMax = 8;

/** A header is never longer than this. */
export function packHeaderBytesMax(oidBytes: number): number {
  return 24 + oidBytes;
}

/** Reads the header at the start of `bytes`, which lie in the pack at `offset`. */
export function parsePackHeader(bytes: Buffer, offset: number, oidBytes: number): PackedHeader {
  const first = byteAt(bytes, 0);
  const type = (first >> 4) & 7;
  let size = first & 0x0f;
  let at = 1;
  for (let byte = first, factor = 16; (byte & 0x80) !== 0; at += 1, factor *= 128) {
    if (at > sizeBytesMax) throw corrupt('a packed object has no sensible size');
    byte = byteAt(bytes, at);
    size += (byte & 0x7f) * factor;
  }
  const whole = wholeTypes[type];
  if (whole !== undefined) return { kind: 'whole', type: whole, size, dataAt: offset + at };
  if (type === 6) {
    const { distance, next } = readDistance(bytes, at);
    if (distance <= 0 || distance > offset) throw corrupt('a delta has its base outside the pack');
    return { kind: 'deltaOfOffset', baseOffset: offset - distance, size, dataAt: offset + next };
  }
  if (type === 7) {
    if (bytes.length < at + oidBytes) throw corrupt('a pack ends within a header');
    const baseOid = bytes.toString('hex', at, at + oidBytes);
    return { kind: 'deltaOfObject', baseOid, size, dataAt: offset + at + oidBytes };
  }
  throw corrupt('a packed object has an unknown type');
}

/** Big-endian groups of seven bits where every group but the last counts from one. */
function readDistance(bytes: Buffer, start: number): { distance: number; next: number } {
  let at = start;
  let byte = byteAt(bytes, at);
  let distance = byte & 0x7f;
  while ((byte & 0x80) !== 0) {
    at += 1;
    byte = byteAt(bytes, at);
    distance = (distance + 1) * 128 + (byte & 0x7f);
  }
  return { distance, next: at + 1 };
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw corrupt('a pack ends within a header');
  return byte;
}
