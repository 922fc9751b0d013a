/** Git's delta format: a new version as copies from an old one and inserted bytes. */
import { corrupt } from './repository-fault.ts';

export interface DeltaSizes {
  readonly baseBytes: number;
  readonly resultBytes: number;
  /** Where the instructions begin. */
  readonly instructionsAt: number;
}

/** Reads the two sizes a delta starts with, so that a limit can be checked before anything is made of it. */
export function deltaSizes(delta: Buffer): DeltaSizes {
  const base = readSize(delta, 0);
  const result = readSize(delta, base.next);
  return { baseBytes: base.value, resultBytes: result.value, instructionsAt: result.next };
}

export function applyDelta(base: Buffer, delta: Buffer): Buffer {
  const { baseBytes, resultBytes, instructionsAt } = deltaSizes(delta);
  if (baseBytes !== base.length) throw corrupt('a delta does not fit its base');
  const result = Buffer.allocUnsafe(resultBytes);
  let at = instructionsAt;
  let filled = 0;
  while (at < delta.length) {
    const instruction = delta[at] ?? 0;
    at += 1;
    if (instruction === 0) throw corrupt('a delta has an unknown instruction');
    const copies = (instruction & 0x80) !== 0;
    const source = copies
      ? readCopy(delta, at, instruction)
      : { next: at + instruction, from: at, length: instruction };
    const from = copies ? base : delta;
    if (source.from + source.length > from.length || filled + source.length > resultBytes) {
      throw corrupt('a delta reaches beyond its base or result');
    }
    from.copy(result, filled, source.from, source.from + source.length);
    filled += source.length;
    at = source.next;
  }
  if (filled !== resultBytes) throw corrupt('a delta makes too few bytes');
  return result;
}

/** A copy instruction names its offset in up to four bytes and its length in up to three; absent bytes are zero. */
function readCopy(
  delta: Buffer,
  start: number,
  instruction: number,
): { next: number; from: number; length: number } {
  let next = start;
  let from = 0;
  let length = 0;
  for (let byte = 0; byte < 7; byte += 1) {
    if ((instruction & (1 << byte)) === 0) continue;
    const value = delta[next];
    if (value === undefined) throw corrupt('a delta ends within an instruction');
    next += 1;
    if (byte < 4) from += value * 2 ** (8 * byte);
    else length += value * 2 ** (8 * (byte - 4));
  }
  return { next, from, length: length === 0 ? 0x10000 : length };
}

function readSize(delta: Buffer, start: number): { value: number; next: number } {
  let value = 0;
  for (let at = start, factor = 1; at < start + 7; at += 1, factor *= 128) {
    const byte = delta[at];
    if (byte === undefined) break;
    value += (byte & 0x7f) * factor;
    if ((byte & 0x80) === 0) return { value, next: at + 1 };
  }
  throw corrupt('a delta has no sizes');
}
