/**
 * The name a secret has in the shared store (`spec/wire.md §8`): SHA-256 over the first half of its bytes, so that the store
 * never holds enough to guess the whole. Two secrets with the same first half share a name, as with the originals.
 */
import { createHash } from 'node:crypto';

/** 32 raw bytes, one character (`latin1`) per byte. */
export function secretKey(secret: string): string {
  return createHash('sha256').update(firstHalf(secret)).digest('latin1');
}

/** The first ⌊n/2⌋ of the n bytes of a text. */
export function firstHalf(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return bytes.subarray(0, Math.floor(bytes.length / 2));
}
