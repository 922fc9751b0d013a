/** Every way in which GitLab can refuse or fail, for every call (`spec/gitlab.md §1.3`, `§1.4`, `§1.10`, `§1.11`). */
import { describe, expect, it } from 'vitest';
import { cachedGitLab } from '../../../src/gitlab/cache/index.ts';
import type { GitLab, GitLabResult } from '../../../src/ports/index.ts';
import { memoryStore } from '../../../src/store/memory/index.ts';
import type { RailsTrouble } from '../../fakes/rails/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { turn, until } from '../../kas/waiting.ts';
import { ImpatientClock, never, restWorld } from './rest-world.ts';

const person = {
  agentId: 5n,
  accessType: 'personal_access_token',
  accessKey: 'glpat-ada',
  csrfToken: '',
} as const;

const calls: Readonly<
  Record<string, (gitlab: GitLab, signal?: AbortSignal) => Promise<GitLabResult<unknown>>>
> = {
  agent_info: (gitlab, signal = never) => gitlab.agentInfo('agent-token', signal),
  project_info: (gitlab, signal = never) => gitlab.projectInfo('agent-token', 'group/public', signal),
  verify_project_access: (gitlab, signal = never) =>
    gitlab.verifyProjectAccess('agent-token', 'group/public', signal),
  allowed_agents: (gitlab, signal = never) => gitlab.allowedAgents('job-token', signal),
  authorize_proxy_user: (gitlab, signal = never) => gitlab.authorizeProxyUser(person, signal),
  agent_configuration: (gitlab, signal = never) => gitlab.reportAgentConfiguration(5n, {}, signal),
  usage_metrics: (gitlab, signal = never) =>
    gitlab.reportUsage({ counters: { gitops_sync: 1 }, uniqueCounters: {} }, signal),
};
const askedOnce = ['agent_info', 'project_info', 'verify_project_access', 'usage_metrics'];
const repeated = ['allowed_agents', 'authorize_proxy_user', 'agent_configuration'];
const withMessage = askedOnce.filter((name) => name.endsWith('_info')).concat(repeated.slice(0, 2));

async function ask(name: string, ...troubles: readonly RailsTrouble[]) {
  await using world = await restWorld(new ImpatientClock());
  world.rails.trouble(name, ...troubles);
  const result = await calls[name]?.(world.gitlab);
  const { pauses } = world.clock;
  return { result, pauses, log: world.log, tries: world.rails.requests(name).length };
}
type StatusTrouble = Extract<RailsTrouble, { kind: 'status' }>;
const status = (code: number, more: Partial<StatusTrouble> = {}): StatusTrouble => ({
  kind: 'status',
  status: code,
  ...more,
});

describe.each(Object.keys(calls))('%s', (name) => {
  const refusals = [
    [401, 'unauthenticated'],
    [403, 'forbidden'],
    [404, 'notFound'],
  ] as const;
  it.each(refusals)('%i is a refusal and not repeated', async (code, kind) => {
    const { result, tries } = await ask(name, status(code, { json: { message: `${code} No` } }));
    expect(tries).toBe(1);
    if (name === 'verify_project_access') return expect(result).toEqual({ kind: 'ok', value: false });
    const told = name === 'allowed_agents' ? '' : ` with reason ${code} No`;
    expect(result).toMatchObject({ kind });
    expect((result as { reason: string }).reason).toMatch(
      new RegExp(`^HTTP status code: ${code} for path /api/v4/\\S*${name}${told}$`),
    );
  });

  it.each([301, 302, 400, 409, 418, 422, 501])('%i is no answer and not repeated', async (code) => {
    const { result, tries } = await ask(name, status(code, { headers: { Location: '/elsewhere' } }));
    const refused = name === 'authorize_proxy_user' && code === 400;
    expect([result?.kind, tries]).toEqual([refused ? 'unauthenticated' : 'unavailable', 1]);
  });

  it('a cancelled question is over at once, whatever GitLab does', async () => {
    await using world = await restWorld(new ImpatientClock());
    world.rails.trouble(name, { kind: 'hang' });
    const caller = new AbortController();
    const answer = calls[name]?.(world.gitlab, caller.signal);
    await world.rails.arrived(1, name);
    caller.abort();
    expect(await answer).toEqual({ kind: 'unavailable', reason: 'cancelled' });
    expect(await calls[name]?.(world.gitlab, AbortSignal.abort())).toMatchObject({ reason: 'cancelled' });
  });

  it('a GitLab that says nothing is waited for 20 s', async () => {
    const world = await restWorld(new VirtualClock());
    await using _end = world;
    for (let n = 0; n < 5; n += 1) world.rails.trouble(name, { kind: 'hang' });
    const answer = calls[name]?.(world.gitlab);
    let isOver = false;
    void answer?.finally(() => (isOver = true));
    for (let n = 1; n <= (repeated.includes(name) ? 5 : 1); n += 1) {
      await world.rails.arrived(n, name);
      await world.clock.advanceAsync(19_999);
      expect(isOver).toBe(false);
      await world.clock.advanceAsync(1);
      await world.clock.advanceAsync(100 * 2 ** (n - 1)); // the pause before the next try
    }
    expect(await answer).toEqual({ kind: 'unavailable', reason: 'no answer from GitLab within 20 s' });
  });
});

