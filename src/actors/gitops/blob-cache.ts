/**
 * Contents of files by the id Git gives them, the ones used last longest: a commit that changes one file of a thousand costs one
 * fetch and one parse. A blob that was read as manifests without fault is remembered as such.
 *
 * B1. What is kept is kept in memory of its own size: the buffer a file was read into may be a small part of a large one.
 * B2. Each blob counts for its bytes and for what it costs to know it, so that many small ones are bounded too.
 */
const blobOverheadBytes = 512;

export interface Blob {
  readonly oid: string;
  readonly bytes: Buffer;
  /** It was read as manifests and nothing was wrong. */
  sound: boolean;
}

export class BlobCache {
  readonly #bytesMax: number;
  readonly #blobs = new Map<string, Blob>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(oid: string): Blob | undefined {
    const blob = this.#blobs.get(oid);
    if (blob === undefined) return undefined;
    this.#blobs.delete(oid);
    this.#blobs.set(oid, blob);
    return blob;
  }

  /** Keeps a blob and lets the ones go that were not used for longest. */
  put(oid: string, bytes: Buffer): Blob {
    const known = this.get(oid);
    if (known !== undefined) return known;
    const blob: Blob = { oid, bytes: exactly(bytes), sound: false };
    if (costOf(blob) > this.#bytesMax) return blob;
    this.#blobs.set(oid, blob);
    this.#bytes += costOf(blob);
    for (const [oldest, old] of this.#blobs) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#blobs.delete(oldest);
      this.#bytes -= costOf(old);
    }
    return blob;
  }
}

/** B2. */
function costOf({ bytes }: Blob): number {
  return bytes.length + blobOverheadBytes;
}

/** B1. */
function exactly(bytes: Buffer): Buffer {
  if (bytes.length === bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}
