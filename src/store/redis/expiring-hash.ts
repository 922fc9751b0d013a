/**
 * Reading the expiring hashes, and taking away what has expired (`spec/wire.md §8`).
 *
 * H1. What has expired counts as absent from the second on in which it did, also before it is taken away.
 * H2. It is taken away only after a grace, because the clock of its writer may be behind ours; and only if it is still
 *     expired when it goes: somebody may have renewed it since it was read.
 */
import type { RedisConnection } from './connection.ts';
import { redisLimits, redisTimes } from './limits.ts';
import { decodeEntry, hasExpired, type StoredEntry } from './values.ts';

export interface HashContents {
  readonly entries: readonly StoredEntry[];
  /** Fields that should be taken away (H2). */
  readonly removable: readonly string[];
  readonly undecodable: number;
  /** There was more than may be read. */
  readonly truncated: boolean;
}

export async function readHash(connection: RedisConnection, key: Buffer, now: number): Promise<HashContents> {
  // A scan may tell a field twice while the hash grows or shrinks.
  const found = new Map<string, Buffer>();
  let cursor = '0';
  do {
    const reply = await connection.call('HSCAN', key, cursor, 'COUNT', String(redisLimits.scanCount));
    const [next, pairs] = Array.isArray(reply) ? (reply as [unknown, unknown]) : ['0', []];
    cursor = String(next);
    if (!Array.isArray(pairs)) break;
    for (let index = 0; index + 1 < pairs.length; index += 2) {
      const value: unknown = pairs[index + 1];
      if (value instanceof Buffer) found.set(String(pairs[index]), value);
    }
  } while (cursor !== '0' && found.size < redisLimits.entriesReadMax);
  const entries: StoredEntry[] = [];
  const removable: string[] = [];
  let undecodable = 0;
  for (const [field, value] of found) {
    const entry = decodeEntry(value);
    if (entry === undefined) undecodable++;
    else if (!hasExpired(entry, now)) entries.push(entry); // H1
    else if (isRemovable(entry, now)) removable.push(field);
  }
  return { entries, removable, undecodable, truncated: cursor !== '0' };
}

/** Takes the fields away that are still expired; answers how many. Needs a connection nobody else has transactions on. */
export async function removeExpired(
  connection: RedisConnection,
  key: Buffer,
  fields: readonly string[],
  now: number,
): Promise<number> {
  let removed = 0;
  const { removalsPerTransactionMax: size } = redisLimits;
  for (let start = 0; start < fields.length; start += size) {
    const some = fields.slice(start, start + size);
    // At most two tries, as the originals; what is left has its next turn.
    removed +=
      (await removeOnce(connection, key, some, now)) ?? (await removeOnce(connection, key, some, now)) ?? 0;
  }
  return removed;
}

/** Undefined when the hash changed meanwhile. */
async function removeOnce(
  connection: RedisConnection,
  key: Buffer,
  fields: readonly string[],
  now: number,
): Promise<number | undefined> {
  await connection.call('WATCH', key);
  const values = await connection.call('HMGET', key, ...fields);
  const expired = fields.filter((_, index) => {
    const value: unknown = Array.isArray(values) ? values[index] : undefined;
    const entry = value instanceof Buffer ? decodeEntry(value) : undefined;
    return entry !== undefined && isRemovable(entry, now);
  });
  if (expired.length === 0) {
    await connection.call('UNWATCH');
    return 0;
  }
  const replies = await connection.transaction([['HDEL', key, ...expired]]);
  return replies === undefined ? undefined : Number(replies[0]);
}

function isRemovable(entry: StoredEntry, now: number): boolean {
  return hasExpired(entry, now - redisTimes.removalGraceMs); // H2
}
