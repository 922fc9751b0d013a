/** Waiting for facts instead of sleeping. */

/** Gives the event loop a turn. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Waits until something is true; the test's own timeout is the deadline. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await turn();
}

/** A list others add to, whose next item can be waited for. */
export class Inbox<T> {
  readonly all: T[] = [];
  #taken = 0;
  #wake: (() => void)[] = [];
  #closed = false;

  push(item: T): void {
    this.all.push(item);
    this.#stir();
  }

  close(): void {
    this.#closed = true;
    this.#stir();
  }

  /** The next item; rejects when there will be none. */
  async next(): Promise<T> {
    const item = await this.nextOrEnd();
    if (item === undefined) throw new Error('ended before the next item came');
    return item;
  }

  /** The next item, undefined when there will be none. */
  async nextOrEnd(): Promise<T | undefined> {
    while (this.#taken >= this.all.length) {
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    return this.all[this.#taken++];
  }

  #stir(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
