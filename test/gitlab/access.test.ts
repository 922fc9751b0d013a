import { describe, expect, it } from 'vitest';
import { readAccessRules } from '../../src/gitlab/embedded/access-rules.ts';
import { allowedAgent, matches } from '../../src/gitlab/embedded/ci-access.ts';
import { hashToken } from '../../src/gitlab/embedded/index.ts';
import { authorizeUser } from '../../src/gitlab/embedded/user-access.ts';
import { parseAgentConfiguration } from '../../src/protocol/index.ts';
import { directoryObject, directoryOf, tokens } from './directory-file.ts';

function rulesOf(yaml: string) {
  const parsed = parseAgentConfiguration(Buffer.from(yaml));
  if (parsed.kind === 'invalid') throw new Error(parsed.reason);
  const rules = readAccessRules(parsed.json);
  if (rules === undefined) throw new Error('unexpected form');
  return rules;
}

interface CiCase {
  readonly agent?: bigint;
  readonly job?: string;
  readonly environment?: { name?: string; slug: string; tier: string } | undefined;
  readonly across?: boolean;
}

/** What the job of `demo/sub/App` (or another) gets of an agent with this configuration. */
function ci(yaml: string | undefined, over: CiCase = {}) {
  const file = directoryObject();
  const jobs = file.jobs.map((job) =>
    'environment' in over ? { ...job, environment: over.environment } : job,
  );
  const directory = directoryOf({ ...file, jobs });
  const agent = directory.agentsById.get(over.agent ?? 1n);
  const job = directory.jobsByTokenHash.get(hashToken(over.job ?? tokens.job));
  if (agent === undefined || job === undefined) throw new Error('no such agent or job');
  const rules = yaml === undefined ? undefined : rulesOf(yaml);
  return allowedAgent(agent, rules, job, over.across ?? false);
}

const granted = { agentId: 1n, configProjectId: 1n, defaultNamespace: '', accessAs: { kind: 'agent' } };

