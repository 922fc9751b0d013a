/**
 * Remembered refusals that can be forgotten all at once: when the directory file of a stand-alone kas was mended, an agent
 * it refused before comes back with its next try and not when the refusal has run out.
 */
import type { SharedError, SharedErrors } from '../ports/index.ts';

export class ForgettableErrors implements SharedErrors {
  readonly #errors: SharedErrors;
  /** Part of every key: refusals of an older generation are not found, and run out in the store. */
  #generation = 0;

  constructor(errors: SharedErrors) {
    this.#errors = errors;
  }

  forget(): void {
    this.#generation++;
  }

  get(key: string): Promise<SharedError | undefined> {
    return this.#errors.get(this.#keyOf(key));
  }

  set(key: string, error: SharedError, ttlMs: number): Promise<void> {
    return this.#errors.set(this.#keyOf(key), error, ttlMs);
  }

  #keyOf(key: string): string {
    // The first generation has the keys every kas has.
    return this.#generation === 0 ? key : `${this.#generation}:${key}`;
  }
}
