/**
 * Writes gRPC frames with protobuf messages in them into one scratch buffer and hands out a copy of exactly the bytes
 * written. Lengths stand before their contents, so `open` leaves room for a length of the guessed size and `close` fills
 * it in, shifting the contents by a byte or two when the guess was wrong. That is one pass over the data and no object
 * per field.
 *
 * 1. Everything between `begin` and `take` is synchronous: the one writer of the process is never shared by two encoders.
 * 2. Lengths are minimal varints, so the bytes equal those of the generated code.
 * 3. The scratch buffer grows to what one message needs and shrinks back when that was unusually much.
 */
import { frameHeaderBytes, scratchBytes, scratchBytesMax } from './limits.ts';

/** Bytes of a number below 2^28 as a varint. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20_0000 ? 3 : 4;
}

/** Writes a varint below 2^28 and answers the position behind it. */
export function putVarint(bytes: Buffer, at: number, value: number): number {
  let rest = value;
  let position = at;
  while (rest > 0x7f) {
    bytes[position++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[position++] = rest;
  return position;
}

/** Text up to this many characters is written by a loop: cheaper than a call into native code. */
const shortText = 24;

class FrameWriter {
  #bytes = Buffer.allocUnsafeSlow(scratchBytes);
  #at = 0;
  #frame = 0;

  /** Starts a frame; its contents follow. */
  begin(): void {
    this.#reserve(frameHeaderBytes);
    this.#frame = this.#at;
    this.#at += frameHeaderBytes;
  }

  /** Ends the frame: uncompressed, length in its five bytes of header. `more` bytes of contents follow separately. */
  end(more = 0): void {
    this.#bytes[this.#frame] = 0;
    this.#bytes.writeUInt32BE(this.#at - this.#frame - frameHeaderBytes + more, this.#frame + 1);
  }

  /** The finished frames as one buffer of their own; the writer is empty again (invariants 1 and 3). */
  take(): Buffer {
    const frames = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(frames, 0, 0, this.#at);
    this.#at = 0;
    if (this.#bytes.length > scratchBytesMax) this.#bytes = Buffer.allocUnsafeSlow(scratchBytes);
    return frames;
  }

  /** Starts a length-delimited field and answers where its length stands; `guess` is the expected size of the length. */
  open(tag: number, guess: number): number {
    this.#reserve(5);
    this.#bytes[this.#at] = tag;
    const lengthAt = this.#at + 1;
    this.#at = lengthAt + guess;
    return lengthAt;
  }

  /** Ends the field opened at `lengthAt` with the same guess (invariant 2). */
  close(lengthAt: number, guess: number): void {
    const contentAt = lengthAt + guess;
    const length = this.#at - contentAt;
    const needed = varintBytes(length);
    if (needed !== guess) {
      this.#reserve(4);
      this.#bytes.copyWithin(lengthAt + needed, contentAt, this.#at);
      this.#at += needed - guess;
    }
    putVarint(this.#bytes, lengthAt, length);
  }

  /** Tag and length of a field whose `length` bytes of contents are written elsewhere, or next. */
  head(tag: number, length: number): void {
    this.#reserve(5);
    this.#bytes[this.#at++] = tag;
    this.#at = putVarint(this.#bytes, this.#at, length);
  }

  /** A string field. Lone surrogates become U+FFFD. */
  text(tag: number, value: string): void {
    const length = value.length;
    this.#reserve(length * 3 + 6);
    const bytes = this.#bytes;
    bytes[this.#at] = tag;
    if (length <= shortText) {
      let at = this.#at + 2;
      let all = 0;
      for (let i = 0; i < length; i++) {
        const code = value.charCodeAt(i);
        all |= code;
        bytes[at++] = code;
      }
      if (all < 0x80) {
        bytes[this.#at + 1] = length;
        this.#at = at;
        return;
      }
    }
    const guess = varintBytes(length);
    const lengthAt = this.#at + 1;
    this.#at = lengthAt + guess;
    this.#at += bytes.write(value, this.#at, 'utf8');
    this.close(lengthAt, guess);
  }

  /** A bytes field. */
  bytes(tag: number, value: Uint8Array): void {
    this.head(tag, value.length);
    this.raw(value);
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** An int32 or int64 field; negative numbers take ten bytes. */
  integer(tag: number, value: number | bigint): void {
    this.#reserve(11);
    this.#bytes[this.#at++] = tag;
    if (typeof value === 'number' && value >= 0 && value < 0x1000_0000) {
      this.#at = putVarint(this.#bytes, this.#at, value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.#bytes[this.#at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#at++] = Number(rest);
  }

  #reserve(more: number): void {
    const needed = this.#at + more;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

export const frameWriter = new FrameWriter();
