import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { UsageTracker } from '../../../src/actors/index.ts';
import { createMetrics } from '../../../src/host/index.ts';
import type { CachedGitLab } from '../../../src/gitlab/cache/index.ts';
import { Authorizer, type Verdict } from '../../../src/kas/kubernetes-api/authorizer.ts';
import type { Credentials } from '../../../src/kas/kubernetes-api/credentials.ts';
import type {
  AllowedAgentsForJob,
  AuthorizedProxyUser,
  AuthorizeProxyUserRequest,
  GitLabResult,
} from '../../../src/ports/index.ts';
import { KubernetesHeaderExtraSchema } from '../../../src/protocol/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';

const job: AllowedAgentsForJob = {
  allowedAgents: [
    { agentId: 1n, configProjectId: 2n, defaultNamespace: '', accessAs: { kind: 'agent' } },
    { agentId: 3n, configProjectId: 2n, defaultNamespace: '', accessAs: { kind: 'ciJob' } },
  ],
  jobId: 10n,
  pipelineId: 11n,
  projectId: 12n,
  groupIds: [],
  userId: 13n,
  username: 'alice',
};
const user: AuthorizedProxyUser = {
  agentId: 1n,
  configProjectId: 2n,
  userId: 13n,
  username: 'alice',
  accessAs: { kind: 'user', projects: [], groups: [] },
};
type Answer<T> = GitLabResult<T> | Error | 'silence';

function authorizer(options: {
  readonly jobs?: Answer<AllowedAgentsForJob>;
  readonly users?: Answer<AuthorizedProxyUser>;
  readonly remembered?: AllowedAgentsForJob;
}) {
  const clock = new VirtualClock();
  const log = new RecordingLog();
  const asked: AuthorizeProxyUserRequest[] = [];
  const give = <T>(answer: Answer<T> | undefined, signal: AbortSignal): Promise<GitLabResult<T>> => {
    if (answer instanceof Error) return Promise.reject(answer);
    if (answer !== 'silence' && answer !== undefined) return Promise.resolve(answer);
    return new Promise((resolve) =>
      signal.addEventListener('abort', () => resolve({ kind: 'unavailable', reason: 'cancelled' })),
    );
  };
  const gitlab: Partial<CachedGitLab> = {
    peekAllowedAgents: () => options.remembered,
    allowedAgents: (_token, signal) => give(options.jobs, signal),
    peekAuthorizedProxyUser: () => undefined,
    authorizeProxyUser: (request, signal) => {
      asked.push(request);
      return give(options.users, signal);
    },
  };
  const usage = new UsageTracker({
    metrics: createMetrics({ processMetrics: false }).metrics,
    isReported: true,
  });
  const subject = new Authorizer({ gitlab: gitlab as CachedGitLab, usage, clock, log });
  const controller = new AbortController();
  const verdicts: Verdict[] = [];
  const ask = (credentials: Credentials) => {
    subject.authorize(
      credentials,
      () => controller.signal,
      (verdict) => verdicts.push(verdict),
    );
    return verdicts;
  };
  return { ask, clock, log, asked, verdicts, controller, usage };
}

const ci = (agentId = 1n): Credentials => ({ kind: 'ci', agentId, token: 'secret' });
const pat: Credentials = { kind: 'pat', agentId: 1n, token: 'secret' };
const cookie: Credentials = { kind: 'session', agentId: 1n, cookie: 'secret', csrfToken: 'csrf' };
const usernameOf = (verdict: Verdict | undefined) =>
  verdict?.kind === 'granted' && verdict.extra !== undefined
    ? fromBinary(KubernetesHeaderExtraSchema, verdict.extra.value).impConfig?.username
    : undefined;

describe('what is granted is counted', () => {
  it('by the way in, with who and which agent; what is refused is not', async () => {
    const { ask, clock, usage } = authorizer({
      jobs: { kind: 'ok', value: job },
      users: { kind: 'ok', value: user },
    });
    for (const credentials of [ci(1n), ci(1n), ci(3n), ci(4n), pat, cookie]) ask(credentials);
    await clock.settle();
    expect(usage.report()).toEqual({
      counters: {
        k8s_api_proxy_request: 5,
        k8s_api_proxy_requests_via_ci_access: 3,
        k8s_api_proxy_requests_via_pat_access: 1,
        k8s_api_proxy_requests_via_user_access: 1,
      },
      uniqueCounters: {
        agent_users_using_ci_tunnel: [13n],
        k8s_api_proxy_requests_unique_users_via_ci_access: [13n],
        k8s_api_proxy_requests_unique_agents_via_ci_access: [1n, 3n],
        k8s_api_proxy_requests_unique_users_via_pat_access: [13n],
        k8s_api_proxy_requests_unique_agents_via_pat_access: [1n],
        k8s_api_proxy_requests_unique_users_via_user_access: [13n],
        k8s_api_proxy_requests_unique_agents_via_user_access: [1n],
      },
    });
    expect(usage.events()?.['k8s_api_proxy_requests_unique_users_via_ci_access']).toEqual([
      { user_id: 13n, project_id: 2n },
    ]);
  });

  it('also when GitLab is remembered', () => {
    const { ask, usage } = authorizer({ remembered: job });
    for (let n = 0; n < 3; n += 1) ask(ci(1n));
    expect(usage.report()?.counters['k8s_api_proxy_request']).toBe(3);
  });
});

