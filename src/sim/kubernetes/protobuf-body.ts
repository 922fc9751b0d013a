/**
 * Kubernetes Protobuf bodies to JSON: some kubectl commands (`create namespace`, `auth can-i`, …) send nothing else.
 * Answers are always JSON, which the same commands accept.
 *
 * B1. Go writes zero values of plain fields, which JSON leaves out: they are dropped, but for counts that may be zero.
 * B2. A field that is not in the table refuses the body rather than losing what it says.
 */
import { setEntry, type JsonObject } from './json.ts';
import { limits } from './limits.ts';
import { protobufFields } from './protobuf-fields.ts';

interface Field {
  readonly name: string;
  readonly type: string;
  readonly shape: 'one' | 'list' | 'map';
}

const tables = new Map<string, ReadonlyMap<number, Field>>(
  Object.entries(protobufFields).map(([message, text]) => [message, new Map(text.split(';').map(fieldOf))]),
);

function fieldOf(text: string): readonly [number, Field] {
  const [number = '', name = '', type = ''] = text.trim().split(/\s+/);
  const shape = type.startsWith('*') ? 'list' : type.startsWith('%') ? 'map' : 'one';
  return [Number(number), { name, shape, type: shape === 'one' ? type : type.slice(1) }];
}

/** Embedded structs, whose fields stand beside their neighbours in JSON. */
const inline = new Set(['volumeSource', 'handler', 'localObjectReference']);
/** Counts for which zero is a wish. */
const mayBeZero = new Set([
  'replicas',
  'gracePeriodSeconds',
  'terminationGracePeriodSeconds',
  'backoffLimit',
  'parallelism',
  'revisionHistoryLimit',
  'partition',
]);

class Malformed extends Error {}

class Reader {
  private readonly bytes: Buffer;
  private offset = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get ended(): boolean {
    return this.offset >= this.bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.offset];
      if (byte === undefined) break;
      this.offset += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
    }
    throw new Malformed('broken number');
  }

  chunk(): Buffer {
    const length = Number(this.varint());
    if (length < 0 || this.offset + length > this.bytes.length) throw new Malformed('broken length');
    this.offset += length;
    return this.bytes.subarray(this.offset - length, this.offset);
  }

  /** The next field: its number and its value, a number or bytes. */
  field(): readonly [number, bigint | Buffer] {
    const tag = Number(this.varint());
    const wire = tag & 7;
    if (wire === 0) return [tag >>> 3, this.varint()];
    if (wire === 2) return [tag >>> 3, this.chunk()];
    throw new Malformed('unknown wire type');
  }
}

function entriesOf(bytes: Buffer): ReadonlyMap<number, bigint | Buffer> {
  const found = new Map<number, bigint | Buffer>();
  for (const reader = new Reader(bytes); !reader.ended;) found.set(...reader.field());
  return found;
}

const textOf = (value: bigint | Buffer | undefined) => (Buffer.isBuffer(value) ? value.toString() : '');
const numberOf = (value: bigint | Buffer | undefined) => (typeof value === 'bigint' ? Number(value) : 0);

/** Messages whose JSON is not an object of their fields; undefined stands for "not said". */
const special: Readonly<Record<string, (fields: ReadonlyMap<number, bigint | Buffer>) => unknown>> = {
  Time: (fields) =>
    fields.size === 0
      ? undefined
      : new Date(numberOf(fields.get(1)) * 1_000).toISOString().replace('.000Z', 'Z'),
  MicroTime: (fields) =>
    fields.size === 0
      ? undefined
      : new Date(numberOf(fields.get(1)) * 1_000 + numberOf(fields.get(2)) / 1e6).toISOString(),
  Quantity: (fields) => textOf(fields.get(1)),
  IntOrString: (fields) => (numberOf(fields.get(1)) === 0 ? numberOf(fields.get(2)) : textOf(fields.get(3))),
  FieldsV1: (fields) => JSON.parse(textOf(fields.get(1)) || '{}') as unknown,
};

function valueOf(field: Field, raw: bigint | Buffer, depth: number): unknown {
  switch (field.type) {
    case 's':
      return textOf(raw);
    case 'b':
      return numberOf(raw) !== 0;
    case 'i':
      return numberOf(raw);
    case 'y':
      return Buffer.isBuffer(raw) ? raw.toString('base64') : '';
    case 'ExtraValue':
      return Buffer.isBuffer(raw) ? (message('ExtraValue', raw, depth)['items'] ?? []) : [];
    default: {
      if (!Buffer.isBuffer(raw)) throw new Malformed(`${field.name} is no message`);
      const make = special[field.type];
      return make === undefined ? message(field.type, raw, depth) : make(entriesOf(raw));
    }
  }
}

/** B1. */
function isSaid(field: Field, value: unknown): boolean {
  if (value === undefined || value === '' || value === false) return false;
  if (value === 0) return mayBeZero.has(field.name);
  return typeof value !== 'object' || Object.keys(value ?? {}).length > 0 || field.name === 'emptyDir';
}

function message(type: string, bytes: Buffer, depth: number): JsonObject {
  const table = tables.get(type);
  if (table === undefined || depth > limits.depthMax) throw new Malformed(`cannot read ${type}`);
  const object: JsonObject = {};
  for (const reader = new Reader(bytes); !reader.ended;) {
    const [number, raw] = reader.field();
    const field = table.get(number);
    if (field === undefined) {
      if (raw === 0n || (Buffer.isBuffer(raw) && raw.length === 0)) continue;
      throw new Malformed(`${type} has an unknown field ${number}`); // B2
    }
    if (field.type !== '-') take(object, field, raw, depth);
  }
  return object;
}

function take(object: JsonObject, field: Field, raw: bigint | Buffer, depth: number): void {
  if (field.shape === 'map') {
    const entry = entriesOf(Buffer.isBuffer(raw) ? raw : Buffer.alloc(0));
    const map = (object[field.name] ??= {}) as JsonObject;
    setEntry(map, textOf(entry.get(1)), valueOf(field, entry.get(2) ?? Buffer.alloc(0), depth + 1));
    return;
  }
  const value = valueOf(field, raw, depth + 1);
  if (field.shape === 'list') ((object[field.name] ??= []) as unknown[]).push(value);
  else if (inline.has(field.name)) Object.assign(object, value);
  else if (isSaid(field, value)) object[field.name] = value;
}

const magic = Buffer.from('k8s\0');

/** Decodes a body of `application/vnd.kubernetes.protobuf`; a string says why it cannot. */
export function decodeProtobuf(bytes: Buffer): JsonObject | string {
  if (!bytes.subarray(0, 4).equals(magic)) return 'the body lacks the Kubernetes Protobuf prefix';
  try {
    const envelope = entriesOf(bytes.subarray(4));
    const typeMeta = envelope.get(1);
    const named = entriesOf(Buffer.isBuffer(typeMeta) ? typeMeta : Buffer.alloc(0));
    const kind = textOf(named.get(2));
    const raw = envelope.get(2);
    const body = message(kind, Buffer.isBuffer(raw) ? raw : Buffer.alloc(0), 0);
    return { apiVersion: textOf(named.get(1)), kind, ...body };
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError || error instanceof RangeError)
      return error.message;
    throw error;
  }
}
