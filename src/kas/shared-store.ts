/** What several kas share as this configuration has it: on Redis, or in the memory of one kas that is alone. */
import { memoryPushEvents, memoryStore } from '../store/memory/index.ts';
import { openRedisStore } from '../store/redis/index.ts';
import type { SharedStore } from './outside.ts';
import type { ServerDeps } from './server-deps.ts';

/** Rejects with a text for people when a file cannot be used; connects to nothing yet. */
export async function openSharedStore(deps: ServerDeps): Promise<SharedStore> {
  const { configuration, folder, clock, random, log, registry, outside } = deps;
  if (outside !== undefined) return outside.store;
  const { metrics } = registry;
  if (configuration.redis === undefined) {
    return {
      store: memoryStore({ clock, metrics }),
      pushEvents: memoryPushEvents(),
      probes: {},
      children: () => [],
    };
  }
  const redis = await openRedisStore({
    section: configuration.redis,
    folder,
    gcPeriodMs: configuration.agent.redis_conn_info_gc,
    clock,
    random,
    log,
    metrics,
  });
  const { store, pushEvents } = redis;
  return { store, pushEvents, probes: { redis: redis.probe }, children: (env) => [redis.child(env)] };
}
