/**
 * Time that stands still until a test moves it. Timers fire in the order of their times, and of their making when times
 * are equal; `now` and `monotonic` step to each timer's own time before it fires, so a repeating timer fires as often as
 * in real life (an xstate `SimulatedClock` jumps first and fires it once).
 */
import { setImmediate as nextMacrotask } from 'node:timers/promises';
import type { Clock, TimerHandle } from '../../src/ports/index.ts';

interface Timer {
  readonly at: number;
  readonly sequence: number;
  readonly fn: () => void;
}

/** More timers than this in one advance is a loop that re-arms itself without ever moving time on. */
const timersPerAdvanceMax = 1_000_000;

export class VirtualClock implements Clock {
  readonly #epochMs: number;
  #elapsedMs = 0;
  #sequence = 0;
  /** Binary heap, earliest first. Cancelled timers stay in it until they surface. */
  readonly #heap: Timer[] = [];
  readonly #live = new Set<Timer>();

  constructor(epochMs = Date.UTC(2024, 0, 1)) {
    this.#epochMs = epochMs;
  }

  now(): number {
    return this.#epochMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  setTimeout(fn: () => void, delayMs: number): TimerHandle {
    const timer: Timer = {
      at: this.#elapsedMs + Math.max(0, Number.isFinite(delayMs) ? delayMs : 0),
      sequence: this.#sequence++,
      fn,
    };
    this.#live.add(timer);
    push(this.#heap, timer);
    return timer;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#live.delete(handle as Timer);
  }

  /** Armed timers: 0 means that nobody waits for time any more. */
  get pending(): number {
    return this.#live.size;
  }

  /** Moves time on and fires what falls due, without giving promises a turn. */
  advance(ms: number): void {
    const until = this.#elapsedMs + ms;
    for (let fired = 0; this.#fireNext(until); fired++) guardAgainstLoops(fired);
    this.#elapsedMs = until;
  }

  /** Moves time on; promises settle before the first timer, between timers and after the last. */
  async advanceAsync(ms: number): Promise<void> {
    const until = this.#elapsedMs + ms;
    await nextMacrotask();
    for (let fired = 0; this.#fireNext(until); fired++) {
      guardAgainstLoops(fired);
      await nextMacrotask();
    }
    this.#elapsedMs = until;
    await nextMacrotask();
  }

  /** Lets promises settle without moving time. */
  settle(): Promise<void> {
    return this.advanceAsync(0);
  }

  #fireNext(until: number): boolean {
    for (let first = this.#heap[0]; first !== undefined && first.at <= until; first = this.#heap[0]) {
      pop(this.#heap);
      if (!this.#live.delete(first)) continue;
      this.#elapsedMs = first.at;
      first.fn();
      return true;
    }
    return false;
  }
}

function guardAgainstLoops(fired: number): void {
  if (fired >= timersPerAdvanceMax) throw new Error('virtual clock: timers keep firing without end');
}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence);
}

function push(heap: Timer[], timer: Timer): void {
  let index = heap.push(timer) - 1;
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex];
    if (parent === undefined || !before(timer, parent)) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = timer;
}

function pop(heap: Timer[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let childIndex = 2 * index + 1;
    let child = heap[childIndex];
    const right = heap[childIndex + 1];
    if (child !== undefined && right !== undefined && before(right, child)) {
      child = right;
      childIndex += 1;
    }
    if (child === undefined || !before(child, last)) break;
    heap[index] = child;
    index = childIndex;
  }
  heap[index] = last;
}