describe('ci_access', () => {
  it.each<[string, string | undefined, CiCase, object | undefined]>([
    ['nothing without a grant', '', {}, undefined],
    ['nothing while the configuration is unknown', undefined, {}, undefined],
    ['the own agents of a project without any entry', '', { job: tokens.plainJob }, granted],
    ['the own agents even while the configuration is unknown', undefined, { job: tokens.plainJob }, granted],
    ['a listed project', 'ci_access: { projects: [{ id: demo/sub/App }] }', {}, granted],
    ['a listed project in any case', 'ci_access: { projects: [{ id: DEMO/sub/aPP }] }', {}, granted],
    [
      'not a project that only begins alike',
      'ci_access: { projects: [{ id: demo/sub/App2 }, { id: demo/sub }] }',
      {},
      undefined,
    ],
    ['the innermost group', 'ci_access: { groups: [{ id: demo/sub }] }', {}, granted],
    ['an outer group, in any case', 'ci_access: { groups: [{ id: Demo }] }', {}, granted],
    ['not another group', 'ci_access: { groups: [{ id: demo/agents }, { id: dem }] }', {}, undefined],
    [
      'the project before its groups',
      'ci_access: { groups: [{ id: demo, default_namespace: g }], projects: [{ id: demo/sub/app, default_namespace: p }] }',
      {},
      { ...granted, defaultNamespace: 'p' },
    ],
    [
      'the inner group before the outer',
      'ci_access: { groups: [{ id: demo, default_namespace: outer }, { id: demo/sub, default_namespace: inner }] }',
      {},
      { ...granted, defaultNamespace: 'inner' },
    ],
    [
      'an entry for the own project before the implicit grant',
      'ci_access: { projects: [{ id: demo/agents, default_namespace: own }] }',
      { job: tokens.plainJob },
      { ...granted, defaultNamespace: 'own' },
    ],
    [
      'the implicit grant before groups',
      'ci_access: { groups: [{ id: demo, default_namespace: g }] }',
      { job: tokens.plainJob },
      granted,
    ],
    [
      'the last of two entries of one project',
      'ci_access: { projects: [{ id: demo/sub/app, default_namespace: a }, { id: Demo/sub/app, default_namespace: b }] }',
      {},
      { ...granted, defaultNamespace: 'b' },
    ],
    [
      'no project of another namespace',
      'ci_access: { projects: [{ id: demo/sub/app }] }',
      { agent: 2n },
      undefined,
    ],
    ['no group of another namespace', 'ci_access: { groups: [{ id: demo }] }', { agent: 2n }, undefined],
    [
      'another namespace when the directory allows it',
      'ci_access: { groups: [{ id: demo }] }',
      { agent: 2n, across: true },
      { ...granted, agentId: 2n, configProjectId: 3n },
    ],
  ])('gives a job %s', (_name, yaml, over, expected) => {
    expect(ci(yaml, over)).toEqual(expected);
  });

  it.each<[string, object]>([
    ['agent: {}', { kind: 'agent' }],
    ['ci_job: {}', { kind: 'ciJob' }],
    [
      'impersonate: { username: jane, uid: u1, groups: [g1, g2], extra: [{ key: k, val: [v1, v2] }] }',
      {
        kind: 'impersonate',
        username: 'jane',
        uid: 'u1',
        groups: ['g1', 'g2'],
        extra: [{ key: 'k', val: ['v1', 'v2'] }],
      },
    ],
    [
      'impersonate: { username: jane }',
      { kind: 'impersonate', username: 'jane', uid: '', groups: [], extra: [] },
    ],
  ])('knows access_as %s', (accessAs, expected) => {
    expect(
      ci(`ci_access: { projects: [{ id: demo/sub/app, access_as: { ${accessAs} } }] }`)?.accessAs,
    ).toEqual(expected);
  });

  const production = { slug: 'production', tier: 'production' };
  const review = { name: 'review/feature', slug: 'review-feature-x', tier: 'development' };
  it.each<[string, CiCase['environment'], boolean]>([
    ['', undefined, true],
    ['', production, true],
    ['environments: []', undefined, true],
    ['environments: [production]', production, true],
    ['environments: [production]', undefined, false],
    ['environments: [staging]', production, false],
    ['environments: [staging, prod*]', production, true],
    ['environments: ["review/*"]', review, true],
    ['environments: [review-feature-x]', review, false],
    ['environments: ["*"]', review, true],
    ['environments: ["*"]', undefined, false],
  ])('with %j and the environment %j answers %j', (environments, environment, expected) => {
    const entry = ['id: demo/sub/app', environments].filter(Boolean).join(', ');
    expect(ci(`ci_access: { projects: [{ ${entry} }] }`, { environment }) !== undefined).toBe(expected);
  });

  it('does not fall back to a wider grant when the specific one does not fit the environment', () => {
    const yaml =
      'ci_access: { groups: [{ id: demo }], projects: [{ id: demo/sub/app, environments: [staging] }] }';
    expect(ci(yaml)).toBeUndefined();
  });

  it('counts the first 500 entries only', () => {
    const entries = (count: number) =>
      JSON.stringify({
        ci_access: {
          projects: [
            ...Array.from({ length: count }, (_, n) => ({ id: `demo/p${n}` })),
            { id: 'demo/sub/app' },
          ],
        },
      });
    expect(ci(entries(499))).toEqual(granted);
    expect(ci(entries(500))).toBeUndefined();
  });

  it.each<[string, string, boolean]>([
    ['a', 'a', true],
    ['a', 'ab', false],
    ['a*', 'a', true],
    ['*a', 'ba', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*b*c', 'a-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['a*bc*c', 'abc', false],
    ['r.view', 'review', false],
    ['**', '', true],
  ])('matches the pattern %j with %j: %j', (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });
});

describe('user_access', () => {
  function person(
    yaml: string,
    who: 'alice' | 'bob',
    change: (file: ReturnType<typeof directoryObject>) => object = (file) => file,
  ) {
    const directory = directoryOf(change(directoryObject()));
    const agent = directory.agentsById.get(1n);
    const user = directory.usersByTokenHash.get(hashToken(tokens[who]));
    if (agent === undefined || user === undefined) throw new Error('no such agent or user');
    return authorizeUser(directory, agent, user, rulesOf(yaml).userAccess);
  }

  it('lets nobody in without the section', () => {
    expect(person('', 'alice').kind).toBe('no');
  });

  it('lets nobody in without access_as', () => {
    expect(person('user_access: { projects: [{ id: demo/agents }] }', 'alice').kind).toBe('no');
  });

  it('lets a developer of a listed project in as the agent', () => {
    const yaml = 'user_access: { access_as: { agent: {} }, projects: [{ id: Demo/Agents }] }';
    expect(person(yaml, 'alice')).toEqual({ kind: 'ok', accessAs: { kind: 'agent' } });
  });

  it('keeps reporters and strangers out', () => {
    const yaml =
      'user_access: { access_as: { agent: {} }, projects: [{ id: demo/sub/app }, { id: demo/agents }] }';
    expect(person(yaml, 'bob').kind).toBe('no');
  });

  it('tells the roles in the listed projects and groups, inherited ones included', () => {
    const yaml =
      'user_access: { access_as: { user: {} }, projects: [{ id: demo/sub/app }, { id: demo/gone }], groups: [{ id: demo/sub }, { id: demo }] }';
    const maintainer = ['guest', 'reporter', 'developer', 'maintainer'];
    expect(person(yaml, 'alice')).toEqual({
      kind: 'ok',
      accessAs: {
        kind: 'user',
        projects: [{ id: 2n, roles: maintainer }],
        groups: [
          { id: 11n, roles: maintainer },
          { id: 10n, roles: maintainer },
        ],
      },
    });
  });

  it('tells a plain developer as one', () => {
    const yaml = 'user_access: { access_as: { user: {} }, projects: [{ id: demo/agents }] }';
    const developer = (file: ReturnType<typeof directoryObject>) => ({
      ...file,
      users: file.users.map((user) => ({ ...user, groups: [] })),
    });
    expect(person(yaml, 'alice', developer)).toEqual({
      kind: 'ok',
      accessAs: {
        kind: 'user',
        projects: [{ id: 1n, roles: ['guest', 'reporter', 'developer'] }],
        groups: [],
      },
    });
  });

  it('counts nothing outside the namespace of the configuration project unless the directory allows it', () => {
    const yaml = 'user_access: { access_as: { agent: {} }, groups: [{ id: elsewhere }] }';
    const owner = (across: boolean) => (file: ReturnType<typeof directoryObject>) => ({
      ...file,
      grants_across_namespaces: across,
      users: file.users.map((user) => ({ ...user, groups: [{ id: 12, role: 'owner' }] })),
    });
    expect(person(yaml, 'alice', owner(false)).kind).toBe('no');
    expect(person(yaml, 'alice', owner(true)).kind).toBe('ok');
  });
});
