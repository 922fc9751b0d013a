import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { cachedGitLab, type CacheTtls } from '../../src/gitlab/cache/index.ts';
import type {
  AgentEvents,
  AgentInfo,
  AllowedAgentsForJob,
  AuthorizedProxyUser,
  GitLab,
  GitLabResult,
  Labels,
  MetricDescription,
  Metrics,
  ModuleAnswer,
  ModuleRequest,
  ProjectInfo,
  SharedErrors,
  UsageReport,
} from '../../src/ports/index.ts';
import { memoryStore } from '../../src/store/memory/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { RecordingLog } from './recording-log.ts';

const never = new AbortController().signal;
const location = { kind: 'local', gitDir: '/r.git' } as const;
const agentInfo: AgentInfo = {
  agentId: 1n,
  agentName: 'demo',
  projectId: 7n,
  defaultBranch: 'main',
  repository: { projectPath: 'demo/agents', location },
};
const ok = <T>(value: T): GitLabResult<T> => ({ kind: 'ok', value });
const pat = {
  agentId: 258n,
  accessType: 'personal_access_token',
  accessKey: 'glpat-secret',
  csrfToken: '',
} as const;

/** A GitLab that counts, and answers when it is told to. */
class SlowGitLab implements GitLab {
  readonly asked: string[] = [];
  readonly signals: AbortSignal[] = [];
  readonly #pending: (() => void)[] = [];
  held = false;
  result: GitLabResult<unknown> = ok(agentInfo);

