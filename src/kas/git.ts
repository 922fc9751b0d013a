/** The Git port of this server, by its configuration: Gitaly with its rates, remotes with the environment's proxies. */
import { openGit, type OpenGit } from '../git/index.ts';
import type { TransitionObserver } from '../supervisor/index.ts';
import { serverName } from './build-info.ts';
import type { ServerDeps } from './server-deps.ts';

export function makeGit(
  { configuration, environment, clock, random, log, registry, outside }: ServerDeps,
  observe: TransitionObserver | undefined,
): Promise<OpenGit> {
  if (outside !== undefined) return Promise.resolve(outside.git);
  const { global_api_rate_limit, per_server_api_rate_limit } = configuration.gitaly;
  return openGit({
    clock,
    random,
    log,
    metrics: registry.metrics,
    userAgent: serverName,
    globalRate: callRate(global_api_rate_limit),
    perServerRate: callRate(per_server_api_rate_limit),
    environment,
    observe,
  });
}

function callRate(limit: { readonly refill_rate_per_second: number; readonly bucket_size: number }) {
  return { refillPerSecond: limit.refill_rate_per_second, bucketSize: limit.bucket_size };
}
