/**
 * A process of the simulated world as seen by the code that runs in it: a clock, and answers of the outside that come
 * later. When it dies, nothing reaches that code any more: its timers are gone and its questions stay open.
 *
 * P1. A dead process does nothing, whatever of it is still reachable.
 */
import type { Kernel, SeededRandom } from '../kernel/index.ts';
import type { Clock, TimerHandle } from '../../ports/index.ts';

/** Longer than any deadline that may be left. */
const runOutMs = 90_000;

interface OwnTimer {
  readonly handle: TimerHandle;
}

export class SimulatedProcess {
  readonly name: string;
  readonly kernel: Kernel;
  readonly random: SeededRandom;
  /** How long questions of this process are under way. */
  readonly ways: SeededRandom;
  readonly clock: Clock;
  #alive = true;
  readonly #timers = new Set<OwnTimer>();

  constructor(kernel: Kernel, name: string, options: { readonly skewMs?: () => number } = {}) {
    this.kernel = kernel;
    this.name = name;
    this.random = kernel.random.fork(name);
    this.ways = this.random.fork('ways');
    const time = kernel.clockOf(options.skewMs ?? (() => 0));
    this.clock = {
      now: () => time.now(),
      monotonic: () => time.monotonic(),
      setTimeout: (fn, delayMs) => this.#arm(fn, delayMs),
      clearTimeout: (timer) => this.#disarm(timer),
    };
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Timers its code has armed. */
  get timers(): number {
    return this.#timers.size;
  }

  /** P1. */
  die(): void {
    this.#alive = false;
    for (const timer of this.#timers) this.kernel.cancel(timer.handle);
    this.#timers.clear();
  }

  /**
   * It has ended in order: what it armed must run out by itself. A deadline wheel leaves its last timer to do so, nobody
   * may leave one that is armed again.
   */
  end(): void {
    this.kernel.at(runOutMs, () => {
      const left = this.#timers.size;
      if (left > 0) this.kernel.fail('nothing-left', `${this.name} ended, and ${left} timers go on`);
      this.die();
    });
  }

  log(text: string): void {
    if (this.#alive) this.kernel.log(`${this.name} ${text}`);
  }

  /**
   * A question to the outside: `answer` is asked when the question has arrived, its value comes back after the way home;
   * `silence` is asked again, and becomes `given` in the end. A signal ends the wait with `given` at once. Never settles
   * when the process dies meanwhile (P1).
   */
  ask<T>(
    wayMs: { readonly there: number; readonly back: number },
    answer: () => T | 'silence',
    abort?: { readonly signal: AbortSignal; readonly given: () => T },
    again: { readonly afterMs: number; readonly times: number } = { afterMs: 0, times: 0 },
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (value: () => T) => {
        if (!this.#alive) return;
        try {
          resolve(value());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      abort?.signal.addEventListener('abort', () => settle(abort.given), { once: true });
      let left = again.times;
      const arrive = () => {
        if (!this.#alive || abort?.signal.aborted === true) return;
        let given: T | 'silence';
        try {
          given = answer();
        } catch (error) {
          return void this.kernel.at(wayMs.back, () =>
            settle(() => {
              throw error;
            }),
          );
        }
        if (given === 'silence') {
          left -= 1;
          if (left > 0) this.kernel.at(again.afterMs, arrive);
          else if (abort !== undefined) settle(abort.given);
          return;
        }
        const found = given;
        this.kernel.at(wayMs.back, () => settle(() => found));
      };
      this.kernel.at(wayMs.there, arrive);
    });
  }

  #arm(fn: () => void, delayMs: number): TimerHandle {
    if (!this.#alive) return undefined;
    const timer: { handle: TimerHandle } = { handle: undefined };
    timer.handle = this.kernel.at(Number.isFinite(delayMs) ? delayMs : 0, () => {
      this.#timers.delete(timer);
      fn();
    });
    this.#timers.add(timer);
    return timer;
  }

  #disarm(handle: TimerHandle): void {
    const timer = handle as OwnTimer | undefined;
    if (timer === undefined || !this.#timers.delete(timer)) return;
    this.kernel.cancel(timer.handle);
  }
}