  async #answer<T>(what: string, signal: AbortSignal): Promise<GitLabResult<T>> {
    this.asked.push(what);
    this.signals.push(signal);
    if (this.held) await new Promise<void>((resolve) => this.#pending.push(resolve));
    return this.result as GitLabResult<T>;
  }
  release(): void {
    this.held = false;
    for (const resolve of this.#pending.splice(0)) resolve();
  }
  agentInfo(token: string, signal: AbortSignal) {
    return this.#answer<AgentInfo>(`agent ${token}`, signal);
  }
  projectInfo(token: string, path: string, signal: AbortSignal) {
    return this.#answer<ProjectInfo>(`project ${token} ${path}`, signal);
  }
  verifyProjectAccess(token: string, path: string, signal: AbortSignal) {
    return this.#answer<boolean>(`access ${token} ${path}`, signal);
  }
  moduleRequest({ moduleName }: ModuleRequest, signal: AbortSignal) {
    return this.#answer<ModuleAnswer>(`module ${moduleName}`, signal);
  }
  reportUsage(_report: UsageReport, signal: AbortSignal) {
    return this.#answer<undefined>('usage', signal);
  }
  reportEvents(_events: AgentEvents, signal: AbortSignal) {
    return this.#answer<undefined>('events', signal);
  }
  allowedAgents(token: string, signal: AbortSignal) {
    return this.#answer<AllowedAgentsForJob>(`job ${token}`, signal);
  }
  authorizeProxyUser(request: { accessKey: string; csrfToken: string }, signal: AbortSignal) {
    return this.#answer<AuthorizedProxyUser>(`user ${request.accessKey} ${request.csrfToken}`, signal);
  }
  reportAgentConfiguration(agentId: bigint, _json: object, signal: AbortSignal) {
    return this.#answer<undefined>(`report ${agentId}`, signal);
  }
}

/** Metrics as a map from `name{labels}` to the last value or sum. */
function recordingMetrics(): Metrics & { readonly values: Map<string, number> } {
  const values = new Map<string, number>();
  const key = ({ name }: MetricDescription, labels: Labels = {}) =>
    `${name}{${Object.values(labels).join()}}`;
  return {
    values,
    counter: (description) => ({
      inc: (labels, by = 1) =>
        values.set(key(description, labels), (values.get(key(description, labels)) ?? 0) + by),
    }),
    gauge: (description) => ({ set: (value, labels) => values.set(key(description, labels), value) }),
    histogram: () => ({ observe() {} }),
    observed() {},
  };
}

function fresh(
  options: { ttls?: Partial<CacheTtls>; entriesMax?: number; sharedErrors?: SharedErrors } = {},
) {
  const clock = new VirtualClock();
  const gitlab = new SlowGitLab();
  const log = new RecordingLog();
  const metrics = recordingMetrics();
  const { sharedErrors } = memoryStore({ clock });
  const cached = cachedGitLab(gitlab, { sharedErrors, clock, log, metrics, ...options });
  return { clock, gitlab, log, metrics, sharedErrors, cached };
}

describe('a success', () => {
  it('is answered from memory until its time is over', async () => {
    const { clock, gitlab, cached } = fresh();
    for (let n = 0; n < 3; n += 1) expect(await cached.agentInfo('t', never)).toEqual(ok(agentInfo));
    clock.advance(299_999);
    await cached.agentInfo('t', never);
    expect(gitlab.asked).toEqual(['agent t']);
    clock.advance(1);
    await cached.agentInfo('t', never);
    expect(gitlab.asked).toHaveLength(2);
  });

  it('is kept per token, per project and per person', async () => {
    const { gitlab, cached } = fresh();
    const questions = [
      () => cached.agentInfo('a', never),
      () => cached.agentInfo('b', never),
      () => cached.projectInfo('a', 'p/q', never),
      () => cached.projectInfo('a', 'p/r', never),
      () => cached.projectInfo('b', 'p/q', never),
      () => cached.verifyProjectAccess('a', 'p/q', never),
      () => cached.verifyProjectAccess('a', 'p/r', never),
      () => cached.allowedAgents('a', never),
      () => cached.authorizeProxyUser(pat, never),
      () => cached.authorizeProxyUser({ ...pat, agentId: 3n }, never),
      () => cached.authorizeProxyUser({ ...pat, csrfToken: 'x' }, never),
      () => cached.authorizeProxyUser({ ...pat, accessType: 'session_cookie' }, never),
    ];
    for (const ask of [...questions, ...questions]) await ask();
    expect(gitlab.asked).toHaveLength(questions.length);
  });

  it('has the lifetime of its kind', async () => {
    const { clock, gitlab, cached } = fresh();
    await cached.allowedAgents('j', never);
    await cached.authorizeProxyUser(pat, never);
    await cached.agentInfo('t', never);
    clock.advance(60_000);
    await cached.allowedAgents('j', never);
    await cached.authorizeProxyUser(pat, never);
    await cached.agentInfo('t', never);
    expect(gitlab.asked).toHaveLength(5);
  });

  it('can be peeked at without a promise', async () => {
    const { clock, cached } = fresh();
    expect(cached.peekAllowedAgents({ token: 'j' })).toBeUndefined();
    await cached.allowedAgents('j', never);
    await cached.agentInfo('t', never);
    await cached.projectInfo('t', 'p', never);
    await cached.authorizeProxyUser(pat, never);
    expect(cached.peekAllowedAgents({ token: 'j' })).toBe(agentInfo);
    expect(cached.peekAgentInfo('t')).toBe(agentInfo);
    expect(cached.peekProjectInfo('t', 'p')).toBe(agentInfo);
    expect(cached.peekAuthorizedProxyUser(pat)).toBe(agentInfo);
    expect(cached.peekAllowedAgents({ token: 't' })).toBeUndefined();
    clock.advance(60_000);
    expect(cached.peekAllowedAgents({ token: 'j' })).toBeUndefined();
    expect(cached.peekAgentInfo('t')).toBe(agentInfo);
  });

  it('is forgotten on request, also the one on its way', async () => {
    const { gitlab, cached } = fresh();
    await cached.agentInfo('t', never);
    gitlab.held = true;
    const late = cached.agentInfo('u', never);
    await Promise.resolve();
    cached.forget();
    gitlab.release();
    expect(await late).toEqual(ok(agentInfo));
    expect(cached.peekAgentInfo('t')).toBeUndefined();
    expect(cached.peekAgentInfo('u')).toBeUndefined();
  });

  it('makes room for newer ones, and expired ones are swept', async () => {
    const { clock, cached, metrics } = fresh({ entriesMax: 2 });
    for (const token of ['a', 'b', 'c']) await cached.agentInfo(token, never);
    expect(cached.peekAgentInfo('a')).toBeUndefined();
    expect(cached.peekAgentInfo('c')).toBe(agentInfo);
    expect(metrics.values.get('gitlab_cache_evictions_total{agent_info}')).toBe(1);
    expect(metrics.values.get('gitlab_cache_entries{agent_info}')).toBe(2);
    clock.advance(300_000);
    await cached.agentInfo('d', never);
    expect(metrics.values.get('gitlab_cache_entries{agent_info}')).toBe(1);
  });
});

describe('a lifetime of 0', () => {
  it('switches the memory off, refusals included', async () => {
    const { gitlab, cached, sharedErrors } = fresh({ ttls: { agentInfoMs: 0 } });
    await cached.agentInfo('t', never);
    await cached.agentInfo('t', never);
    gitlab.result = { kind: 'notFound', reason: 'gone' };
    await cached.agentInfo('t', never);
    await cached.agentInfo('t', never);
    expect(gitlab.asked).toHaveLength(4);
    expect(cached.peekAgentInfo('t')).toBeUndefined();
    expect(await sharedErrors.get(`agent_info_errs:${sha256('')}`)).toBeUndefined();
  });
});

describe('a question under way', () => {
  it('is shared by all who ask the same', async () => {
    const { clock, gitlab, cached } = fresh();
    gitlab.held = true;
    const answers = Array.from({ length: 10 }, () => cached.agentInfo('t', never));
    await clock.settle();
    gitlab.release();
    expect(new Set(await Promise.all(answers)).size).toBe(1);
    expect(gitlab.asked).toEqual(['agent t']);
    expect(clock.pending).toBe(0);
  });

  it('goes on for the others when one gives up', async () => {
    const { clock, gitlab, cached } = fresh();
    gitlab.held = true;
    const impatient = new AbortController();
    const first = cached.agentInfo('t', impatient.signal);
    const second = cached.agentInfo('t', never);
    await clock.settle();
    impatient.abort();
    expect(await first).toEqual({ kind: 'unavailable', reason: 'cancelled' });
    expect(gitlab.signals[0]?.aborted).toBe(false);
    gitlab.release();
    expect(await second).toEqual(ok(agentInfo));
  });

  it('is cancelled when the last one gives up, and asked anew for who comes later', async () => {
    const { clock, gitlab, cached } = fresh();
    gitlab.held = true;
    const patience = [new AbortController(), new AbortController()];
    const answers = patience.map(({ signal }) => cached.agentInfo('t', signal));
    await clock.settle();
    patience.forEach((one) => one.abort());
    await Promise.all(answers);
    expect(gitlab.signals[0]?.aborted).toBe(true);
    const later = cached.agentInfo('t', never);
    await clock.settle();
    gitlab.release();
    expect(await later).toEqual(ok(agentInfo));
    expect(gitlab.asked).toHaveLength(2);
  });

  it('ends for everybody when GitLab does not answer in time', async () => {
    const { clock, gitlab, cached } = fresh();
    gitlab.held = true;
    const answer = cached.agentInfo('t', never);
    await clock.advanceAsync(180_000);
    expect(await answer).toEqual({ kind: 'unavailable', reason: 'GitLab did not answer in time' });
    expect(gitlab.signals[0]?.aborted).toBe(true);
    gitlab.held = false;
    expect(await cached.agentInfo('t', never)).toEqual(ok(agentInfo));
  });

  it('tells all who wait when it crashes, and is asked anew', async () => {
    const { cached, gitlab } = fresh();
    const crash = new Error('bug');
    const broken = gitlab.agentInfo.bind(gitlab);
    gitlab.agentInfo = () => Promise.reject(crash);
    const answers = await Promise.allSettled([cached.agentInfo('t', never), cached.agentInfo('t', never)]);
    expect(answers.map((one) => (one.status === 'rejected' ? one.reason : one))).toEqual([crash, crash]);
    gitlab.agentInfo = broken;
    expect(await cached.agentInfo('t', never)).toEqual(ok(agentInfo));
  });

  it('is not begun for a caller who is gone already', async () => {
    const { gitlab, cached } = fresh();
    expect((await cached.agentInfo('t', AbortSignal.abort())).kind).toBe('unavailable');
    expect(gitlab.asked).toEqual([]);
  });
});

describe('a refusal', () => {
  it.each([
    ['unauthenticated', 401],
    ['forbidden', 403],
    ['notFound', 404],
  ] as const)('%s is remembered in the shared store as %i for its time', async (kind, statusCode) => {
    const { clock, gitlab, cached, sharedErrors } = fresh();
    gitlab.result = { kind, reason: 'because' };
    for (let n = 0; n < 3; n += 1) {
      expect(await cached.agentInfo('token', never)).toEqual({ kind, reason: 'because' });
    }
    expect(gitlab.asked).toHaveLength(1);
    const shared = await sharedErrors.get(`agent_info_errs:${sha256('to')}`);
    expect(shared).toEqual({ statusCode, reason: 'because' });
    clock.advance(60_000);
    gitlab.result = ok(agentInfo);
    expect(await cached.agentInfo('token', never)).toEqual(ok(agentInfo));
  });

  it('of a GitLab is shared with its path and words, and told in the words of the originals', async () => {
    const { gitlab, cached, sharedErrors } = fresh();
    const source = { path: '/api/v4/x', message: '401 Unauthorized' };
    gitlab.result = { kind: 'unauthenticated', reason: 'as told', source };
    await cached.agentInfo('token', never);
    const shared = { statusCode: 401, path: '/api/v4/x', reason: '401 Unauthorized' };
    expect(await sharedErrors.get(`agent_info_errs:${sha256('to')}`)).toEqual(shared);
    expect(await cached.agentInfo('token', never)).toEqual({
      kind: 'unauthenticated',
      reason: 'HTTP status code: 401 for path /api/v4/x with reason 401 Unauthorized',
    });
    await sharedErrors.set(`allowed_agents_errs:${sha256('jo')}`, { ...shared, reason: '' }, 1_000);
    expect(await cached.allowedAgents('jobs', never)).toEqual({
      kind: 'unauthenticated',
      reason: 'HTTP status code: 401 for path /api/v4/x',
    });
  });

  it('of any other kind is never remembered', async () => {
    const { gitlab, cached } = fresh();
    gitlab.result = { kind: 'unavailable', reason: 'HTTP 502' };
    await cached.agentInfo('t', never);
    await cached.agentInfo('t', never);
    expect(gitlab.asked).toHaveLength(2);
  });

  it('found by another kas is used without asking, but not while a success is remembered', async () => {
    const { clock, gitlab, cached, sharedErrors } = fresh();
    await cached.agentInfo('token', never);
    const key = `agent_info_errs:${sha256('to')}`;
    await sharedErrors.set(key, { statusCode: 401, reason: 'revoked' }, 600_000);
    expect((await cached.agentInfo('token', never)).kind).toBe('ok');
    clock.advance(300_000);
    expect(await cached.agentInfo('token', never)).toEqual({ kind: 'unauthenticated', reason: 'revoked' });
    expect(gitlab.asked).toHaveLength(1);
  });

  it('has a key of the original form in the shared store', async () => {
    const keys: string[] = [];
    const sharedErrors: SharedErrors = {
      get: () => Promise.resolve(undefined),
      set: (key) => Promise.resolve(void keys.push(key)),
    };
    const { gitlab, cached } = fresh({ sharedErrors });
    gitlab.result = { kind: 'notFound', reason: '' };
    await cached.agentInfo('abcde', never);
    await cached.projectInfo('abcde', 'group/pröject', never);
    await cached.verifyProjectAccess('abcde', 'group/pröject', never);
    await cached.allowedAgents('abcdef', never);
    await cached.authorizeProxyUser({ ...pat, csrfToken: 'csrf' }, never);
    const person = Buffer.concat([
      Buffer.from('0201000000000000', 'hex'),
      Buffer.from('personal_access_token\u000bglpat-\u000bcsrf'),
    ]);
    expect(keys).toEqual([
      `agent_info_errs:${sha256('ab')}`,
      `project_info_errs:${sha256('ab')}:${Buffer.from('group/pröject').toString('latin1')}`,
      `verify_project_access_errs:${sha256('ab')}:${Buffer.from('group/pröject').toString('latin1')}`,
      `allowed_agents_errs:${sha256('abc')}`,
      `auth_proxy_user_errs:${sha256(person)}`,
    ]);
  });

  it('is worked without when the shared store fails or is slow', async () => {
    const sharedErrors: SharedErrors = {
      get: () => Promise.reject(new Error('store down')),
      set: () => Promise.reject(new Error('store down')),
    };
    const { gitlab, cached, log } = fresh({ sharedErrors });
    expect(await cached.agentInfo('t', never)).toEqual(ok(agentInfo));
    gitlab.result = { kind: 'notFound', reason: 'x' };
    expect((await cached.agentInfo('u', never)).kind).toBe('notFound');
    await Promise.resolve();
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(3);

    const stuck = fresh({ sharedErrors: { get: () => new Promise(() => {}), set: () => Promise.resolve() } });
    const answer = stuck.cached.agentInfo('t', never);
    await stuck.clock.advanceAsync(1_000);
    expect(await answer).toEqual(ok(agentInfo));
  });
});

it('reports are passed on every time', async () => {
  const { gitlab, cached } = fresh();
  await cached.reportAgentConfiguration(5n, {}, never);
  await cached.reportAgentConfiguration(5n, {}, never);
  expect(gitlab.asked).toEqual(['report 5', 'report 5']);
});

function sha256(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('latin1');
}