describe.each(askedOnce)('%s', (name) => {
  it.each([429, 500, 502, 503])('%i is not repeated: whoever asked asks again by himself', async (code) => {
    const { result, tries, pauses } = await ask(name, status(code, { headers: { 'Retry-After': '1' } }));
    expect([result?.kind, tries, pauses]).toEqual(['unavailable', 1, []]);
  });
});

describe.each(repeated)('%s', (name) => {
  it.each([429, 500, 502, 503, 504, 599])('%i is repeated, a little later each time', async (code) => {
    const { result, tries, pauses } = await ask(
      name,
      status(code),
      status(code),
      { kind: 'cut' },
      status(code),
    );
    expect([result?.kind, tries]).toEqual(['ok', 5]);
    expect(pauses).toEqual([100, 200, 400, 800]);
  });

  it('the last answer is the answer', async () => {
    const { result, tries } = await ask(name, ...[500, 500, 500, 500, 503, 200].map((code) => status(code)));
    expect(tries).toBe(5);
    expect(result).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('503 for path') });
  });

  it('Retry-After is waited for with 429 and 503, unless nobody would wait that long', async () => {
    const after = (code: number, value: string) => status(code, { headers: { 'Retry-After': value } });
    const { result, pauses } = await ask(name, after(429, '7'), after(503, '11'), after(500, '13'));
    expect([result?.kind, pauses]).toEqual(['ok', [7_000, 11_000, 400]]);
    const late = await ask(name, after(429, '61'));
    expect([late.result?.kind, late.tries]).toEqual(['unavailable', 1]);
    const odd = await ask(name, after(429, 'Wed, 21 Oct 2026 07:28:00 GMT'), after(503, '-5'));
    expect([odd.result?.kind, odd.pauses]).toEqual(['ok', [100, 200]]);
  });

  it('a lost connection is one more reason to repeat', async () => {
    const { result, tries } = await ask(name, { kind: 'cut' });
    expect([result?.kind, tries]).toEqual(['ok', 2]);
  });
});

