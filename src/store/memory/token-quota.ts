/**
 * Calls per token in the current minute of the wall clock (`spec/kas.md §3.5`), counted and checked in one step.
 * A refused call is not counted. Where too many different tokens are seen to count them all, the rest pass: a limiter
 * must not become the outage it guards against.
 */
const minuteMs = 60_000;

export class TokenQuota {
  readonly #tokensMax: number;
  readonly #counts = new Map<string, number>();
  #minute = -1;

  constructor(tokensMax: number) {
    this.#tokensMax = tokensMax;
  }

  take(tokenHash: string, limitPerMinute: number, now: number): 'taken' | 'exhausted' | 'uncounted' {
    const minute = Math.floor(now / minuteMs);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#counts.clear();
    }
    const count = this.#counts.get(tokenHash);
    if ((count ?? 0) >= limitPerMinute) return 'exhausted';
    if (count === undefined && this.#counts.size >= this.#tokensMax) return 'uncounted';
    this.#counts.set(tokenHash, (count ?? 0) + 1);
    return 'taken';
  }
}
