/**
 * Exponential backoff with jitter, exactly as the originals count it (`spec/wire.md §12`).
 *
 * K1. A wait is `current × (1 + random(0..jitter))`; the ceiling applies to `current`, before jitter.
 * K2. `current` returns to the start only when more than `resetMs` passed since the previous wait was asked for: what
 *     failed again sooner has not proven its uptime. Success alone resets nothing.
 */
import type { Clock, Random } from '../ports/index.ts';

export interface BackoffPolicy {
  readonly initMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** 0.2 adds up to 20 %; 1 up to doubles. */
  readonly jitter: number;
  readonly resetMs: number;
}

export class Backoff {
  readonly #policy: BackoffPolicy;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #random: Pick<Random, 'next'>;
  #currentMs: number;
  #askedAt: number;

  constructor(policy: BackoffPolicy, clock: Pick<Clock, 'monotonic'>, random: Pick<Random, 'next'>) {
    this.#policy = policy;
    this.#clock = clock;
    this.#random = random;
    this.#currentMs = policy.initMs;
    this.#askedAt = clock.monotonic();
  }

  /** Milliseconds to wait before the next try. Each call is one failure. */
  next(): number {
    const { initMs, factor, maxMs, jitter, resetMs } = this.#policy;
    const now = this.#clock.monotonic();
    if (now - this.#askedAt > resetMs) this.#currentMs = initMs; // K2
    this.#askedAt = now;
    const baseMs = this.#currentMs;
    this.#currentMs = Math.min(baseMs * factor, maxMs); // K1
    return baseMs * (1 + this.#random.next() * jitter);
  }
}

/** What is wrong with a policy, in words; empty when it is sound. */
export function checkBackoffPolicy(policy: BackoffPolicy): string[] {
  const problems: string[] = [];
  if (!(policy.initMs >= 0)) problems.push('backoff initMs must not be negative');
  if (!(policy.factor >= 1)) problems.push('backoff factor must be at least 1');
  if (!(policy.maxMs >= policy.initMs)) problems.push('backoff maxMs must not be below initMs');
  if (!(policy.jitter >= 0)) problems.push('backoff jitter must not be negative');
  if (!(policy.resetMs >= 0)) problems.push('backoff resetMs must not be negative');
  return problems;
}
