/** The GitLab port with a memory: one `AnswerCache` per kind of question (`spec/gitlab.md §1.3`). */
import type {
  AgentEvents,
  AgentInfo,
  AllowedAgentsForJob,
  AuthorizedProxyUser,
  AuthorizeProxyUserRequest,
  Clock,
  GitLab,
  GitLabResult,
  Log,
  Metrics,
  ModuleAnswer,
  ModuleRequest,
  ProjectInfo,
  SharedErrors,
  UsageReport,
} from '../../ports/index.ts';
import { AnswerCache } from './answer-cache.ts';
import {
  agentInfoErrorKey,
  allowedAgentsErrorKey,
  memoryKey,
  projectAccessErrorKey,
  projectInfoErrorKey,
  proxyUserErrorKey,
} from './keys.ts';

/** Lifetimes in milliseconds; 0 for answers switches that memory off wholly. */
export interface CacheTtls {
  readonly agentInfoMs: number;
  readonly agentInfoErrorMs: number;
  readonly projectInfoMs: number;
  readonly projectInfoErrorMs: number;
  /** Both answers, yes and no; no key of the configuration file sets these two. */
  readonly projectAccessMs: number;
  readonly projectAccessErrorMs: number;
  /** Also for people (`authorizeProxyUser`). */
  readonly allowedAgentsMs: number;
  readonly allowedAgentsErrorMs: number;
}

/** The defaults of kas's configuration file (`spec/kas.md §2.2`). */
export const cacheTtls: CacheTtls = {
  agentInfoMs: 300_000,
  agentInfoErrorMs: 60_000,
  projectInfoMs: 300_000,
  projectInfoErrorMs: 60_000,
  projectAccessMs: 300_000,
  projectAccessErrorMs: 60_000,
  allowedAgentsMs: 60_000,
  allowedAgentsErrorMs: 10_000,
};

export interface CachedGitLabOptions {
  readonly sharedErrors: SharedErrors;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What is not given is {@link cacheTtls}. */
  readonly ttls?: Partial<CacheTtls>;
  /** Answers kept per kind of question. */
  readonly entriesMax?: number;
}

/**
 * The port, and its remembered successes without a promise for paths where a microtask is dear. Where an object is taken,
 * its key is computed once for it: a caller that keeps the object saves the hash.
 */
export interface CachedGitLab extends GitLab {
  peekAgentInfo(agentToken: string): AgentInfo | undefined;
  peekProjectInfo(agentToken: string, projectPath: string): ProjectInfo | undefined;
  peekAllowedAgents(job: { readonly token: string }): AllowedAgentsForJob | undefined;
  peekAuthorizedProxyUser(request: AuthorizeProxyUserRequest): AuthorizedProxyUser | undefined;
  /** Drops what was remembered; for a GitLab that tells when its answers changed. */
  forget(): void;
}

export function cachedGitLab(gitlab: GitLab, options: CachedGitLabOptions): CachedGitLab {
  return new MemorizingGitLab(gitlab, options);
}

class MemorizingGitLab implements CachedGitLab {
  readonly #gitlab: GitLab;
  readonly #keys = new WeakMap<WeakKey, string>();
  readonly #agentInfo: AnswerCache<AgentInfo>;
  readonly #projectInfo: AnswerCache<ProjectInfo>;
  readonly #projectAccess: AnswerCache<boolean>;
  readonly #allowedAgents: AnswerCache<AllowedAgentsForJob>;
  readonly #proxyUser: AnswerCache<AuthorizedProxyUser>;

  constructor(gitlab: GitLab, { ttls, ...rest }: CachedGitLabOptions) {
    const all = { ...cacheTtls, ...ttls };
    const cache = <T>(name: string, ttlMs: number, errorTtlMs: number): AnswerCache<T> =>
      new AnswerCache<T>({ ...rest, name, ttlMs, errorTtlMs });
    this.#gitlab = gitlab;
    this.#agentInfo = cache('agent_info', all.agentInfoMs, all.agentInfoErrorMs);
    this.#projectInfo = cache('project_info', all.projectInfoMs, all.projectInfoErrorMs);
    this.#projectAccess = cache('verify_project_access', all.projectAccessMs, all.projectAccessErrorMs);
    this.#allowedAgents = cache('allowed_agents', all.allowedAgentsMs, all.allowedAgentsErrorMs);
    this.#proxyUser = cache('authorize_proxy_user', all.allowedAgentsMs, all.allowedAgentsErrorMs);
  }

