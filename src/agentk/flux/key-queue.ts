/**
 * Keys to be worked on, each once however often it is added, and when each is due.
 *
 * Q1. A key that is added while it is worked on is due again after that.
 * Q2. A failed key waits longer each time; success forgets its failures. Adding it makes it due at once all the same.
 */
export class KeyQueue {
  readonly #backoffMs: (failures: number) => number;
  readonly #due = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  #inHand: string | undefined;

  constructor(backoffMs: (failures: number) => number) {
    this.#backoffMs = backoffMs;
  }

  get size(): number {
    return this.#due.size;
  }

  add(key: string): void {
    this.#due.set(key, 0);
  }

  /** A key that is due, the milliseconds to the first that will be, or undefined when there is none. */
  take(nowMs: number): { readonly key: string } | { readonly waitMs: number } | undefined {
    let firstMs = Infinity;
    for (const [key, dueMs] of this.#due) {
      if (dueMs <= nowMs) {
        this.#due.delete(key);
        this.#inHand = key;
        return { key };
      }
      firstMs = Math.min(firstMs, dueMs);
    }
    return firstMs === Infinity ? undefined : { waitMs: firstMs - nowMs };
  }

  /** The key in hand is done with, or has to come again. */
  settle(succeeded: boolean, nowMs: number): void {
    const key = this.#inHand;
    if (key === undefined) return;
    this.#inHand = undefined;
    if (succeeded) {
      this.#failures.delete(key);
      return;
    }
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    if (!this.#due.has(key)) this.#due.set(key, nowMs + this.#backoffMs(failures)); // Q1
  }

  /** Nothing of this key is of interest any more. */
  forget(key: string): void {
    this.#due.delete(key);
    this.#failures.delete(key);
  }
}
