/**
 * How time passes for what is under test: on a virtual clock while everything runs in this process, on the wall for a
 * program in a process of its own. Conditions are waited for; a wait that was too long says what it was for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { VirtualClock } from '../fakes/virtual-clock.ts';
import { turn } from '../kas/waiting.ts';

export interface Pace {
  /** Milliseconds since some moment. */
  now(): number;
  until(what: string, condition: () => boolean, withinMs: number): Promise<void>;
  pass(ms: number): Promise<void>;
}

/** Steps short enough to see an order, long enough for long waits. */
const stepMs = (passedMs: number) => (passedMs < 5_000 ? 100 : passedMs < 30_000 ? 1_000 : 5_000);
const turnsPerStep = 10;
const patience = 300;

export class VirtualPace implements Pace {
  readonly #clock: VirtualClock;
  readonly #settle: () => Promise<void>;

  /** `settle` resolves when what was sent so far has arrived at the other end. */
  constructor(clock: VirtualClock, settle: () => Promise<void>) {
    this.#clock = clock;
    this.#settle = settle;
  }

  now(): number {
    return this.#clock.monotonic();
  }

  async until(what: string, condition: () => boolean, withinMs: number): Promise<void> {
    const began = this.now();
    await this.#exchange();
    while (!condition()) {
      const passed = this.now() - began;
      if (passed >= withinMs) return this.#patiently(what, condition, withinMs);
      const step = stepMs(passed);
      await this.#clock.advanceAsync(step);
      for (let exchanges = step; exchanges > 0; exchanges -= 1_000) await this.#exchange();
    }
  }

  /** What is on its way may still come while time stands still: a busy machine is slower than its clock. */
  async #patiently(what: string, condition: () => boolean, withinMs: number): Promise<void> {
    for (let exchanges = 0; exchanges < patience; exchanges++) {
      if (condition()) return;
      await this.#exchange();
    }
    throw new Error(`no ${what} within ${withinMs} ms`);
  }

  async pass(ms: number): Promise<void> {
    const end = this.now() + ms;
    await this.#exchange();
    while (this.now() < end) {
      await this.#clock.advanceAsync(Math.min(1_000, end - this.now()));
      await this.#exchange();
    }
  }

  async #exchange(): Promise<void> {
    for (let turns = 0; turns < turnsPerStep; turns++) await turn();
    await this.#settle();
  }
}

/** A program of its own may be slow to start and to be scheduled. */
const slackMs = 20_000;

export class WallPace implements Pace {
  now(): number {
    return performance.now();
  }

  async until(what: string, condition: () => boolean, withinMs: number): Promise<void> {
    const end = this.now() + withinMs + slackMs;
    while (!condition()) {
      if (this.now() > end) throw new Error(`no ${what} within ${withinMs} ms`);
      await sleep(10);
    }
  }

  async pass(ms: number): Promise<void> {
    await sleep(ms);
  }
}
