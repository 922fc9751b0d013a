/**
 * May this caller use this agent, and as whom? GitLab decides (`spec/kas.md §5.5`); answers it gave lately are used without
 * a promise, because most requests of a CI job or a dashboard come in bursts.
 */
import { create } from '@bufbuild/protobuf';
import { actorTimes, withDeadline, type UsageTracker } from '../../actors/index.ts';
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

/** What becomes of an agent of a job, made once per answer of GitLab and agent. */
type JobGrants = Map<bigint, { readonly verdict: Verdict; readonly configProjectId: bigint }>;

type PersonalCredentials = Exclude<Credentials, { kind: 'ci' }>;
interface Grant {
  readonly user: AuthorizedProxyUser;
  readonly verdict: Verdict;
}

export class Authorizer {
  readonly #gitlab: CachedGitLab;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #usage: UsageTracker;
  readonly #jobGrants = new WeakMap<AllowedAgentsForJob, JobGrants>();
  readonly #questions = new WeakMap<PersonalCredentials, AuthorizeProxyUserRequest>();
  /** The last grant of credentials: as long as GitLab's answer is the same one, so is what becomes of it. */
  readonly #grants = new WeakMap<PersonalCredentials, Grant>();

  constructor(deps: {
    readonly gitlab: CachedGitLab;
    readonly usage: UsageTracker;
    readonly clock: Clock;
    readonly log: Log;
  }) {
    this.#gitlab = deps.gitlab;
    this.#usage = deps.usage;
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** Answers at once when GitLab's last answer still holds. `signal` ends the wait, not a shared question to GitLab. */
  authorize(credentials: Credentials, signal: () => AbortSignal, answer: (verdict: Verdict) => void): void {
    if (credentials.kind === 'ci') {
      const known = this.#gitlab.peekAllowedAgents(credentials);
      if (known !== undefined) return answer(this.#job(credentials.agentId, known));
    } else {
      const known = this.#gitlab.peekAuthorizedProxyUser(this.#question(credentials));
      if (known !== undefined) return answer(this.#granted(known, credentials));
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
      const request = this.#question(credentials);
      return this.#fromUser(credentials, await this.#gitlab.authorizeProxyUser(request, bounded));
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
    let grants = this.#jobGrants.get(job);
    if (grants === undefined) this.#jobGrants.set(job, (grants = new Map()));
    let grant = grants.get(agentId);
    if (grant === undefined) {
      const agent = job.allowedAgents.find((allowed) => allowed.agentId === agentId);
      if (agent === undefined) return refused(403, 'Forbidden: agentId is not allowed');
      const extra = headerExtra(impersonationForJob(agent, job));
      grant = { verdict: { kind: 'granted', extra }, configProjectId: agent.configProjectId };
      grants.set(agentId, grant);
    }
    this.#usage.countProxyRequest('ci', job.userId, agentId, grant.configProjectId);
    return grant.verdict;
  }

  #fromUser(credentials: PersonalCredentials, result: GitLabResult<AuthorizedProxyUser>): Verdict {
    switch (result.kind) {
      case 'ok':
        return this.#granted(result.value, credentials);
      case 'unauthenticated':
      case 'forbidden':
      case 'notFound':
        return refused(401, 'Unauthorized');
      case 'unavailable':
        this.#log.error('Failed to authorize user', { agent_id: credentials.agentId, reason: result.reason });
        return refused(500, 'Failed to authorize user session');
    }
  }

  #question(credentials: PersonalCredentials): AuthorizeProxyUserRequest {
    let known = this.#questions.get(credentials);
    if (known === undefined) this.#questions.set(credentials, (known = proxyUserRequest(credentials)));
    return known;
  }

  #granted(user: AuthorizedProxyUser, credentials: PersonalCredentials): Verdict {
    const { userId, agentId, configProjectId } = user;
    this.#usage.countProxyRequest(
      credentials.kind === 'pat' ? 'pat' : 'user',
      userId,
      agentId,
      configProjectId,
    );
    const grant = this.#grants.get(credentials);
    if (grant?.user === user) return grant.verdict;
    const { accessType } = this.#question(credentials);
    const verdict: Verdict = { kind: 'granted', extra: headerExtra(impersonationForUser(user, accessType)) };
    this.#grants.set(credentials, { user, verdict });
    return verdict;
  }
}

/** The question to GitLab about a person or a browser session. */
function proxyUserRequest(credentials: PersonalCredentials): AuthorizeProxyUserRequest {
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
