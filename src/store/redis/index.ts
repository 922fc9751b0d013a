/** The store several kas share, on Redis. */
export { openRedisStore } from './redis-store.ts';
export type { RedisStore, RedisStoreOptions } from './redis-store.ts';
