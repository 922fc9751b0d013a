/**
 * A pack a remote sent, kept as it came and read by object id.
 *
 * 1. An object is only ever known by the hash of its contents, computed here: a remote cannot put other contents under an id.
 * 2. Bounds hold before memory is taken: objects by the bytes that came, contents by the sizes they declare, unpacking as a
 *    whole by a budget.
 * 3. Deltas are named when an id is looked for that is not there whole, and then all of them, once.
 */
import { createHash } from 'node:crypto';
import { constants, createInflate, inflate } from 'node:zlib';
import {
  applyDelta,
  corrupt,
  deltaSizes,
  type GitObject,
  inflateExactly,
  type ObjectReader,
  type ObjectType,
  type Pack,
  type PackedHeader,
  packHeaderBytesMax,
  type PackPlace,
  parsePackHeader,
  readPackedObject,
  RepositoryFault,
} from '../objects/index.ts';
import { deltaBasesBytesMax, type HttpGitLimits, wholeBytesMax } from './limits.ts';

const headBytes = 12;
/** A header of one byte and the shortest zlib stream. */
const packedBytesMin = 9;
/** What an entry of the index costs, roughly. */
const entryBytes = 200;

export class MemoryPack implements ObjectReader, Pack {
  readonly #bytes: Buffer;
  readonly #oidBytes: 20 | 32;
  readonly #limits: HttpGitLimits;
  readonly #offsets = new Map<string, number>();
  /** Places of deltas without a name yet. */
  #unnamed: number[] = [];
  #naming: Promise<void> | undefined;
  #budget: number;

  private constructor(bytes: Buffer, oidBytes: 20 | 32, limits: HttpGitLimits) {
    this.#bytes = bytes;
    this.#oidBytes = oidBytes;
    this.#limits = limits;
    this.#budget = limits.unpackedBytesMax;
  }

  /** Reads through a pack once. Throws a fault when it is none. */
  static async open(
    bytes: Buffer,
    oidBytes: 20 | 32,
    limits: HttpGitLimits,
    signal: AbortSignal,
  ): Promise<MemoryPack> {
    const pack = new MemoryPack(bytes, oidBytes, limits);
    await pack.#index(signal);
    return pack;
  }

  /** What it costs to keep. */
  get heldBytes(): number {
    return this.#bytes.length + (this.#offsets.size + this.#unnamed.length) * entryBytes;
  }

