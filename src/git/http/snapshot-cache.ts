/** Fetched commits of all remotes, bounded by what they hold; the one used longest ago goes first. */
import type { Snapshot } from './snapshot.ts';

export class SnapshotCache {
  readonly #bytesMax: number;
  readonly #snapshots = new Map<string, Snapshot>();
  #heldBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }
  get count(): number {
    return this.#snapshots.size;
  }

  get(key: string): Snapshot | undefined {
    const found = this.#snapshots.get(key);
    if (found === undefined) return undefined;
    this.#snapshots.delete(key);
    this.#snapshots.set(key, found);
    return found;
  }

  set(key: string, snapshot: Snapshot): void {
    this.#remove(key);
    this.#snapshots.set(key, snapshot);
    this.#heldBytes += snapshot.heldBytes;
    this.#makeRoom();
  }

  /** A snapshot that is still kept has grown. */
  grown(key: string, snapshot: Snapshot, bytes: number): void {
    if (this.#snapshots.get(key) !== snapshot) return;
    this.#heldBytes += bytes;
    this.#makeRoom();
  }

  #makeRoom(): void {
    for (const key of this.#snapshots.keys()) {
      if (this.#heldBytes <= this.#bytesMax) return;
      this.#remove(key);
    }
  }

  #remove(key: string): void {
    this.#heldBytes -= this.#snapshots.get(key)?.heldBytes ?? 0;
    this.#snapshots.delete(key);
  }
}
