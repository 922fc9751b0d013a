/**
 * Keeps logs to one line per change: hundreds of tunnels that fail for one reason are one line, not hundreds
 * (`spec/users.md` A4).
 */
export class OncePerChange {
  #last: string | undefined;
  #repeats = 0;

  /** Notes what would be said; answers how often the thing before was repeated, or undefined when this is a repeat. */
  changed(key: string): { readonly repeatsBefore: number } | undefined {
    if (key === this.#last) {
      this.#repeats += 1;
      return undefined;
    }
    const repeatsBefore = this.#repeats;
    this.#last = key;
    this.#repeats = 0;
    return { repeatsBefore };
  }

  /** All is well again: the next trouble is news, whatever it is. */
  forget(): void {
    this.#last = undefined;
    this.#repeats = 0;
  }
}
