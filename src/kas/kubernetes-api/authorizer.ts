/**
 * May this caller use this agent, and as whom? GitLab decides (`spec/kas.md §5.5`); answers it gave lately are used without
 * a promise, because most requests of a CI job or a dashboard come in bursts.
 */
import { create } from '@bufbuild/protobuf';
import { actorTimes, withDeadline } from '../../actors/index.ts';
import type { CachedGitLab } from '../../gitlab/cache/index.ts';
import type {
  AllowedAgentsForJob,
  AuthorizedProxyUser,
  AuthorizeProxyUserRequest,
  Clock,
  GitLabResult,
  Log,
} from '../../ports/index.ts';
import { encode, KubernetesHeaderExtraSchema, type AnyBytes } from '../../protocol/index.ts';
import type { Credentials } from './credentials.ts';
import { impersonationForJob, impersonationForUser, type Impersonation } from './impersonation.ts';

export type Verdict =
  | { readonly kind: 'granted'; readonly extra: AnyBytes | undefined }
  | { readonly kind: 'refused'; readonly httpStatus: number; readonly reason: string };

/** `HeaderExtra` of a grant, encoded once per answer of GitLab and agent. */
type Extras = Map<bigint, AnyBytes | undefined>;

export class Authorizer {
  readonly #gitlab: CachedGitLab;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #extras = new WeakMap<AllowedAgentsForJob, Extras>();

  constructor(deps: { readonly gitlab: CachedGitLab; readonly clock: Clock; readonly log: Log }) {
    this.#gitlab = deps.gitlab;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** Answers at once when GitLab's last answer still holds. `signal` ends the wait, not a shared question to GitLab. */
  authorize(credentials: Credentials, signal: () => AbortSignal, answer: (verdict: Verdict) => void): void {
    if (credentials.kind === 'ci') {
      const known = this.#gitlab.peekAllowedAgents(credentials.token);
      if (known !== undefined) return answer(this.#job(credentials.agentId, known));
    } else {
      const request = proxyUserRequest(credentials);
      const known = this.#gitlab.peekAuthorizedProxyUser(request);
      if (known !== undefined) return answer(granted(known, request));
    }
    this.#ask(credentials, signal()).then(answer, (error: unknown) => {
      this.#log.error('Authorisation failed unexpectedly', { error: error as Error });
      answer({ kind: 'refused', httpStatus: 500, reason: 'Failed to authorize' });
    });
  }

  #ask(credentials: Credentials, signal: AbortSignal): Promise<Verdict> {
    return withDeadline(this.#clock, signal, actorTimes.authorizeMsMax, async (bounded) => {
      if (credentials.kind === 'ci') {
        return this.#fromJob(
          credentials.agentId,
          await this.#gitlab.allowedAgents(credentials.token, bounded),
        );
      }
      const request = proxyUserRequest(credentials);
      return this.#fromUser(request, await this.#gitlab.authorizeProxyUser(request, bounded));
    });
  }

  #fromJob(agentId: bigint, result: GitLabResult<AllowedAgentsForJob>): Verdict {
    switch (result.kind) {
      case 'ok':
        return this.#job(agentId, result.value);
      case 'unauthenticated':
        return refused(401, `Unauthorized: CI job token: ${result.reason}`);
      case 'forbidden':
        return refused(403, `Forbidden: CI job token: ${result.reason}`);
      case 'notFound':
        return refused(404, `Not found: agents for CI job token: ${result.reason}`);
      case 'unavailable':
        return refused(500, `Failed to get allowed agents for CI job token: ${result.reason}`);
    }
  }

  #job(agentId: bigint, job: AllowedAgentsForJob): Verdict {
    let extras = this.#extras.get(job);
    if (extras === undefined) this.#extras.set(job, (extras = new Map()));
    if (extras.has(agentId)) return { kind: 'granted', extra: extras.get(agentId) };
    const agent = job.allowedAgents.find((allowed) => allowed.agentId === agentId);
    if (agent === undefined) return refused(403, 'Forbidden: agentId is not allowed');
    const extra = headerExtra(impersonationForJob(agent, job));
    extras.set(agentId, extra);
    return { kind: 'granted', extra };
  }

  #fromUser(request: AuthorizeProxyUserRequest, result: GitLabResult<AuthorizedProxyUser>): Verdict {
    switch (result.kind) {
      case 'ok':
        return granted(result.value, request);
      case 'unauthenticated':
      case 'forbidden':
      case 'notFound':
        return refused(401, 'Unauthorized');
      case 'unavailable':
        this.#log.error('Failed to authorize user', { agent_id: request.agentId, reason: result.reason });
        return refused(500, 'Failed to authorize user session');
    }
  }
}

function granted(user: AuthorizedProxyUser, request: AuthorizeProxyUserRequest): Verdict {
  return { kind: 'granted', extra: headerExtra(impersonationForUser(user, request.accessType)) };
}

/** The question to GitLab about a person or a browser session. */
function proxyUserRequest(credentials: Exclude<Credentials, { kind: 'ci' }>): AuthorizeProxyUserRequest {
  const { agentId } = credentials;
  return credentials.kind === 'pat'
    ? { agentId, accessType: 'personal_access_token', accessKey: credentials.token, csrfToken: '' }
    : {
        agentId,
        accessType: 'session_cookie',
        accessKey: credentials.cookie,
        csrfToken: credentials.csrfToken,
      };
}

function refused(httpStatus: number, reason: string): Verdict {
  return { kind: 'refused', httpStatus, reason };
}

/** The `extra` of the first message; agentk turns it into `Impersonate-*` headers. */
function headerExtra(impersonation: Impersonation | undefined): AnyBytes | undefined {
  if (impersonation === undefined) return undefined;
  const { username, uid, groups, extra } = impersonation;
  const message = create(KubernetesHeaderExtraSchema, {
    impConfig: {
      username,
      uid,
      groups: [...groups],
      extra: extra.map(({ key, val }) => ({ key, val: [...val] })),
    },
  });
  return {
    typeUrl: `type.googleapis.com/${KubernetesHeaderExtraSchema.typeName}`,
    value: encode(KubernetesHeaderExtraSchema, message),
  };
}
