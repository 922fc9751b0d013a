/**
 * Protobuf bytes by hand, field by field from the tables of `spec/wire.md §2`. Nothing here knows a message; nothing is shared
 * with the code under test.
 */

export type Bytes = Buffer;

/** Fields of a message, in the order they are written. */
export function message(...fields: readonly Bytes[]): Bytes {
  return Buffer.concat(fields);
}

export function varint(value: number | bigint): Bytes {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** An int32, int64, bool or enum; written also when it is zero. */
export function int(field: number, value: number | bigint): Bytes {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

/** A string, bytes or message; written also when it is empty. */
export function bytes(field: number, value: Bytes | string = ''): Bytes {
  const content = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

/** A `map<string, Values>`: header and metadata maps (`spec/wire.md §2.2`). */
export function valuesMap(field: number, map: Readonly<Record<string, readonly string[]>>): Bytes {
  return message(
    ...Object.entries(map).map(([key, values]) =>
      bytes(field, message(bytes(1, key), bytes(2, message(...values.map((value) => bytes(1, value)))))),
    ),
  );
}

/** A message as it was read: all values of each field, in order. */
export class Fields {
  readonly #fields = new Map<number, (bigint | Buffer)[]>();
  /** Field numbers in the order they came. */
  readonly order: number[] = [];

  constructor(content: Bytes) {
    let at = 0;
    const read = () => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = content[at++];
        if (byte === undefined) throw new Error('protobuf: message ends within a number');
        value |= BigInt(byte & 127) << shift;
        if (byte < 128) return value;
      }
    };
    while (at < content.length) {
      const tag = Number(read());
      const field = tag >> 3;
      const found = this.#fields.get(field) ?? [];
      this.#fields.set(field, found);
      this.order.push(field);
      if ((tag & 7) === 0) found.push(read());
      else if ((tag & 7) === 2) {
        const length = Number(read());
        found.push(content.subarray(at, (at += length)));
        if (at > content.length) throw new Error('protobuf: message ends within a field');
      } else throw new Error(`protobuf: wire type ${tag & 7} is not used here`);
    }
  }

  has(field: number): boolean {
    return this.#fields.has(field);
  }

  int(field: number): bigint {
    const value = this.#fields.get(field)?.at(-1) ?? 0n;
    if (typeof value !== 'bigint') throw new Error(`protobuf: field ${field} is no number`);
    return value;
  }

  all(field: number): Buffer[] {
    return (this.#fields.get(field) ?? []).map((value) => {
      if (typeof value === 'bigint') throw new Error(`protobuf: field ${field} is a number`);
      return value;
    });
  }

  bytes(field: number): Buffer {
    return this.all(field).at(-1) ?? Buffer.alloc(0);
  }

  text(field: number): string {
    return this.bytes(field).toString();
  }

  sub(field: number): Fields {
    return new Fields(this.bytes(field));
  }

  /** A `map<string, Values>` as a record. */
  map(field: number): Record<string, string[]> {
    return Object.fromEntries(
      this.all(field).map((entry) => {
        const pair = new Fields(entry);
        return [pair.text(1), pair.sub(2).all(1).map(String)];
      }),
    );
  }
}