  agentInfo(agentToken: string, signal: AbortSignal): Promise<GitLabResult<AgentInfo>> {
    return this.#agentInfo.answer(
      {
        memoryKey: memoryKey(agentToken),
        errorKey: () => agentInfoErrorKey(agentToken),
        ask: (shared) => this.#gitlab.agentInfo(agentToken, shared),
      },
      signal,
    );
  }

  projectInfo(
    agentToken: string,
    projectPath: string,
    signal: AbortSignal,
  ): Promise<GitLabResult<ProjectInfo>> {
    return this.#projectInfo.answer(
      {
        memoryKey: memoryKey(agentToken, projectPath),
        errorKey: () => projectInfoErrorKey(agentToken, projectPath),
        ask: (shared) => this.#gitlab.projectInfo(agentToken, projectPath, shared),
      },
      signal,
    );
  }

  verifyProjectAccess(
    agentToken: string,
    projectPath: string,
    signal: AbortSignal,
  ): Promise<GitLabResult<boolean>> {
    return this.#projectAccess.answer(
      {
        memoryKey: memoryKey(agentToken, projectPath),
        errorKey: () => projectAccessErrorKey(agentToken, projectPath),
        ask: (shared) => this.#gitlab.verifyProjectAccess(agentToken, projectPath, shared),
      },
      signal,
    );
  }

  allowedAgents(jobToken: string, signal: AbortSignal): Promise<GitLabResult<AllowedAgentsForJob>> {
    return this.#allowedAgents.answer(
      {
        memoryKey: memoryKey(jobToken),
        errorKey: () => allowedAgentsErrorKey(jobToken),
        ask: (shared) => this.#gitlab.allowedAgents(jobToken, shared),
      },
      signal,
    );
  }

  authorizeProxyUser(
    request: AuthorizeProxyUserRequest,
    signal: AbortSignal,
  ): Promise<GitLabResult<AuthorizedProxyUser>> {
    return this.#proxyUser.answer(
      {
        memoryKey: proxyUserKey(request),
        errorKey: () => proxyUserErrorKey(request),
        ask: (shared) => this.#gitlab.authorizeProxyUser(request, shared),
      },
      signal,
    );
  }

  reportAgentConfiguration(
    agentId: bigint,
    configurationJson: object,
    signal: AbortSignal,
  ): Promise<GitLabResult<undefined>> {
    return this.#gitlab.reportAgentConfiguration(agentId, configurationJson, signal);
  }

  moduleRequest(request: ModuleRequest, signal: AbortSignal): Promise<GitLabResult<ModuleAnswer>> {
    return this.#gitlab.moduleRequest(request, signal);
  }

  reportUsage(report: UsageReport, signal: AbortSignal): Promise<GitLabResult<undefined>> {
    return this.#gitlab.reportUsage(report, signal);
  }

  reportEvents(events: AgentEvents, signal: AbortSignal): Promise<GitLabResult<undefined>> {
    return this.#gitlab.reportEvents(events, signal);
  }

  peekAgentInfo(agentToken: string): AgentInfo | undefined {
    return this.#agentInfo.peek(memoryKey(agentToken));
  }

  peekProjectInfo(agentToken: string, projectPath: string): ProjectInfo | undefined {
    return this.#projectInfo.peek(memoryKey(agentToken, projectPath));
  }

  peekAllowedAgents(job: { readonly token: string }): AllowedAgentsForJob | undefined {
    return this.#allowedAgents.peek(this.#keyOf(job, ({ token }) => memoryKey(token)));
  }

  peekAuthorizedProxyUser(request: AuthorizeProxyUserRequest): AuthorizedProxyUser | undefined {
    return this.#proxyUser.peek(this.#keyOf(request, proxyUserKey));
  }

  #keyOf<T extends object>(question: T, key: (question: T) => string): string {
    let known = this.#keys.get(question);
    if (known === undefined) this.#keys.set(question, (known = key(question)));
    return known;
  }

  forget(): void {
    for (const cache of [
      this.#agentInfo,
      this.#projectInfo,
      this.#projectAccess,
      this.#allowedAgents,
      this.#proxyUser,
    ])
      cache.forget();
  }
}

function proxyUserKey({ agentId, accessType, accessKey, csrfToken }: AuthorizeProxyUserRequest): string {
  return memoryKey(String(agentId), accessType, accessKey, csrfToken);
}
