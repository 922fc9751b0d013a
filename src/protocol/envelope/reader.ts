/**
 * A strict, bounded reader of the shapes hot messages normally have. It accepts less than protobuf allows; for whatever
 * it does not accept, the caller asks the generated decoder, which alone decides what is malformed.
 *
 * 1. No read passes the end: every length is checked against the end of what contains it before it is used.
 * 2. A failure is remembered (`failed`) instead of thrown; results after it mean nothing and are thrown away.
 * 3. Text is valid UTF-8, checked for every string.
 */
import { isUtf8 } from 'node:buffer';
import { fastLengthMax } from './limits.ts';

const keyTag = 0x0a;
const valueTag = 0x12;
const elementTag = 0x0a;

export class Reader {
  #bytes: Buffer;
  at: number;
  failed = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.at = 0;
  }

  get size(): number {
    return this.#bytes.length;
  }

  /** The next byte, which must be a one-byte tag; the caller compares it. */
  tag(end: number): number {
    if (this.at >= end) return this.#fail();
    return this.#bytes[this.at++] ?? 0;
  }

  /** A non-negative varint below 2^28. */
  varint(end: number): number {
    let value = 0;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.at >= end) return this.#fail();
      const byte = this.#bytes[this.at++] ?? 0;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return this.#fail();
  }

  /** An int64 as a number; beyond 2^53 it loses precision. */
  int64(end: number): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= end) return this.#fail();
      const byte = this.#bytes[this.at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    return this.#fail();
  }

  /** A length; answers where its contents end (invariant 1). */
  contents(end: number): number {
    const length = this.varint(end);
    const contentEnd = this.at + length;
    if (length > fastLengthMax || contentEnd > end) return this.#fail();
    return contentEnd;
  }

  /** A length whose contents reach exactly to `end`. */
  rest(end: number): void {
    if (this.contents(end) !== end) this.#fail();
  }

  /** The bytes up to `end`, a view. */
  view(end: number): Buffer {
    const start = this.at;
    this.at = end;
    return this.#bytes.subarray(start, end);
  }

  /** A string with its length (invariant 3). */
  text(end: number): string {
    const textEnd = this.contents(end);
    if (this.failed) return '';
    const start = this.at;
    this.at = textEnd;
    const text = this.#bytes.toString(undefined, start, textEnd);
    if (text.includes('\ufffd') && !isUtf8(this.#bytes.subarray(start, textEnd))) this.#fail();
    return text;
  }

  /** One entry of a map<string, Values>, added to `pairs` once per value. */
  entry(end: number, pairs: string[]): void {
    const entryEnd = this.contents(end);
    if (this.tag(entryEnd) !== keyTag) this.#fail();
    const name = this.text(entryEnd);
    if (this.tag(entryEnd) !== valueTag) this.#fail();
    this.rest(entryEnd);
    if (this.at === entryEnd) this.#fail();
    while (!this.failed && this.at < entryEnd) {
      if (this.tag(entryEnd) !== elementTag) this.#fail();
      pairs.push(name, this.text(entryEnd));
    }
  }

  /** The caller met something unusual. */
  refuse(): void {
    this.#fail();
  }

  #fail(): number {
    this.failed = true;
    this.at = this.#bytes.length;
    return 0;
  }
}
