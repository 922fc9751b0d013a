/**
 * The rate limit over all questions to GitLab (`spec/gitlab.md §1.1`): a bucket of tokens that refills steadily. A question
 * reserves its token at once and is told when it may go, so there is no queue to keep.
 *
 * 1. Turns come in the order of their reservations.
 * 2. A turn that is given back before its time shortens the wait of those who come later.
 * 3. What would wait longer than `waitMsMax` is refused at once; it reserves nothing.
 */
import type { Clock } from '../../ports/index.ts';

export interface RateLimit {
  readonly refillPerSecond: number;
  readonly bucketSize: number;
}

export type Reservation =
  | { readonly kind: 'reserved'; readonly waitMs: number; giveBack(): void }
  | { readonly kind: 'refused' };

export class TokenBucket {
  readonly #limit: RateLimit;
  readonly #waitMsMax: number;
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** Below zero: reserved before they are there. */
  #tokens: number;
  #countedAt: number;

  constructor(limit: RateLimit, waitMsMax: number, clock: Pick<Clock, 'monotonic'>) {
    this.#limit = limit;
    this.#waitMsMax = waitMsMax;
    this.#clock = clock;
    this.#tokens = limit.bucketSize;
    this.#countedAt = clock.monotonic();
  }

  reserve(): Reservation {
    this.#refill();
    const missing = 1 - this.#tokens;
    const waitMs = missing <= 0 ? 0 : (missing / this.#limit.refillPerSecond) * 1000;
    if (!(waitMs <= this.#waitMsMax)) return { kind: 'refused' }; // 3
    this.#tokens -= 1;
    let isHeld = true;
    const giveBack = (): void => {
      if (isHeld) this.#tokens = Math.min(this.#tokens + 1, this.#limit.bucketSize); // 2
      isHeld = false;
    };
    return { kind: 'reserved', waitMs, giveBack };
  }

  #refill(): void {
    const now = this.#clock.monotonic();
    const { refillPerSecond, bucketSize } = this.#limit;
    this.#tokens = Math.min(this.#tokens + ((now - this.#countedAt) / 1000) * refillPerSecond, bucketSize);
    this.#countedAt = now;
  }
}
