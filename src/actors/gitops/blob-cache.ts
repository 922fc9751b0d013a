/**
 * Contents of files by the id Git gives them, the ones used last longest: a commit that changes one file of a thousand costs one
 * fetch and one parse. A blob that was read as manifests without fault is remembered as such.
 */
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
    const blob: Blob = { oid, bytes, sound: false };
    if (bytes.length > this.#bytesMax) return blob;
    this.#blobs.set(oid, blob);
    this.#bytes += bytes.length;
    for (const [oldest, { bytes: old }] of this.#blobs) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#blobs.delete(oldest);
      this.#bytes -= old.length;
    }
    return blob;
  }
}
