/** GitLab Rails as the GitLab port. */
import type { Clock, GitLab, Log, Metrics, Random } from '../../ports/index.ts';
import type { TransitionObserver } from '../../supervisor/index.ts';
import { GitLabAddress } from './address.ts';
import { Connections, type Authorities, type ProxySettings } from './connections.ts';
import { GitLabCalls } from './gitlab-calls.ts';
import { restRateLimit } from './limits.ts';
import { RestGitLab } from './rest-gitlab.ts';
import type { ReadSecret } from './signature.ts';
import type { RateLimit } from './token-bucket.ts';

export { proxyOfEnvironment } from './connections.ts';

export interface RestGitLabOptions {
  /** `gitlab.address`; its path and query go along with every request. */
  readonly address: string;
  /** The decoded secret; read anew for every question. Rejects with a text for people. */
  readonly secret: ReadSecret;
  /** `gitlab.ca_certificate_file`: PEM texts trusted besides the system's authorities. */
  readonly ca?: Authorities;
  /** `gitlab.api_rate_limit`. */
  readonly rateLimit?: RateLimit;
  /** `proxyOfEnvironment(process.env)`; none without. */
  readonly proxy?: ProxySettings;
  /** `gitlab-kas/<version>/<commit>`. */
  readonly userAgent: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly observe?: TransitionObserver | undefined;
}

export interface OpenRestGitLab extends GitLab {
  /** Ends questions under way and closes the connections. */
  close(): Promise<void>;
}

/** Rejects with a text for people when the address or the proxy is unusable. Asks nothing yet. */
export async function openRestGitLab(options: RestGitLabOptions): Promise<OpenRestGitLab> {
  const { secret, userAgent, clock, random, log, metrics, observe, rateLimit = restRateLimit } = options;
  const address = new GitLabAddress(options.address);
  const connections = new Connections(address, options.ca, options.proxy);
  const calls = new GitLabCalls({
    clock,
    random,
    log,
    metrics,
    rateLimit,
    ...(observe === undefined ? {} : { observe }),
  });
  await calls.start();
  const gitlab = new RestGitLab({ address, connections, calls, secret, userAgent, clock, log });
  return Object.assign(gitlab, {
    close: async () => {
      await calls.stop();
      await connections.destroy();
    },
  });
}
