/**
 * GitLab as a port: what kas asks of it (`spec/gitlab.md §1`). `src/gitlab/embedded` answers from one YAML file,
 * `src/gitlab/rest` asks Rails. Expected refusals are values; an exception is a bug.
 */
import type { GitRepository } from './git.ts';

/** The outcome of a question to GitLab. `reason` is safe to show to the caller: it holds no secret. */
export type GitLabResult<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'unauthenticated' | 'forbidden' | 'notFound'; readonly reason: string }
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

export interface GitLab {
  agentInfo(agentToken: string, signal: AbortSignal): Promise<GitLabResult<AgentInfo>>;
  projectInfo(
    agentToken: string,
    projectPath: string,
    signal: AbortSignal,
  ): Promise<GitLabResult<ProjectInfo>>;
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
}
