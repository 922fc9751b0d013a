/** A reader of protobuf bytes that shares nothing with the product: fields by number, the last one wins. */
export type Field = bigint | Buffer;

export function readFields(bytes: Field | undefined): Map<number, Field> {
  if (!Buffer.isBuffer(bytes)) throw new Error('not a message');
  const fields = new Map<number, Field>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('cut in a varint');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    if ((tag & 7) === 0) fields.set(tag >> 3, varint());
    else if ((tag & 7) === 2) {
      const length = Number(varint());
      if (at + length > bytes.length) throw new Error('cut in a field');
      fields.set(tag >> 3, bytes.subarray(at, (at += length)));
    } else throw new Error(`wire type ${tag & 7}`);
  }
  return fields;
}

export function textOf(field: Field | undefined): string {
  if (!Buffer.isBuffer(field)) throw new Error('not a text');
  return field.toString('utf8');
}
