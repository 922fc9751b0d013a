/** Refusals remembered for a while; the oldest makes room when there are too many. */
import type { Clock, SharedError, SharedErrors } from '../../ports/index.ts';

export class MemoryErrors implements SharedErrors {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #onEvicted: () => void;
  readonly #errors = new Map<string, { readonly error: SharedError; readonly expiresAt: number }>();

  constructor(clock: Clock, max: number, onEvicted: () => void) {
    this.#clock = clock;
    this.#max = max;
    this.#onEvicted = onEvicted;
  }

  get size(): number {
    return this.#errors.size;
  }

  get(key: string): Promise<SharedError | undefined> {
    const found = this.#errors.get(key);
    if (found === undefined) return Promise.resolve(undefined);
    if (found.expiresAt > this.#clock.now()) return Promise.resolve(found.error);
    this.#errors.delete(key);
    return Promise.resolve(undefined);
  }

  set(key: string, error: SharedError, ttlMs: number): Promise<void> {
    this.#errors.delete(key);
    if (this.#errors.size >= this.#max) this.sweep();
    if (this.#errors.size >= this.#max) {
      const oldest = this.#errors.keys().next();
      if (oldest.done !== true) this.#errors.delete(oldest.value);
      this.#onEvicted();
    }
    this.#errors.set(key, { error, expiresAt: this.#clock.now() + ttlMs });
    return Promise.resolve();
  }

  sweep(): void {
    const now = this.#clock.now();
    for (const [key, { expiresAt }] of this.#errors) {
      if (expiresAt <= now) this.#errors.delete(key);
    }
  }
}
