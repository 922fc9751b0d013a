/**
 * HPACK (RFC 7541) as a peer needs it that only wants to be understood: headers are written as literals that are never
 * indexed, and everything a real peer writes is read: static and dynamic table, size updates, Huffman text. Nothing here is
 * shared with the code under test.
 */

/** Name and value, in order; repeated names stay apart. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** RFC 7541 Appendix A, names and values by index from 1. */
const staticTable: HeaderList = (
  ':authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204|' +
  ':status=206|:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate|' +
  'accept-language|accept-ranges|accept|access-control-allow-origin|age|allow|authorization|cache-control|' +
  'content-disposition|content-encoding|content-language|content-length|content-location|content-range|content-type|' +
  'cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|' +
  'last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range|referer|refresh|retry-after|' +
  'server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate'
)
  .split('|')
  .map((entry) => {
    const [name = '', value = ''] = entry.split('=');
    return [name, value] as const;
  });

/** Code lengths of RFC 7541 Appendix B for the characters that headers are made of; the code is canonical. */
const huffmanLengths: Readonly<Record<number, string>> = {
  5: '012aceiost',
  6: ' %-./3456789=A_bdfghlmnpru',
  7: ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz',
  8: '&*,;XZ',
  10: '!"()?',
  11: "'+|",
  12: '#>',
  13: '\0$@[]~',
  14: '^}',
  15: '<`{',
};

const huffman: ReadonlyMap<string, string> = (() => {
  const codes = new Map<string, string>();
  let code = 0;
  for (let length = 1; length <= 15; length++) {
    code *= 2;
    for (const character of huffmanLengths[length] ?? '') {
      codes.set(code.toString(2).padStart(length, '0'), character);
      code += 1;
    }
  }
  return codes;
})();

function unhuffman(bytes: Buffer): string {
  let text = '';
  let bits = '';
  for (const byte of bytes) {
    for (const bit of byte.toString(2).padStart(8, '0')) {
      bits += bit;
      const character = huffman.get(bits);
      if (character === undefined) continue;
      text += character;
      bits = '';
    }
  }
  if (bits.length > 7 || bits.includes('0')) throw new Error(`HPACK: no Huffman code ${bits}`);
  return text;
}

function integer(value: number, prefixBits: number, flags: number): number[] {
  const max = 2 ** prefixBits - 1;
  if (value < max) return [flags | value];
  const bytes = [flags | max];
  let rest = value - max;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([Buffer.from(integer(bytes.length, 7, 0)), bytes]);
}

/** A header block of literals (RFC 7541 §6.2.2). */
export function encodeHeaders(headers: HeaderList): Buffer {
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** Reads the header blocks of one connection, in order. */
export class HeaderDecoder {
  readonly #dynamic: (readonly [string, string])[] = [];
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #sizeMax = 4096;

  decode(block: Buffer): HeaderList {
    this.#bytes = block;
    this.#at = 0;
    const headers: (readonly [string, string])[] = [];
    while (this.#at < block.length) {
      const first = block[this.#at] ?? 0;
      if (first & 0x80) headers.push(this.#entry(this.#integer(7)));
      else if (first & 0x40) {
        const header = this.#literal(6);
        this.#dynamic.unshift(header);
        this.#evict();
        headers.push(header);
      } else if (first & 0x20) {
        this.#sizeMax = this.#integer(5);
        this.#evict();
      } else headers.push(this.#literal(4));
    }
    return headers;
  }

  #literal(prefixBits: number): readonly [string, string] {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#text() : this.#entry(index)[0];
    return [name, this.#text()];
  }

  #entry(index: number): readonly [string, string] {
    const entry = staticTable[index - 1] ?? this.#dynamic[index - 1 - staticTable.length];
    if (entry === undefined) throw new Error(`HPACK: no entry ${index}`);
    return entry;
  }

  #integer(prefixBits: number): number {
    const max = 2 ** prefixBits - 1;
    let value = (this.#bytes[this.#at++] ?? 0) & max;
    if (value < max) return value;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  #text(): string {
    const coded = ((this.#bytes[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    const bytes = this.#bytes.subarray(this.#at, (this.#at += length));
    return coded ? unhuffman(bytes) : bytes.toString('latin1');
  }

  #evict(): void {
    let size = this.#dynamic.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    while (size > this.#sizeMax) {
      const [name, value] = this.#dynamic.pop() ?? ['', ''];
      size -= name.length + value.length + 32;
    }
  }
}
