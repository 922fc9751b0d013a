/** A fetched commit: what came with it, and what of its files was asked for later. */
import type { GitObject, ObjectReader } from '../objects/index.ts';
import type { MemoryPack } from './memory-pack.ts';

/** Fetches an object the first pack left out; undefined when the remote leaves nothing out. */
export type FetchMissing = (oid: string, bytesMax: number) => Promise<MemoryPack>;

export class Snapshot implements ObjectReader {
  readonly #packs: MemoryPack[];
  readonly #fetchMissing: FetchMissing | undefined;
  readonly #onGrown: (bytes: number) => void;

  constructor(pack: MemoryPack, fetchMissing: FetchMissing | undefined, onGrown: (bytes: number) => void) {
    this.#packs = [pack];
    this.#fetchMissing = fetchMissing;
    this.#onGrown = onGrown;
  }

  get heldBytes(): number {
    return this.#packs.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  }

  /** Of these objects, those that were left out and not asked for yet. */
  async lacking(oids: Iterable<string>): Promise<readonly string[]> {
    if (this.#fetchMissing === undefined) return [];
    const lacking = new Set(oids);
    for (const oid of lacking) {
      for (const pack of this.#packs) if (await pack.has(oid)) lacking.delete(oid);
    }
    return [...lacking];
  }

  /** Keeps objects that were fetched for it. */
  add(pack: MemoryPack): void {
    if (this.#packs.includes(pack)) return;
    this.#packs.push(pack);
    this.#onGrown(pack.heldBytes);
  }

  async read(oid: string, bytesMax: number): Promise<GitObject | undefined> {
    for (const pack of this.#packs) {
      const object = await pack.read(oid, bytesMax);
      if (object !== undefined) return object;
    }
    if (this.#fetchMissing === undefined) return undefined;
    const pack = await this.#fetchMissing(oid, bytesMax);
    const object = await pack.read(oid, bytesMax);
    if (object !== undefined) this.add(pack);
    return object;
  }
}
