/**
 * GitLab as a port: what kas asks of it (`spec/gitlab.md §1`). `src/gitlab/embedded` answers from one YAML file,
 * `src/gitlab/rest` asks Rails. Expected refusals are values; an exception is a bug.
 */
import type { GitRepository } from './git.ts';

/** GitLab said no. `reason` is safe to show to the caller: it holds no secret. */
export interface GitLabRefusal {
  readonly kind: 'unauthenticated' | 'forbidden' | 'notFound';
  readonly reason: string;
  /** Where a GitLab said so, and its own words, maybe none: what kas instances tell one another of a refusal. */
  readonly source?: { readonly path: string; readonly message: string };
}

/** The outcome of a question to GitLab. */
export type GitLabResult<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | GitLabRefusal
  | { readonly kind: 'unavailable'; readonly reason: string };

/** The agent behind a token (`spec/gitlab.md §1.5`). */
export interface AgentInfo {
  readonly agentId: bigint;
  readonly agentName: string;
  readonly projectId: bigint;
  /** Branch name without `refs/heads/`. */
  readonly defaultBranch: string;
  readonly repository: GitRepository;
}

/** A project whose repository an agent may read (`spec/gitlab.md §1.6`). */
export interface ProjectInfo {
  readonly projectId: bigint;
  readonly defaultBranch: string;
  readonly repository: GitRepository;
}

export interface ExtraKeyVal {
  readonly key: string;
  readonly val: readonly string[];
}

/** `access_as` of a `ci_access` entry; absent means the agent's own identity (`spec/gitlab.md §5.5`). */
export type CiAccessAs =
  | { readonly kind: 'agent' }
  | { readonly kind: 'ciJob' }
  | {
      readonly kind: 'impersonate';
      readonly username: string;
      readonly uid: string;
      readonly groups: readonly string[];
      readonly extra: readonly ExtraKeyVal[];
    };

export interface AllowedAgent {
  readonly agentId: bigint;
  readonly configProjectId: bigint;
  readonly defaultNamespace: string;
  readonly accessAs: CiAccessAs;
}

/** Who a CI job is and which agents it may use (`spec/gitlab.md §1.11`). */
export interface AllowedAgentsForJob {
  readonly allowedAgents: readonly AllowedAgent[];
  readonly jobId: bigint;
  readonly pipelineId: bigint;
  readonly projectId: bigint;
  readonly groupIds: readonly bigint[];
  readonly userId: bigint;
  readonly username: string;
  readonly environment?: { readonly slug: string; readonly tier: string };
}

export type ProxyAccessType = 'session_cookie' | 'personal_access_token';

export interface AuthorizeProxyUserRequest {
  readonly agentId: bigint;
  readonly accessType: ProxyAccessType;
  readonly accessKey: string;
  readonly csrfToken: string;
}

/** A person allowed to use an agent, and as whom (`spec/gitlab.md §1.10`). */
export interface AuthorizedProxyUser {
  readonly agentId: bigint;
  readonly configProjectId: bigint;
  readonly userId: bigint;
  readonly username: string;
  readonly accessAs:
    | { readonly kind: 'agent' }
    | {
        readonly kind: 'user';
        readonly projects: readonly { readonly id: bigint; readonly roles: readonly string[] }[];
        readonly groups: readonly { readonly id: bigint; readonly roles: readonly string[] }[];
      };
}

/** A request of a module of an agent to its counterpart in GitLab (`spec/gitlab.md §1.12`). */
export interface ModuleRequest {
  readonly agentToken: string;
  readonly moduleName: string;
  readonly method: string;
  /** Decoded; begins with a slash. */
  readonly urlPath: string;
  readonly query: ReadonlyMap<string, readonly string[]>;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  /** Read at most once; undefined when there is none. What it throws ends the request. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
}

/** GitLab's answer to a module, whatever its status. */
export interface ModuleAnswer {
  readonly statusCode: number;
  readonly statusText: string;
  /** Names and values in turn; nothing that concerns one hop only. */
  readonly headers: readonly string[];
  /** To be read to its end or left by breaking out of the loop; throws when GitLab's answer breaks off. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** What was used since the last report (`spec/gitlab.md §7`). Names are those GitLab knows; empty maps are left out. */
export interface UsageReport {
  readonly counters: Readonly<Record<string, number>>;
  readonly uniqueCounters: Readonly<Record<string, readonly bigint[]>>;
}

/** Events by name, for newer GitLabs (`spec/gitlab.md §7`). */
export type AgentEvents = Readonly<
  Record<string, readonly Readonly<Record<string, string | number | bigint>>[]>
>;

export interface GitLab {
  agentInfo(agentToken: string, signal: AbortSignal): Promise<GitLabResult<AgentInfo>>;
  projectInfo(
    agentToken: string,
    projectPath: string,
    signal: AbortSignal,
  ): Promise<GitLabResult<ProjectInfo>>;
  /** May this agent read the project's repository? (`spec/gitlab.md §1.7`) */
  verifyProjectAccess(
    agentToken: string,
    projectPath: string,
    signal: AbortSignal,
  ): Promise<GitLabResult<boolean>>;
  allowedAgents(jobToken: string, signal: AbortSignal): Promise<GitLabResult<AllowedAgentsForJob>>;
  authorizeProxyUser(
    request: AuthorizeProxyUserRequest,
    signal: AbortSignal,
  ): Promise<GitLabResult<AuthorizedProxyUser>>;
  /**
   * Reports an agent's parsed configuration file; GitLab derives `ci_access` and `user_access` from it.
   * `configurationJson` is the protojson object of `agentcfg.ConfigurationFile` (`spec/gitlab.md §1.8`).
   */
  reportAgentConfiguration(
    agentId: bigint,
    configurationJson: object,
    signal: AbortSignal,
  ): Promise<GitLabResult<undefined>>;
  /** Forwards a request of an agent's module; the body of the answer goes on after the promise. `signal` ends both. */
  moduleRequest(request: ModuleRequest, signal: AbortSignal): Promise<GitLabResult<ModuleAnswer>>;
  reportUsage(report: UsageReport, signal: AbortSignal): Promise<GitLabResult<undefined>>;
  /** `notFound` from a GitLab that knows no events. */
  reportEvents(events: AgentEvents, signal: AbortSignal): Promise<GitLabResult<undefined>>;
}
