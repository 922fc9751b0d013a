/**
 * A token bucket whose callers wait for their turn (`spec/gitlab.md §3.1`).
 *
 * 1. Who would not get a turn before its deadline is refused at once and takes nothing; so as many wait as can be served
 *    within one deadline, and no more.
 * 2. Turns are given in the order they are asked for.
 */
import type { Clock, Metrics } from '../../ports/index.ts';
import type { CallRate } from './limits.ts';

/** Tells how long each call was held up. */
export type LimiterReport = (allowed: boolean, waitedMs: number) => void;

export class CallLimiter {
  readonly #rate: CallRate;
  readonly #clock: Clock;
  readonly #report: LimiterReport;
  #tokens: number;
  #at: number;

  constructor(rate: CallRate, clock: Clock, report: LimiterReport) {
    this.#rate = rate;
    this.#clock = clock;
    this.#report = report;
    this.#tokens = rate.bucketSize;
    this.#at = clock.monotonic();
  }

  /** Nobody used it lately. */
  get full(): boolean {
    this.#refill();
    return this.#tokens >= this.#rate.bucketSize;
  }

  /** Waits for a turn; false when there is none in time, or the signal came first. */
  turn(msMax: number, signal: AbortSignal): Promise<boolean> {
    this.#refill();
    const short = 1 - this.#tokens;
    const waitMs = short <= 0 ? 0 : (short / this.#rate.refillPerSecond) * 1_000;
    if (!(waitMs <= msMax) || signal.aborted) {
      this.#report(false, 0);
      return Promise.resolve(false); // 1
    }
    this.#tokens -= 1; // 2
    if (waitMs === 0) {
      this.#report(true, 0);
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const settle = (allowed: boolean): void => {
        signal.removeEventListener('abort', giveBack);
        this.#report(allowed, waitMs);
        resolve(allowed);
      };
      const giveBack = (): void => {
        this.#clock.clearTimeout(timer);
        this.#tokens += 1;
        settle(false);
      };
      const timer = this.#clock.setTimeout(() => settle(true), waitMs);
      signal.addEventListener('abort', giveBack, { once: true });
    });
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    const { refillPerSecond, bucketSize } = this.#rate;
    this.#tokens = Math.min(bucketSize, this.#tokens + ((now - this.#at) / 1_000) * refillPerSecond);
    this.#at = now;
  }
}

/** The originals' metrics of their limiters (`spec/kas.md §7.4`). */
export function limiterReport(metrics: Metrics, limiterName: string, rate: CallRate): LimiterReport {
  metrics
    .gauge({
      name: 'limiter_limit',
      help: 'Limit of a rate limiter',
      labelNames: ['limiter_name', 'unit'],
    })
    .set(rate.refillPerSecond, { limiter_name: limiterName, unit: '{refill/s}' });
  const blocked = metrics.histogram({
    name: 'limiter_block_duration_milliseconds',
    help: 'How long calls were held up by a rate limiter',
    labelNames: ['allowed', 'limiter_name'],
    buckets: [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000],
  });
  return (allowed, waitedMs) =>
    blocked.observe(waitedMs, { allowed: String(allowed), limiter_name: limiterName });
}
