/**
 * Calls per token and minute, counted over all kas (`spec/kas.md §3.5`). The count goes up in one step and its answer
 * decides, so that a burst gets exactly the limit; the originals look first and count then.
 *
 * Q1. A token known to be over its limit costs Redis nothing more in that minute.
 * Q2. The counter outlives its minute by less than the hour after which its name comes again.
 */
import type { Clock } from '../../ports/index.ts';
import type { RedisConnection } from './connection.ts';
import type { CallJournal } from './journal.ts';
import type { RedisKeys } from './keys.ts';
import { redisLimits } from './limits.ts';

const minuteMs = 60_000;
const counterSeconds = '59';

export interface TokenQuotaDeps {
  readonly borrow: () => RedisConnection;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly journal: CallJournal;
}

export class TokenQuota {
  readonly #deps: TokenQuotaDeps;
  readonly #exhausted = new Set<string>();
  #minute = -1;

  constructor(deps: TokenQuotaDeps) {
    this.#deps = deps;
  }

  take(tokenKey: string, limitPerMinute: number): Promise<boolean> {
    const { borrow, keys, clock, journal } = this.#deps;
    const minute = Math.floor(clock.now() / minuteMs);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#exhausted.clear();
    }
    if (this.#exhausted.has(tokenKey)) return Promise.resolve(false); // Q1
    const key = keys.quota(tokenKey, minute % 60);
    return journal.told('take_quota', async () => {
      const replies = await borrow().transaction([
        ['INCR', key],
        ['EXPIRE', key, counterSeconds], // Q2
      ]);
      if (Number(replies?.[0]) <= limitPerMinute) return true;
      if (minute === this.#minute && this.#exhausted.size < redisLimits.exhaustedTokensMax) {
        this.#exhausted.add(tokenKey);
      }
      return false;
    });
  }
}
