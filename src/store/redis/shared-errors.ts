/** Refusals of GitLab that all kas remember (`spec/wire.md §8`): strings with a time to live. */
import type { SharedError, SharedErrors } from '../../ports/index.ts';
import type { RedisConnection } from './connection.ts';
import type { CallJournal } from './journal.ts';
import type { RedisKeys } from './keys.ts';
import { decodeRefusal, encodeRefusal } from './values.ts';

export class RedisErrors implements SharedErrors {
  readonly #borrow: () => RedisConnection;
  readonly #keys: RedisKeys;
  readonly #journal: CallJournal;

  constructor(borrow: () => RedisConnection, keys: RedisKeys, journal: CallJournal) {
    this.#borrow = borrow;
    this.#keys = keys;
    this.#journal = journal;
  }

  get(key: string): Promise<SharedError | undefined> {
    return this.#journal.told('get_error', async () => {
      const value = await this.#borrow().call('GET', this.#keys.of(key));
      if (!(value instanceof Buffer)) return undefined;
      const refusal = decodeRefusal(value);
      if (refusal === undefined) this.#journal.undecodable('error');
      return refusal;
    });
  }

  set(key: string, error: SharedError, ttlMs: number): Promise<void> {
    return this.#journal.told('set_error', async () => {
      const ms = Math.max(1, Math.ceil(ttlMs));
      await this.#borrow().call('SET', this.#keys.of(key), encodeRefusal(error), 'PX', String(ms));
    });
  }
}
