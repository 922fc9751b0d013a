import { describe, expect, it } from 'vitest';
import { hashToken, newToken } from '../../src/gitlab/embedded/index.ts';
import { directoryObject, directoryOf, problemsOf, tokens } from './directory-file.ts';

type File = ReturnType<typeof directoryObject>;
type Loose = Record<string, unknown>;

/** Sets a value at a path like `agents.0.name` in a fresh directory object; undefined removes it. */
function withChange(path: string, value: unknown): Loose {
  const file = directoryObject() as unknown as Loose;
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let at: Loose = file;
  for (const key of keys) at = at[key] as Loose;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return file;
}

describe('a directory file', () => {
  it('is sound as in the example', () => {
    expect(problemsOf(directoryObject())).toEqual([]);
  });

  it('needs only agents and projects', () => {
    expect(problemsOf({ agents: [], projects: [] })).toEqual([]);
  });

  it('finds things by id, path in any case, and token hash', () => {
    const directory = directoryOf(directoryObject());
    const agent = directory.agentsByTokenHash.get(hashToken(tokens.agentNext));
    expect(agent).toMatchObject({ id: 1n, name: 'demo', project: { id: 1n, defaultBranch: 'main' } });
    expect(directory.projectsByPath.get('demo/sub/app')).toMatchObject({
      path: 'demo/sub/App',
      repository: { location: { kind: 'local', gitDir: '/srv/kastor/repositories/app.git' } },
    });
    expect(directory.projectsById.get(2n)?.groups.map(({ id }) => id)).toEqual([11n, 10n]);
    expect(directory.jobsByTokenHash.get(hashToken(tokens.job))).toMatchObject({
      id: 100n,
      pipelineId: 50n,
      environment: { name: 'production', slug: 'production', tier: 'production' },
    });
  });

  it('takes remotes, with credentials beside it and hosts it trusts', () => {
    const file = {
      agents: [],
      projects: [
        {
          id: 1,
          path: 'a/b',
          repository: 'https://Git.example.com/a/b.git',
          credentials_file: 'secrets/git',
        },
        { id: 2, path: 'a/c', repository: 'http://git.internal:8080/c' },
      ],
      trusted_hosts: ['git.internal', '10.0.0.0/8', '::1', 'fd00::/8'],
    };
    expect(problemsOf(file)).toEqual([]);
    const { projectsById } = directoryOf(file);
    expect(projectsById.get(1n)?.repository).toEqual({
      projectPath: 'a/b',
      location: {
        kind: 'http',
        url: 'https://git.example.com/a/b.git',
        credentialsFile: '/srv/kastor/secrets/git',
        trustedHosts: file.trusted_hosts,
      },
    });
    expect(projectsById.get(2n)?.repository.location).toMatchObject({ url: 'http://git.internal:8080/c' });
  });

  it.each<[string, unknown, string]>([
    ['agents.0.name', 'Demo', 'agents[0].name: must be 1 to 63 lower-case letters'],
    ['agents.0.name', 'a'.repeat(64), 'agents[0].name: must be 1 to 63'],
    ['agents.0.name', '-a', 'agents[0].name: must be 1 to 63'],
    ['agents.0.id', 0, 'agents[0].id: must be a whole number above 0'],
    ['agents.0.id', '1', 'agents[0].id: must be a whole number above 0'],
    ['agents.0.id', undefined, 'agents[0].id: is missing; it must be a whole number above 0'],
    ['agents.0.nmae', 'x', 'agents[0].nmae: unknown key; remove it or mend its spelling'],
    ['agents.0.token_hashes', [], 'agents[0].token_hashes: must hold 1 to 4 hashes'],
    ['agents.0.token_hashes', ['glagent-secret'], 'agents[0].token_hashes[0]: must be "sha256:" and the 64'],
    [
      'agents.0.project',
      'no/where',
      'agents[0].project: there is no project no/where; add it under projects',
    ],
    ['agents', undefined, 'agents: is missing; it must be a list; write [] for none'],
    ['agents', {}, 'agents: must be a list; write [] for none'],
    ['agents.1.id', 1, 'agents[1].id: agent id 1 is already used at agents[0].id'],
    [
      'agents.1.token_hashes.0',
      hashToken(tokens.agent),
      'agents[1].token_hashes[0]: token hash is already used at agents[0].token_hashes[0]',
    ],
    ['projects.0.path', '/demo', 'projects[0].path: must be a full path like group/project'],
    [
      'projects.0.repository',
      'ssh://git@example.com/a.git',
      'projects[0].repository: must be a folder or an https:// URL',
    ],
    [
      'projects.0.repository',
      'git@example.com:a.git',
      'projects[0].repository: must be a folder or an https:// URL',
    ],
    ['projects.0.repository', 'ext::sh -c x', 'projects[0].repository: must be a folder or an https:// URL'],
    [
      'projects.0.repository',
      'https://u:p@example.com/a',
      'projects[0].repository: must not have a user or password',
    ],
    [
      'projects.0.repository',
      'https://example.com/a?b',
      'projects[0].repository: must be a URL without "?" and "#"',
    ],
    [
      'projects.0.repository',
      'http://example.com/a',
      'projects[0].repository: must be an https:// URL; http:// is only',
    ],
    [
      'projects.0.credentials_file',
      'secret',
      'projects[0].credentials_file: is only for a repository with an https:// URL',
    ],
    ['trusted_hosts', ['10.0.0.0/33'], 'trusted_hosts[0]: must be a host name, an IP address, or a network'],
    ['trusted_hosts', ['https://x'], 'trusted_hosts[0]: must be a host name, an IP address, or a network'],
    ['projects.0.public', 'yes', 'projects[0].public: must be true or false'],
    [
      'projects.0.default_branch',
      'refs/heads/main',
      'projects[0].default_branch: must be the short name of a branch',
    ],
    ['projects.0.default_branch', 'a..b', 'projects[0].default_branch: must be the short name of a branch'],
    ['projects.0.groups', [99], 'projects[0].groups[0]: there is no group with id 99'],
    ['projects.0.groups', [12], 'projects[0].groups[0]: group elsewhere is not above demo/agents'],
    ['projects.1.groups', [11, 10], 'projects[1].groups[1]: groups must be listed outermost first'],
    ['projects.1.groups', [10, 10], 'projects[1].groups[1]: groups must be listed outermost first'],
    [
      'projects.1.path',
      'DEMO/Agents',
      'projects[1].path: path demo/agents is already used at projects[0].path',
    ],
    ['projects.1.id', 1, 'projects[1].id: project id 1 is already used at projects[0].id'],
    ['groups.1.path', 'demo', 'groups[1].path: path demo is already used at groups[0].path'],
    [
      'users.0.projects.0.role',
      'boss',
      'users[0].projects[0].role: must be one of guest, reporter, developer, maintainer, owner',
    ],
    ['users.0.projects.0.id', 77, 'users[0].projects[0].id: there is no project with id 77'],
    ['users.0.groups.0.id', 77, 'users[0].groups[0].id: there is no group with id 77'],
    ['users.1.username', 'Alice', 'users[1].username: username alice is already used at users[0].username'],
    [
      'users.1.token_hashes.0',
      hashToken(tokens.agent),
      'users[1].token_hashes[0]: token hash is already used at agents[0].token_hashes[0]',
    ],
    ['jobs.0.user', 'carol', 'jobs[0].user: there is no user carol; add it under users'],
    ['jobs.0.project', 'x/y', 'jobs[0].project: there is no project x/y'],
    ['jobs.0.environment.tier', '', 'jobs[0].environment.tier: must not be empty'],
    ['jobs.1.id', 100, 'jobs[1].id: job id 100 is already used at jobs[0].id'],
  ])('says what is wrong when %s is %j', (path, value, problem) => {
    const problems = problemsOf(withChange(path, value));
    expect(
      problems.some((line) => line.startsWith(problem)),
      problems.join('\n'),
    ).toBe(true);
  });

  it('allows the same agent name in another project only', () => {
    expect(problemsOf(withChange('agents.1.name', 'demo'))).toEqual([]);
    const file: File = directoryObject();
    const twins = {
      ...file,
      agents: file.agents.map((agent) => ({ ...agent, name: 'demo', project: 'demo/agents' })),
    };
    expect(problemsOf(twins)).toEqual([
      'agents[1].name: agent name in project demo/agents demo is already used at agents[0].name; each may appear once',
    ]);
  });

  it('never repeats what may be a token', () => {
    const problems = problemsOf(withChange('users.0.token_hashes.0', 'glpat-very-secret')).join();
    expect(problems).not.toContain('very-secret');
    expect(problemsOf(withChange('agents.1.token_hashes.0', hashToken(tokens.agent))).join()).not.toContain(
      'sha256:',
    );
  });

  it.each([null, 'text', [], 7])('must be a map and not %j', (document) => {
    expect(problemsOf(document)[0]).toContain('must be a map with the lists agents and projects');
  });
});

describe('tokens', () => {
  it('are hashed with SHA-256', () => {
    expect(hashToken('abc')).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  it('are fresh, long and safe in URLs', () => {
    const made = Array.from({ length: 50 }, () => newToken('glagent-'));
    expect(new Set(made).size).toBe(50);
    for (const token of made) expect(token).toMatch(/^glagent-[A-Za-z0-9_-]{50}$/);
  });
});