describe.each(withMessage)('the answer of %s', (name) => {
  const path = expect.stringMatching(new RegExp(`^unusable answer of GitLab for path \\S*${name}: `));
  it.each([
    ['that is a page for people', { kind: 'html' }],
    ['that is broken JSON', { kind: 'brokenJson' }],
    ['that breaks off', { kind: 'cutInBody' }],
    ['that is huge', { kind: 'huge', bytes: 9 * 1024 * 1024 }],
    ['that is another one', status(200, { json: { hello: 1 } })],
    ['that is a list', status(200, { json: [1] })],
    ['whose fields have other types', status(200, { json: { agent: 'x', job: 'y', agent_id: 'secret-z' } })],
    ['that is no JSON by its type', status(200, { text: '{}', headers: { 'Content-Type': 'text/plain' } })],
    ['that is empty', status(200, { headers: { 'Content-Type': 'application/json' } })],
  ] satisfies [string, RailsTrouble][])(
    '%s is unusable, said once and not repeated',
    async (_what, trouble) => {
      const { result, tries, log } = await ask(name, trouble);
      expect(result).toEqual({ kind: 'unavailable', reason: path });
      expect(tries).toBe(1);
      expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
      expect(log.text).not.toContain('secret-z');
    },
  );

  it('that stops in the middle is waited for 30 s', async () => {
    const world = await restWorld(new VirtualClock());
    await using _end = world;
    world.rails.trouble(name, { kind: 'hangInBody' });
    const answer = calls[name]?.(world.gitlab);
    await until(() => world.metrics.values.get(`gitlab_requests_total{${name},200}`) === 1);
    await world.clock.advanceAsync(30_000);
    expect(await answer).toMatchObject({ reason: expect.stringContaining('does not go on within 30 s') });
  });
});

it('where a repository has its objects is kept when it is not the usual place', async () => {
  const json = {
    project_id: 7,
    default_branch: 'main',
    gitaly_info: { address: 'unix:/x' },
    gitaly_repository: {
      storage_name: 's',
      relative_path: 'r',
      gl_repository: 'g',
      gl_project_path: 'p',
      git_object_directory: 'objects/a',
      git_alternate_object_directories: ['b'],
    },
  };
  expect((await ask('project_info', status(200, { json }))).result).toMatchObject({
    value: {
      repository: {
        location: { token: '', gitObjectDirectory: 'objects/a', gitAlternateObjectDirectories: ['b'] },
      },
    },
  });
});

it('ids that are not positive and names that are empty are not believed', async () => {
  const repository = { storage_name: 's', relative_path: 'r', gl_repository: 'g', gl_project_path: 'p' };
  const good = {
    project_id: 7,
    agent_id: 3,
    agent_name: 'a',
    default_branch: 'main',
    gitaly_info: { address: 'unix:/x', token: '' },
    gitaly_repository: repository,
  };
  expect((await ask('agent_info', status(200, { json: good }))).result?.kind).toBe('ok');
  expect((await ask('agent_info', status(201, { json: good }))).result?.kind).toBe('ok');
  for (const bad of [
    { agent_id: 0 },
    { project_id: -1 },
    { agent_name: '' },
    { default_branch: null },
    { gitaly_info: null },
    { gitaly_info: {} },
    { gitaly_repository: { ...repository, gl_project_path: '' } },
  ]) {
    const { result } = await ask('agent_info', status(200, { json: { ...good, ...bad } }));
    expect(result?.kind, JSON.stringify(bad)).toBe('unavailable');
  }
});

it('a question that died with a kept-alive connection is asked again', async () => {
  const { result, tries } = await ask('agent_info', { kind: 'cut' });
  expect([result?.kind, tries]).toEqual(['ok', 2]);
  expect((await ask('agent_info', { kind: 'cut' }, { kind: 'cut' })).result?.kind).toBe('unavailable');
  expect((await ask('usage_metrics', { kind: 'cut' })).tries).toBe(1); // it may have been counted
});

