/**
 * Work asked for by several at a time is done once. It ends early when the last of those who wait for it has gone, not when
 * the first has.
 */
interface Work {
  readonly promise: Promise<unknown>;
  readonly end: AbortController;
  waiters: number;
}

export class SharedWork {
  readonly #works = new Map<string, Work>();

  /** Joins the work under this key, or begins it. Works of one key must be alike. */
  async run<T>(key: string, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const work = this.#works.get(key) ?? this.#begin(key, begin);
    work.waiters += 1;
    const leave = (): void => {
      work.waiters -= 1;
      if (work.waiters > 0) return;
      this.#forget(key, work);
      work.end.abort();
    };
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    try {
      return (await work.promise) as T;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #begin(key: string, begin: (signal: AbortSignal) => Promise<unknown>): Work {
    const end = new AbortController();
    const work: Work = { promise: begin(end.signal), end, waiters: 0 };
    this.#works.set(key, work);
    const forget = (): void => this.#forget(key, work);
    work.promise.then(forget, forget);
    return work;
  }

  #forget(key: string, work: Work): void {
    if (this.#works.get(key) === work) this.#works.delete(key);
  }
}
