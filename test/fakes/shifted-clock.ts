/** The real clock with its hands set elsewhere: time passes as it does, and can be made to have passed. */
import { systemClock } from '../../src/host/index.ts';
import type { Clock, TimerHandle } from '../../src/ports/index.ts';

export class ShiftedClock implements Clock {
  #shiftMs = 0;

  now(): number {
    return systemClock.now() + this.#shiftMs;
  }

  monotonic(): number {
    return systemClock.monotonic() + Math.max(this.#shiftMs, 0);
  }

  setTimeout(fn: () => void, delayMs: number): TimerHandle {
    return systemClock.setTimeout(fn, delayMs);
  }

  clearTimeout(handle: TimerHandle): void {
    systemClock.clearTimeout(handle);
  }

  /** So many milliseconds have passed; timers have not noticed. */
  shift(ms: number): void {
    this.#shiftMs += ms;
  }

  /** The next minute has just begun. */
  toNextMinute(): void {
    this.shift(60_000 - (this.now() % 60_000));
  }
}
