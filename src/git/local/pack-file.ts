/**
 * One pack and its index, read by position: looking up an object costs three small reads whatever the pack's size, so a
 * repository of many gigabytes needs no more memory than a small one. Index version 2, object ids of 20 or 32 bytes.
 */
import { type FileHandle, open } from 'node:fs/promises';
import {
  inflateExactly,
  type Pack,
  type PackedHeader,
  packHeaderBytesMax,
  parsePackHeader,
  RepositoryFault,
} from '../objects/index.ts';
import { readAt, readExactly } from './bounded-file.ts';

const indexHeaderBytes = 8;
const fanoutBytes = 256 * 4;
/** Names are searched by halves down to a block of this size, which is read at once. */
const nameBlockBytes = 4_096;

export class PackFile implements Pack {
  readonly #index: FileHandle;
  readonly #pack: FileHandle;
  readonly #fanout: Buffer;
  readonly #oidBytes: number;

  private constructor(index: FileHandle, pack: FileHandle, fanout: Buffer, oidBytes: number) {
    this.#index = index;
    this.#pack = pack;
    this.#fanout = fanout;
    this.#oidBytes = oidBytes;
  }

  /** `indexPath` ends in `.idx`; the pack lies beside it. */
  static async open(indexPath: string, oidBytes: number): Promise<PackFile> {
    const index = await open(indexPath, 'r');
    let pack: FileHandle | undefined;
    try {
      const head = await readExactly(index, 0, indexHeaderBytes + fanoutBytes);
      if (head.readUInt32BE(0) !== 0xff744f63 || head.readUInt32BE(4) !== 2) {
        throw new RepositoryFault('invalid', 'pack index is not of version 2');
      }
      pack = await open(`${indexPath.slice(0, -'.idx'.length)}.pack`, 'r');
      return new PackFile(index, pack, head.subarray(indexHeaderBytes), oidBytes);
    } catch (error) {
      await index.close();
      await pack?.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#index.close(), this.#pack.close()]);
  }

  /** Where the object begins in the pack. */
  async find(oid: Buffer): Promise<number | undefined> {
    const first = oid[0] ?? 0;
    const low = first === 0 ? 0 : this.#fanout.readUInt32BE((first - 1) * 4);
    const high = this.#fanout.readUInt32BE(first * 4);
    if (high <= low) return undefined;
    const width = this.#oidBytes;
    const namesAt = indexHeaderBytes + fanoutBytes;
    let from = low;
    let to = high;
    while ((to - from) * width > nameBlockBytes) {
      const middle = (from + to) >>> 1;
      const name = await readExactly(this.#index, namesAt + middle * width, width);
      if (oid.compare(name) < 0) to = middle;
      else from = middle;
    }
    const names = await readExactly(this.#index, namesAt + from * width, (to - from) * width);
    for (let nth = from, at = 0; nth < to; nth += 1, at += width) {
      if (names.compare(oid, 0, width, at, at + width) === 0) return this.#offset(nth);
    }
    return undefined;
  }

  /** The 31-bit offset of the n-th object, or the 64-bit one it points at in packs beyond 2 GiB. */
  async #offset(nth: number): Promise<number> {
    const count = this.#fanout.readUInt32BE(255 * 4);
    const offsetsAt = indexHeaderBytes + fanoutBytes + count * (this.#oidBytes + 4);
    const offset = (await readExactly(this.#index, offsetsAt + nth * 4, 4)).readUInt32BE(0);
    if (offset < 0x80000000) return offset;
    const wideAt = offsetsAt + count * 4 + (offset - 0x80000000) * 8;
    return Number((await readExactly(this.#index, wideAt, 8)).readBigUInt64BE(0));
  }

  async header(offset: number): Promise<PackedHeader> {
    const bytes = await readAt(this.#pack, offset, packHeaderBytesMax(this.#oidBytes));
    return parsePackHeader(bytes, offset, this.#oidBytes);
  }

  /** The inflated data behind a header. */
  async data(header: PackedHeader): Promise<Buffer> {
    // What zlib can make at most of so many bytes, plus room for encoders less tight than zlib.
    const bound = header.size + (header.size >> 9) + 256;
    return inflateExactly(await readAt(this.#pack, header.dataAt, bound), header.size);
  }
}
