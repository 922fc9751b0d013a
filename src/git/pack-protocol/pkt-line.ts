/**
 * Git's pkt-lines: four hexadecimal digits of length, themselves included, then the bytes (`spec/gitlab.md §3.5`).
 *
 * 1. Chunks may be cut anywhere; what is kept between two of them is less than one packet.
 * 2. What is not a pkt-line is refused at its first byte, and so is an end within one.
 */
import { RepositoryFault } from '../objects/index.ts';
import { errorTextCharactersMax, packetBytesMax } from './limits.ts';

/** The bytes of a packet, without its line end; or one of the marks that have no bytes. */
export type Packet =
  | { readonly kind: 'data'; readonly bytes: Buffer }
  /** The end of a list. */
  | { readonly kind: 'flush' }
  /** The end of a section (protocol version 2). */
  | { readonly kind: 'delimiter' };

const none = Buffer.alloc(0);

/** Cuts a stream of chunks into packets. */
export class PacketDecoder {
  #rest: Buffer = none;

  /** The packets that are complete with this chunk. Their bytes are views into it. */
  *push(chunk: Uint8Array): Generator<Packet> {
    const arrived = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const bytes = this.#rest.length === 0 ? arrived : Buffer.concat([this.#rest, arrived]);
    let at = 0;
    while (bytes.length - at >= 4) {
      const length = lengthAt(bytes, at); // 2
      if (length === 0 || length === 1) {
        at += 4;
        yield { kind: length === 0 ? 'flush' : 'delimiter' };
        continue;
      }
      if (bytes.length - at < length) break;
      yield { kind: 'data', bytes: bytes.subarray(at + 4, at + length) };
      at += length;
    }
    // A copy: the chunk it is a view of may be large.
    this.#rest = Buffer.from(bytes.subarray(at)); // 1
  }

  /** Throws when the stream may not end here. */
  end(): void {
    if (this.#rest.length > 0) throw protocolFault('the end came within a packet'); // 2
  }
}

/** The text of a packet, without the line end it may have. Throws what the server says when it says an error. */
export function packetText(bytes: Buffer): string {
  const text = bytes.toString('utf8', 0, bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length);
  if (!text.startsWith('ERR ')) return text;
  throw new RepositoryFault('unavailable', `server says: ${shownText(text.slice('ERR '.length))}`);
}

/** A server's words, fit for a log: short and without control characters. */
export function shownText(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .slice(0, errorTextCharactersMax)
    .trim();
}

/** A packet around a text. */
export function packet(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0'), 'latin1'), bytes]);
}
export const flush = Buffer.from('0000', 'latin1');
export const delimiter = Buffer.from('0001', 'latin1');

/** A server that does not keep to the protocol; it may be another one next time. */
export function protocolFault(what: string): RepositoryFault {
  return new RepositoryFault('unavailable', `unexpected answer of the Git server: ${what}`);
}

function lengthAt(bytes: Buffer, at: number): number {
  let length = 0;
  for (let nth = 0; nth < 4; nth += 1) {
    const digit = hexDigit(bytes[at + nth] ?? 0);
    if (digit < 0) throw protocolFault('this is not the Git protocol');
    length = length * 16 + digit;
  }
  if (length === 2 || length === 3 || length > packetBytesMax)
    throw protocolFault('a packet has an impossible length');
  return length;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
