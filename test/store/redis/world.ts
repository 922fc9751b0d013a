/** A Redis store under test: with a real server, a real supervisor, and a clock whose hands can be set. */
import { onTestFinished } from 'vitest';
import type { LogFields } from '../../../src/ports/index.ts';
import { createMetrics } from '../../../src/host/index.ts';
import { openRedisStore, type RedisStoreOptions } from '../../../src/store/redis/index.ts';
import { Registry, Supervisor } from '../../../src/supervisor/index.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';
import { startRedisServer, type RedisServer, type RedisServerOptions } from '../../fakes/redis-server.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { ShiftedClock } from '../../fakes/shifted-clock.ts';

export type Section = RedisStoreOptions['section'];

/** A server that ends with the test. */
export async function redisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedisServer(options);
  onTestFinished(() => server.stop());
  return server;
}

export function sectionOf(address: string, over: Partial<Section> = {}): Section {
  return {
    server: { address },
    network: 'tcp',
    username: '',
    password_file: '',
    database_index: 0,
    dial_timeout: 5_000,
    write_timeout: 3_000,
    key_prefix: 'gitlab-kas',
    tls: { enabled: false, certificate_file: '', key_file: '', ca_certificate_file: '' },
    ...over,
  };
}

export interface WorldOptions {
  readonly section: Section;
  readonly folder?: string;
  readonly clock?: ShiftedClock;
  readonly gcPeriodMs?: number;
}

/** A store that is started and ends with the test. Rejects when it cannot start. */
export async function openStore(options: WorldOptions) {
  const { section, folder = '/', clock = new ShiftedClock(), gcPeriodMs = 600_000 } = options;
  const log = new RecordingLog();
  const registry = createMetrics({ processMetrics: false });
  const random = new SeededRandom(1);
  const redis = await openRedisStore({
    section,
    folder,
    gcPeriodMs,
    clock,
    random,
    log,
    metrics: registry.metrics,
  });
  const names = new Registry();
  const env = { clock, random, registry: names, report: () => {} };
  const root = new Supervisor({ id: 'kas', strategy: 'one_for_one', children: [redis.child(env)] }, env);
  onTestFinished(() => root.stop('the test is over'));
  await root.start();
  return { ...redis, clock, log, names, stop: () => root.stop('asked'), metric: metricOf(registry.expose) };
}

/** Reads one sample by its name with labels, as it is exposed. */
function metricOf(expose: () => Promise<{ readonly body: string }>) {
  return async (sample: string): Promise<number | undefined> => {
    const { body } = await expose();
    const line = body.split('\n').find((one) => one.startsWith(`${sample} `));
    return line === undefined ? undefined : Number(line.slice(sample.length + 1));
  };
}

/** Asks again until it holds; the test's own deadline ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

export function said(log: RecordingLog, message: string): LogFields | undefined {
  return log.lines.find((line) => line.message === message)?.fields;
}