it('a signature GitLab does not accept is not the fault of the agent, and nobody remembers it', async () => {
  await using world = await restWorld(new ImpatientClock(), {
    gitlab: { secret: () => Promise.resolve(Buffer.alloc(32)) },
  });
  const { sharedErrors } = memoryStore({ clock: world.clock });
  const cached = cachedGitLab(world.gitlab, { ...world, sharedErrors });
  for (let n = 0; n < 2; n += 1) {
    const result = await cached.agentInfo('agent-token', never);
    expect(result.kind).toBe('unavailable');
    expect('reason' in result && result.reason).toContain('gitlab.authentication_secret_file');
  }
  expect(world.rails.requests()).toHaveLength(2);
  expect(world.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
});

it('a secret that cannot be read says so, and works once it can', async () => {
  let isThere = false;
  let secret: Buffer = Buffer.alloc(0);
  await using world = await restWorld(new ImpatientClock(), {
    gitlab: {
      secret: () => (isThere ? Promise.resolve(secret) : Promise.reject(new Error('no such file: /s'))),
    },
  });
  secret = world.rails.secret;
  expect(await world.gitlab.agentInfo('agent-token', never)).toEqual({
    kind: 'unavailable',
    reason: 'the secret shared with GitLab cannot be used: no such file: /s',
  });
  isThere = true;
  expect((await world.gitlab.agentInfo('agent-token', never)).kind).toBe('ok');
});

it('refusals are remembered and shared as the originals do, troubles are not', async () => {
  await using world = await restWorld(new ImpatientClock());
  const { sharedErrors } = memoryStore({ clock: world.clock });
  const cached = cachedGitLab(world.gitlab, { ...world, sharedErrors });
  for (let n = 0; n < 2; n += 1) {
    expect(await cached.agentInfo('revoked', never)).toEqual({
      kind: 'unauthenticated',
      reason:
        'HTTP status code: 401 for path /api/v4/internal/kubernetes/agent_info with reason 401 Unauthorized',
      ...(n === 0
        ? { source: { path: '/api/v4/internal/kubernetes/agent_info', message: '401 Unauthorized' } }
        : {}),
    });
  }
  expect(world.rails.requests()).toHaveLength(1);
  world.rails.trouble('agent_info', status(500), { kind: 'html' });
  for (let n = 0; n < 2; n += 1)
    expect((await cached.agentInfo('agent-token', never)).kind).toBe('unavailable');
  expect((await cached.agentInfo('agent-token', never)).kind).toBe('ok');
  expect(world.rails.requests()).toHaveLength(4);
});

it("GitLab's words are shown on one line, bounded, and only where they are words", async () => {
  const reasonOf = async (json: unknown) => {
    const { result } = await ask('agent_info', status(403, { json }));
    return String((result as { reason?: string }).reason).split(' with reason ')[1];
  };
  expect(await reasonOf({ message: 'a\u001b[31m\nb\u202ec' })).toBe('a [31m b c');
  expect(await reasonOf({ message: 'x'.repeat(5_000) })).toBe(`${'x'.repeat(200)}…`);
  expect(await reasonOf({ message: { base: ['no'] } })).toBe('{"base":["no"]}');
  expect(await reasonOf({ error: 'agent_id is missing' })).toBe('agent_id is missing');
  expect(await reasonOf({ message: 'x'.repeat(100_000) })).toBeUndefined();
  const page = await ask('agent_info', { kind: 'html', status: 403 });
  expect(page.result).toMatchObject({ kind: 'forbidden', source: { message: '' } });
});

it('tokens that cannot be tokens never leave kas, and nobody sees them', async () => {
  await using world = await restWorld(new ImpatientClock());
  const bad = 'secret\r\nX-Evil: 1';
  const results = [
    await world.gitlab.agentInfo(bad, never),
    await world.gitlab.projectInfo(bad, 'p', never),
    await world.gitlab.allowedAgents(bad, never),
    await world.gitlab.verifyProjectAccess(bad, 'p', never),
  ];
  expect(results.map(({ kind }) => kind)).toEqual([
    'unauthenticated',
    'unauthenticated',
    'unauthenticated',
    'ok',
  ]);
  expect(JSON.stringify(results)).not.toContain('secret');
  expect(world.rails.requests()).toEqual([]);
});

it('nothing that was asked or answered stays behind', async () => {
  const clock = new VirtualClock();
  const world = await restWorld(clock);
  await calls['agent_info']?.(world.gitlab);
  await calls['usage_metrics']?.(world.gitlab);
  await turn();
  expect(clock.pending).toBe(0);
  world.rails.trouble('agent_info', { kind: 'hang' });
  const answer = calls['agent_info']?.(world.gitlab);
  await world.rails.arrived(2, 'agent_info');
  await world.close();
  expect((await answer)?.kind).toBe('unavailable');
  expect(clock.pending).toBe(0);
  expect((await calls['agent_info']?.(world.gitlab))?.kind).toBe('unavailable');
});
