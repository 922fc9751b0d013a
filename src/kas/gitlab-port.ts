/** GitLab as this configuration has it: Rails at an address, or the file that stands for it; with what is remembered of it. */
import { resolve } from 'node:path';
import { cachedGitLab, type CachedGitLab, type CacheTtls } from '../gitlab/cache/index.ts';
import { openEmbeddedGitLab } from '../gitlab/embedded/index.ts';
import { openRestGitLab, proxyOfEnvironment } from '../gitlab/rest/index.ts';
import type { Git, GitLab, SharedErrors } from '../ports/index.ts';
import { parseAgentConfiguration } from '../protocol/index.ts';
import type { TransitionObserver } from '../supervisor/index.ts';
import { serverName } from './build-info.ts';
import type { KasConfiguration } from './configuration/index.ts';
import { ForgettableErrors } from './forgettable-errors.ts';
import type { ServerDeps } from './server-deps.ts';

export interface GitLabPort {
  readonly gitlab: CachedGitLab;
  /** How the directory file fares, for `/state`; undefined with a real GitLab. */
  readonly directoryFile: () => unknown;
  close(): Promise<void>;
}

interface GitLabParts {
  /** Reads what the projects of the directory file hold. */
  readonly git: Git;
  readonly sharedErrors: SharedErrors;
  readonly observe: TransitionObserver | undefined;
}

/** Rejects with a text for people when the file or the address cannot be used; asks GitLab nothing yet. */
export function openGitLab(deps: ServerDeps, parts: GitLabParts): Promise<GitLabPort> {
  const { configuration, outside } = deps;
  if (outside !== undefined) return Promise.resolve(remembering(deps, outside.gitlab, parts));
  return configuration.standalone === undefined
    ? openRails(deps, configuration.gitlab, parts)
    : openDirectoryFile(deps, configuration.standalone.file, parts);
}

async function openRails(
  deps: ServerDeps,
  section: Extract<KasConfiguration['gitlab'], { readonly address: string }>,
  { sharedErrors, observe }: GitLabParts,
): Promise<GitLabPort> {
  const { credentials, clock, random, log, registry, environment } = deps;
  const { secrets, authorities } = credentials;
  const secret = secrets.gitlab;
  if (secret === undefined) throw new Error('gitlab.authentication_secret_file: value is required');
  const { refill_rate_per_second: refillPerSecond, bucket_size: bucketSize } = section.api_rate_limit;
  const rails = await openRestGitLab({
    address: section.address,
    secret: () => Promise.resolve(secret()),
    ...(authorities.gitlab === undefined ? {} : { ca: authorities.gitlab }),
    rateLimit: { refillPerSecond, bucketSize },
    proxy: proxyOfEnvironment(environment),
    userAgent: serverName,
    clock,
    random,
    log,
    metrics: registry.metrics,
    observe,
  });
  const { gitlab, directoryFile } = remembering(deps, rails, { sharedErrors });
  return { gitlab, directoryFile, close: () => rails.close() };
}

function remembering(
  { configuration, clock, log, registry }: ServerDeps,
  gitlab: GitLab,
  { sharedErrors }: Pick<GitLabParts, 'sharedErrors'>,
): GitLabPort {
  const { metrics } = registry;
  const ttls = cacheTtls(configuration);
  return {
    gitlab: cachedGitLab(gitlab, { sharedErrors, clock, log, metrics, ttls }),
    directoryFile: () => undefined,
    close: () => Promise.resolve(),
  };
}

async function openDirectoryFile(
  { configuration, folder, clock, log, registry }: ServerDeps,
  file: string,
  { git, sharedErrors, observe }: GitLabParts,
): Promise<GitLabPort> {
  const embedded = await openEmbeddedGitLab({
    file: resolve(folder, file),
    git,
    clock,
    log,
    parseConfiguration: parseAgentConfiguration,
    observe,
  });
  const refusals = new ForgettableErrors(sharedErrors);
  const gitlab = cachedGitLab(embedded, {
    sharedErrors: refusals,
    clock,
    log,
    metrics: registry.metrics,
    ttls: cacheTtls(configuration),
  });
  embedded.onChanged(() => {
    refusals.forget();
    gitlab.forget();
  });
  return { gitlab, directoryFile: () => embedded.state(), close: () => embedded.close() };
}

function cacheTtls({ agent }: KasConfiguration): Partial<CacheTtls> {
  const { gitops, kubernetes_api: proxy } = agent;
  return {
    agentInfoMs: agent.info_cache_ttl,
    agentInfoErrorMs: agent.info_cache_error_ttl,
    projectInfoMs: gitops.project_info_cache_ttl,
    projectInfoErrorMs: gitops.project_info_cache_error_ttl,
    ...(proxy === undefined
      ? {}
      : {
          allowedAgentsMs: proxy.allowed_agent_cache_ttl,
          allowedAgentsErrorMs: proxy.allowed_agent_cache_error_ttl,
        }),
  };
}
