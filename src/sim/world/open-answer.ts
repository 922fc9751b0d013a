/**
 * An answer of a simulated API server that goes on: a watch. What is written arrives in its order, each piece after its way, and no sooner than
 * the reader takes it.
 */
import type { Kernel } from '../kernel/index.ts';
import type { OpenResponse } from '../kubernetes/index.ts';

export interface Reader {
  /** Nobody reads any more. */
  gone(): boolean;
  paused(): boolean;
  head(status: number): void;
  data(text: string): void;
  end(): void;
  fail(error: Error): void;
}

export class OpenAnswer implements OpenResponse {
  destroyed = false;
  writableEnded = false;
  readonly writableLength = 0;
  readonly writableNeedDrain = false;
  readonly #kernel: Kernel;
  readonly #wayMs: () => number;
  readonly #reader: Reader;
  readonly #queue: (() => void)[] = [];
  /** Of the queue, what has come all the way. */
  #arrived = 0;
  #onClose: (() => void)[] = [];

  constructor(kernel: Kernel, wayMs: () => number, reader: Reader) {
    this.#kernel = kernel;
    this.#wayMs = wayMs;
    this.#reader = reader;
  }

  writeHead(code: number): void {
    this.#later(() => this.#reader.head(code));
  }

  flushHeaders(): void {}

  write(text: string): boolean {
    this.#later(() => this.#reader.data(text));
    return true;
  }

  end(): void {
    if (this.writableEnded) return;
    this.writableEnded = true;
    this.#later(() => this.#reader.end());
    this.#tellClosed();
  }

  destroy(): void {
    this.#later(() => this.#reader.fail(new Error('the API server broke off')));
    this.close();
  }

  once(event: 'close' | 'drain', listener: () => void): void {
    if (event === 'close') this.#onClose.push(listener);
  }

  on(event: 'close' | 'drain', listener: () => void): void {
    this.once(event, listener);
  }

  /** The reader has gone. */
  close(): void {
    this.destroyed = true;
    this.#tellClosed();
  }

  /** Hands on what has come, unless the reader pauses. */
  pump(): void {
    while (this.#arrived > 0 && !this.#reader.paused() && !this.#reader.gone()) {
      this.#arrived -= 1;
      this.#queue.shift()?.();
    }
  }

  #later(step: () => void): void {
    if (this.#reader.gone()) return this.close();
    this.#queue.push(step);
    this.#kernel.at(this.#wayMs(), () => {
      this.#arrived += 1;
      this.pump();
    });
  }

  #tellClosed(): void {
    for (const listener of this.#onClose.splice(0)) listener();
  }
}
