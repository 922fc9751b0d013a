/**
 * The heart of a simulation: virtual time, the order of events, and the first thing that went wrong. One thread, one run
 * at a time; nothing here knows what is simulated.
 *
 * K1. Time stands still within a step and moves to the next planned step; nothing waits in real time.
 * K2. Same seed, same system: the same steps in the same order. Whatever the order depends on is drawn from the seed.
 * K3. After each step everything promises have due is done, then the checks run; the first failure ends the run.
 * K4. A run has an end: so many steps at one instant, or altogether, are a failure of their own.
 */
import type { Clock, TimerHandle } from '../../ports/index.ts';
import { kernelLimits } from './limits.ts';
import { SeededRandom } from './seeded-random.ts';
import { StepHeap, type PlannedStep } from './step-heap.ts';
import { Trace } from './trace.ts';
import { finishTurn, onOwnTurn, takeImmediates } from './turn.ts';

/** What went wrong first. `id` names the broken invariant; `text` says it for one case. */
export interface Failure {
  readonly id: string;
  readonly text: string;
  readonly atMs: number;
}

export interface KernelOptions {
  readonly seed: number;
  /** Keeps every line of the trace. */
  readonly keepTrace?: boolean | undefined;
  /** What `now()` says at the start; `monotonic()` starts at 0. */
  readonly epochMs?: number | undefined;
}

/**
 * Times are whole microseconds, rounded up: a timer set for a point in time must find that point reached, and sums of
 * fractions would fall short of it by a last bit.
 */
function onGrid(ms: number): number {
  return Math.ceil(ms * 1000) / 1000;
}

const epochDefaultMs = 1_767_225_600_000; // 2026-01-01

export class Kernel {
  readonly seed: number;
  /** The root of all chance; entities take forks of it. */
  readonly random: SeededRandom;
  readonly trace: Trace;
  readonly clock: Clock;
  readonly #order: SeededRandom;
  readonly #heap = new StepHeap();
  readonly #checks: (() => void)[] = [];
  #nowMs = 0;
  #sequence = 0;
  #steps = 0;
  #sameInstant = 0;
  #planned = 0;
  #failure: Failure | undefined;

  constructor({ seed, keepTrace, epochMs = epochDefaultMs }: KernelOptions) {
    this.seed = seed;
    this.random = new SeededRandom(seed, 'kernel');
    this.#order = this.random.fork('order');
    this.trace = new Trace({ keepAll: keepTrace });
    this.clock = this.clockOf(() => 0, epochMs);
  }

  /** Milliseconds since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get steps(): number {
    return this.#steps;
  }

  /** Steps that are planned and not cancelled: timers, things on their way. */
  get planned(): number {
    return this.#planned;
  }

  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** A clock of somebody whose wall clock is off by what `skewMs` says at the moment it is read. */
  clockOf(skewMs: () => number, epochMs: number = epochDefaultMs): Clock {
    return {
      now: () => Math.floor(epochMs + this.#nowMs + skewMs()),
      monotonic: () => this.#nowMs,
      setTimeout: (fn, delayMs) => this.at(Number.isFinite(delayMs) ? delayMs : 0, fn),
      clearTimeout: (handle) => this.cancel(handle),
    };
  }

  /** Plans a step; what is due at the same instant is done in an order drawn from the seed. */
  at(delayMs: number, run: () => void): TimerHandle {
    const step: PlannedStep = {
      at: onGrid(this.#nowMs + Math.max(0, delayMs)),
      draw: this.#order.u32(),
      sequence: this.#sequence++,
      run,
    };
    this.#planned++;
    this.#heap.push(step);
    return step;
  }

  /** Harmless for what was done or cancelled before. */
  cancel(handle: TimerHandle): void {
    const step = handle as PlannedStep | undefined;
    if (step?.run === undefined) return;
    step.run = undefined;
    this.#planned--;
  }

  /** A line of the trace. */
  log(text: string): void {
    this.trace.add(this.#nowMs, text);
  }

  /** An invariant is broken: the run ends after this step. Only the first counts. */
  fail(id: string, text: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = { id, text, atMs: this.#nowMs };
    this.log(`VIOLATION ${id}: ${text}`);
  }

  /** Runs after every step. */
  check(check: () => void): void {
    this.#checks.push(check);
  }

  /** Begins a run on a turn of its own; `body` advances time with {@link advance}. */
  async run(body: () => void): Promise<void> {
    await onOwnTurn(() => {
      const giveBack = takeImmediates((run) => this.at(0, run));
      try {
        body();
      } finally {
        giveBack();
      }
    });
  }

  /** Does everything planned until then, or until something fails. Answers whether all is well. */
  advance(untilMs: number): boolean {
    finishTurn();
    for (let first = this.#heap.first; this.#failure === undefined; first = this.#heap.first) {
      if (first === undefined || first.at > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return true;
      }
      this.#heap.pop();
      if (first.run !== undefined) this.#step(first, first.run);
    }
    return false;
  }

  /**
   * As {@link advance}, for systems that react on turns of the event loop of their own, as node:http2 does: `settle` gives
   * them these after each step, before the checks.
   */
  async advanceWith(settle: () => Promise<void>, untilMs: number, until?: () => boolean): Promise<boolean> {
    await settle();
    while (this.#failure === undefined && until?.() !== true) {
      const first = this.#heap.first;
      if (first === undefined || first.at > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return until === undefined;
      }
      this.#heap.pop();
      const { run } = first;
      if (run === undefined) continue;
      this.#begin(first);
      try {
        run();
        await settle();
        for (const check of this.#checks) check();
      } catch (error) {
        this.fail('exception', textOf(error));
      }
    }
    return this.#failure === undefined;
  }

  #begin(step: PlannedStep): void {
    if (step.at > this.#nowMs) this.#sameInstant = 0;
    else if (++this.#sameInstant > kernelLimits.stepsPerInstantMax)
      this.fail('livelock', 'time stands still'); // K4
    if (++this.#steps > kernelLimits.stepsMax) this.fail('endless', 'the run has no end'); // K4
    this.#nowMs = step.at;
    step.run = undefined;
    this.#planned--;
  }

  #step(step: PlannedStep, run: () => void): void {
    this.#begin(step);
    try {
      run();
      finishTurn(); // K3
      for (const check of this.#checks) check();
    } catch (error) {
      this.fail('exception', textOf(error));
    }
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