  async read(oid: string, bytesMax: number): Promise<GitObject | undefined> {
    const offset = await this.#find(oid);
    if (offset === undefined) return undefined;
    return readPackedObject({ pack: this, offset }, (base) => this.#place(base), {
      bytesMax,
      chainBytesMax: this.#limits.objectBytesMax * 16,
      signal: neverAborted,
    });
  }

  async has(oid: string): Promise<boolean> {
    return (await this.#find(oid)) !== undefined;
  }

  header(offset: number): Promise<PackedHeader> {
    return Promise.resolve(this.#header(offset));
  }

  data(header: PackedHeader): Promise<Buffer> {
    return inflateExactly(this.#bytes.subarray(header.dataAt), header.size);
  }

  #header(offset: number): PackedHeader {
    const end = offset + packHeaderBytesMax(this.#oidBytes);
    return parsePackHeader(this.#bytes.subarray(offset, end), offset, this.#oidBytes);
  }

  async #find(oid: string): Promise<number | undefined> {
    const whole = this.#offsets.get(oid);
    if (whole !== undefined || this.#unnamed.length === 0) return whole;
    this.#naming ??= this.#nameDeltas().finally(() => {
      this.#naming = undefined;
    });
    await this.#naming; // 3
    return this.#offsets.get(oid);
  }

  #place(oid: string): Promise<PackPlace | undefined> {
    const offset = this.#offsets.get(oid);
    return Promise.resolve(offset === undefined ? undefined : { pack: this, offset });
  }

  async #index(signal: AbortSignal): Promise<void> {
    const bytes = this.#bytes;
    const version = bytes.length < headBytes ? 0 : bytes.readUInt32BE(4);
    if (bytes.toString('latin1', 0, 4) !== 'PACK' || (version !== 2 && version !== 3)) {
      throw corrupt('what was sent is no pack');
    }
    const count = bytes.readUInt32BE(8);
    const end = bytes.length - this.#oidBytes;
    if (count * packedBytesMin > end - headBytes) throw corrupt('a pack holds less than it says'); // 2
    let at = headBytes;
    for (let nth = 0; nth < count; nth += 1) {
      signal.throwIfAborted();
      const header = this.#header(at);
      this.#spend(header.size);
      const { length, oid } = await this.#pass(header);
      if (length === 0) throw corrupt('a packed object has no data');
      if (oid === undefined) this.#unnamed.push(at);
      else this.#offsets.set(oid, at);
      at = header.dataAt + length;
    }
    if (at !== end) throw corrupt('a pack holds more than it says');
  }

  /** How long the data behind a header is, and the name of the object when it is whole (1). */
  async #pass(header: PackedHeader): Promise<{ length: number; oid: string | undefined }> {
    const data = this.#bytes.subarray(header.dataAt);
    const type = header.kind === 'whole' ? header.type : undefined;
    if (header.size > wholeBytesMax) {
      const hash = type && this.#hash(type, header.size);
      const length = await inflatedLength(data, header.size, (part) => hash?.update(part));
      return { length, oid: hash?.digest('hex') };
    }
    const { contents, length } = await inflateMeasured(data, header.size);
    return { length, oid: type && this.#hash(type, contents.length).update(contents).digest('hex') };
  }

  async #nameDeltas(): Promise<void> {
    const bases = new Bases(deltaBasesBytesMax);
    const places = this.#unnamed;
    // Bases named by id may be deltas that come later in the pack.
    for (let left = places.length + 1; places.length > 0 && places.length < left;) {
      left = places.length;
      const again: number[] = [];
      for (const offset of places) {
        const made = await this.#unfold(offset, bases);
        if (made === 'later') again.push(offset);
        else if (made !== undefined) {
          const { type, bytes } = made;
          this.#offsets.set(this.#hash(type, bytes.length).update(bytes).digest('hex'), offset); // 1
        }
      }
      places.splice(0, places.length, ...again);
    }
    places.length = 0;
  }

  /** The object a delta makes; undefined when it is larger than any that is read. */
  async #unfold(place: number, bases: Bases): Promise<GitObject | 'later' | undefined> {
    const chain: { offset: number; delta: Buffer }[] = [];
    let offset = place;
    let held = 0;
    for (;;) {
      const known = bases.get(offset);
      const header = this.#header(offset);
      if (known !== undefined || header.kind === 'whole') {
        if (known === undefined && header.size > this.#limits.objectBytesMax) return undefined;
        const type = known?.type ?? (header.kind === 'whole' ? header.type : 'blob');
        return this.#apply({ type, bytes: known?.bytes ?? (await this.data(header)) }, chain, bases);
      }
      if (header.size > this.#limits.objectBytesMax) return undefined;
      const delta = await this.data(header);
      const { resultBytes } = deltaSizes(delta);
      if (resultBytes > this.#limits.objectBytesMax) return undefined; // 2
      held += header.size;
      if (held > this.#limits.objectBytesMax * 16) return undefined;
      this.#spend(resultBytes);
      chain.push({ offset, delta });
      const base: number | undefined =
        header.kind === 'deltaOfOffset' ? header.baseOffset : this.#offsets.get(header.baseOid);
      if (base === undefined) return 'later';
      if (base >= offset && header.kind === 'deltaOfOffset') throw corrupt('a delta chain does not end');
      if (chain.length > 4_096) throw corrupt('a delta chain does not end');
      offset = base;
    }
  }

  #apply(base: GitObject, chain: readonly { offset: number; delta: Buffer }[], bases: Bases): GitObject {
    let made = base;
    for (const { offset, delta } of chain.toReversed()) {
      made = { type: base.type, bytes: applyDelta(made.bytes, delta) };
      bases.set(offset, made);
    }
    return made;
  }

  #hash(type: ObjectType, size: number) {
    return createHash(this.#oidBytes === 32 ? 'sha256' : 'sha1').update(`${type} ${size}\0`);
  }

  #spend(bytes: number): void {
    this.#budget -= bytes;
    if (this.#budget >= 0) return;
    throw new RepositoryFault('unavailable', 'what the remote sent unpacks to more than is allowed'); // 2
  }
}

/** Unpacked objects others may be deltas of; the one made longest ago goes first. */
class Bases {
  readonly #bytesMax: number;
  readonly #objects = new Map<number, GitObject>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get(offset: number): GitObject | undefined {
    return this.#objects.get(offset);
  }

  set(offset: number, object: GitObject): void {
    if (this.#objects.has(offset)) return;
    this.#objects.set(offset, object);
    this.#bytes += object.bytes.length;
    for (const [oldest, { bytes }] of this.#objects) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#objects.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }
}

/** Reads are short, and naming serves every reader: neither ends with one of them. */
const neverAborted = new AbortController().signal;
const lenient = { finishFlush: constants.Z_SYNC_FLUSH } as const;

/** Inflates a stream of known length that others follow; tells where it ends. */
function inflateMeasured(data: Buffer, size: number): Promise<{ contents: Buffer; length: number }> {
  const options = {
    ...lenient,
    info: true,
    maxOutputLength: Math.max(1, size),
    // All in one step, with room for the end to be seen.
    chunkSize: Math.max(64, size + 64),
  };
  return new Promise((resolve, reject) => {
    inflate(data, options, (error, result) => {
      const measured = result as unknown as { buffer: Buffer; engine: { bytesWritten: number } } | undefined;
      if (error !== null || measured?.buffer.length !== size) {
        reject(corrupt('an object does not inflate to its size'));
      } else resolve({ contents: measured.buffer, length: measured.engine.bytesWritten });
    });
  });
}

/** The same for large ones: contents pass by in pieces. */
function inflatedLength(data: Buffer, size: number, onPart: (part: Buffer) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = createInflate(lenient);
    let seen = 0;
    const fail = (): void => {
      stream.destroy();
      reject(corrupt('an object does not inflate to its size'));
    };
    stream.on('data', (part: Buffer) => {
      seen += part.length;
      if (seen > size) fail();
      else onPart(part);
    });
    stream.on('error', fail);
    stream.on('end', () => (seen === size ? resolve(stream.bytesWritten) : fail()));
    stream.end(data);
  });
}