describe('a CI job', () => {
  it.each([
    [{ kind: 'unauthenticated', reason: 'x' }, 401, 'Unauthorized: CI job token: x'],
    [{ kind: 'forbidden', reason: 'x' }, 403, 'Forbidden: CI job token: x'],
    [{ kind: 'notFound', reason: 'x' }, 404, 'Not found: agents for CI job token: x'],
    [{ kind: 'unavailable', reason: 'x' }, 500, 'Failed to get allowed agents for CI job token: x'],
  ] as const)('that GitLab answers with %j is refused with %d %s', async (jobs, httpStatus, reason) => {
    const { ask, clock } = authorizer({ jobs });
    const verdicts = ask(ci());
    await clock.settle();
    expect(verdicts).toEqual([{ kind: 'refused', httpStatus, reason }]);
  });

  it('may use an agent of its list, as the list says, and no other', async () => {
    const { ask, clock } = authorizer({ jobs: { kind: 'ok', value: job } });
    const verdicts = [1n, 3n, 4n].map((id) => ask(ci(id))).at(-1);
    await clock.settle();
    expect(verdicts?.[0]).toEqual({ kind: 'granted', extra: undefined });
    expect(usernameOf(verdicts?.[1])).toBe('gitlab:ci_job:10');
    expect(verdicts?.[2]).toEqual({
      kind: 'refused',
      httpStatus: 403,
      reason: 'Forbidden: agentId is not allowed',
    });
  });

  it('is answered at once and with the same bytes while GitLab is remembered', () => {
    const { ask } = authorizer({ remembered: job });
    ask(ci(3n));
    const verdicts = ask(ci(3n));
    expect(verdicts).toHaveLength(2);
    expect(verdicts[0]?.kind === 'granted' && verdicts[0].extra).toBe(
      verdicts[1]?.kind === 'granted' && verdicts[1].extra,
    );
    expect(ask(ci(9n)).at(-1)).toMatchObject({ kind: 'refused', httpStatus: 403 });
  });
});

describe('a person', () => {
  it.each([
    ['a token', pat, { accessType: 'personal_access_token', accessKey: 'secret', csrfToken: '' }],
    ['a browser', cookie, { accessType: 'session_cookie', accessKey: 'secret', csrfToken: 'csrf' }],
  ] as const)('with %s is asked about in the right form', async (_name, credentials, request) => {
    const { ask, clock, asked } = authorizer({ users: { kind: 'ok', value: user } });
    const verdicts = ask(credentials);
    await clock.settle();
    expect(asked).toEqual([{ agentId: 1n, ...request }]);
    expect(usernameOf(verdicts[0])).toBe('gitlab:user:alice');
  });

  it.each([
    [{ kind: 'unauthenticated', reason: 'x' }, 401, 'Unauthorized'],
    [{ kind: 'forbidden', reason: 'x' }, 401, 'Unauthorized'],
    [{ kind: 'notFound', reason: 'x' }, 401, 'Unauthorized'],
    [{ kind: 'unavailable', reason: 'x' }, 500, 'Failed to authorize user session'],
  ] as const)(
    'that GitLab answers with %j is refused with %d %s, no cause',
    async (users, httpStatus, reason) => {
      const { ask, clock } = authorizer({ users });
      const verdicts = ask(pat);
      await clock.settle();
      expect(verdicts).toEqual([{ kind: 'refused', httpStatus, reason }]);
    },
  );
});

it('a question that throws is a refusal and a line in the log, without the token', async () => {
  const { ask, clock, log } = authorizer({ jobs: new Error('bug') });
  const verdicts = ask(ci());
  await clock.settle();
  expect(verdicts).toEqual([{ kind: 'refused', httpStatus: 500, reason: 'Failed to authorize' }]);
  expect(log.text).toContain('Authorisation failed unexpectedly');
  expect(log.text).not.toContain('secret');
});

it('a caller who leaves ends the wait, and the deadline does too', async () => {
  const left = authorizer({ jobs: 'silence' });
  const verdicts = left.ask(ci());
  left.controller.abort();
  await left.clock.settle();
  expect([verdicts.length, left.clock.pending]).toEqual([1, 0]);
  const slow = authorizer({ users: 'silence' });
  slow.ask(pat);
  await slow.clock.advanceAsync(60_000);
  expect(slow.verdicts).toMatchObject([{ kind: 'refused', httpStatus: 500 }]);
});
