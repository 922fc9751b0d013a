/**
 * Keys a file of the originals may have that change nothing here. They are accepted, so that the file need not be edited,
 * and told once at start, so that nobody waits for what will not come.
 */
import type { KasConfiguration } from './schema.ts';

export interface IneffectiveKey {
  readonly key: string;
  readonly reason: string;
}

/** `environment` may have what stands for keys (`spec/kas.md §1.2`). */
export function ineffectiveKeys(
  { agent, observability, redis }: KasConfiguration,
  environment: Readonly<Record<string, string | undefined>>,
): readonly IneffectiveKey[] {
  const { google_profiler: profiler, sentry, tracing } = observability;
  const notIncluded = (key: string, what: string) => ({ key, reason: `${what} is not included` });
  const deprecated = (key: string) => ({ key, reason: 'deprecated in the original too, without effect' });
  return [
    ...(profiler.enabled ? [notIncluded('observability.google_profiler', 'Google Cloud Profiler')] : []),
    ...(sentry.dsn === '' ? [] : [notIncluded('observability.sentry', 'reporting to Sentry')]),
    ...(sentry.dsn === '' && (environment['SENTRY_DSN'] ?? '') !== ''
      ? [notIncluded('SENTRY_DSN', 'reporting to Sentry')]
      : []),
    ...(tracing === undefined ? [] : [notIncluded('observability.tracing', 'tracing')]),
    ...(agent.remote_development === undefined ? [] : [deprecated('agent.remote_development')]),
    ...(redis?.read_timeout === undefined ? [] : [deprecated('redis.read_timeout')]),
    ...(redis?.idle_timeout === undefined ? [] : [deprecated('redis.idle_timeout')]),
    ...(redis === undefined || redis.pool_size === 0 ? [] : [deprecated('redis.pool_size')]),
  ];
}
