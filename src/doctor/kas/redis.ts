/** Redis as kas will use it: its own store, started once with the same files and time limits and stopped again. */
import { createMetrics } from '../../host/index.ts';
import type { Log, LogFields } from '../../ports/index.ts';
import { openRedisStore, type RedisStore } from '../../store/redis/index.ts';
import { Registry, Supervisor, type SupervisorEnv } from '../../supervisor/index.ts';
import type { KasSetUp } from './set-up.ts';

const [part, rung] = ['Redis', 'Redis'];

export async function examineRedis(setUp: KasSetUp): Promise<void> {
  const { configuration, folder, clock, random, report } = setUp;
  if (configuration.redis === undefined) {
    const observed = 'not configured: this kas stands alone';
    report.add({ part, rung, verdict: 'skipped', observed });
    return;
  }
  const reasons: string[] = [];
  const { metrics } = createMetrics({ processMetrics: false });
  let redis: RedisStore;
  try {
    redis = await openRedisStore({
      section: configuration.redis,
      folder,
      gcPeriodMs: configuration.agent.redis_conn_info_gc,
      firstTriesMax: 1,
      clock,
      random,
      log: listeningLog(reasons),
      metrics,
    });
  } catch (error) {
    const observed = error instanceof Error ? error.message : String(error);
    report.add({ part, rung, verdict: 'bad', observed, remedy: 'Mend the key or the file it names' });
    return;
  }
  const env: SupervisorEnv = { clock, random, registry: new Registry(), report: () => {} };
  const root = new Supervisor({ id: 'doctor', strategy: 'one_for_one', children: [redis.child(env)] }, env);
  const since = clock.monotonic();
  try {
    await root.start();
    const tookMs = clock.monotonic() - since;
    report.add({ part, rung, verdict: 'good', observed: 'answers, with these credentials', tookMs });
  } catch (error) {
    const observed = reasons.at(-1) ?? (error instanceof Error ? error.message : String(error));
    const remedy = 'kas does not start without Redis: check address, network, password and TLS under redis';
    report.add({ part, rung, verdict: 'bad', observed, remedy, tookMs: clock.monotonic() - since });
  } finally {
    await root.stop();
  }
}

/** Keeps the reasons of what the store complains about. */
function listeningLog(reasons: string[]): Log {
  const note = (_message: string, { reason }: LogFields = {}) => {
    if (typeof reason === 'string') reasons.push(reason);
  };
  const log: Log = { debug: () => {}, info: () => {}, warn: note, error: note, child: () => log };
  return log;
}
