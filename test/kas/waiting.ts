/** Waiting for facts instead of sleeping. */
import { onTestFinished } from 'vitest';

/** Gives the event loop a turn. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** In hooks, which have no end to be told of. */
const hookMsMax = 120_000;

/** Waits until something is true; the test's own timeout is the deadline, and after it nobody goes on asking. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const isOver = testEnd();
  while (!(await condition())) {
    if (isOver()) throw new Error('the test ended before what it waited for was true');
    await turn();
  }
}

/** Whether the test that runs now has ended, also by its timeout. */
function testEnd(): () => boolean {
  let isOver = false;
  try {
    onTestFinished(() => {
      isOver = true;
    });
    return () => isOver;
  } catch {
    const deadline = performance.now() + hookMsMax;
    return () => performance.now() > deadline;
  }
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
