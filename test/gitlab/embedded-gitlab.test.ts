import { mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { localGit } from '../../src/git/local/index.ts';
import { type EmbeddedGitLab, hashToken, openEmbeddedGitLab } from '../../src/gitlab/embedded/index.ts';
import type { Git, GitRepository } from '../../src/ports/index.ts';
import { parseAgentConfiguration } from '../../src/protocol/index.ts';
import { directoryFileDelays } from '../../statecharts/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { BareRepository, temporaryFolder } from '../git/bare-repository.ts';
import { directoryText, tokens } from './directory-file.ts';
import { RecordingLog, silentLog } from './recording-log.ts';

const never = new AbortController().signal;

/** Stands in front of Git to count and to fail. */
class TroubledGit implements Git {
  readonly #git = localGit({ log: silentLog });
  down = false;
  filesRead = 0;
  refsResolved = 0;

  resolveRef(repository: GitRepository, ref: string, signal: AbortSignal) {
    this.refsResolved += 1;
    if (this.down) return Promise.resolve({ kind: 'unavailable', reason: 'disk on fire' } as const);
    return this.#git.resolveRef(repository, ref, signal);
  }
  readFile(...args: Parameters<Git['readFile']>) {
    this.filesRead += 1;
    return this.#git.readFile(...args);
  }
  listTree(...args: Parameters<Git['listTree']>) {
    return this.#git.listTree(...args);
  }
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let file: string;
let clock: VirtualClock;
let log: RecordingLog;
let git: TroubledGit;
let opened: EmbeddedGitLab[];

beforeEach(async () => {
  folder = await temporaryFolder();
  file = join(folder.path, 'directory.yaml');
  clock = new VirtualClock();
  log = new RecordingLog();
  git = new TroubledGit();
  opened = [];
});
afterEach(async () => {
  await Promise.all(opened.map((gitlab) => gitlab.close()));
  await folder[Symbol.asyncDispose]();
});

async function open(
  options: { watch?: boolean; silent?: boolean; at?: string } = {},
): Promise<EmbeddedGitLab> {
  const gitlab = await openEmbeddedGitLab({
    file: options.at ?? file,
    git,
    clock,
    log,
    parseConfiguration: parseAgentConfiguration,
    watch: options.watch ?? false,
    ...(options.silent === true ? { watchFolder: () => ({ close() {} }) } : {}),
  });
  opened.push(gitlab);
  return gitlab;
}

function repositoryOf(name: string): Promise<BareRepository> {
  return BareRepository.init(join(folder.path, 'repositories', `${name}.git`));
}

const configuration = (agent: string) => `.gitlab/agents/${agent}/config.yaml`;

describe('the embedded GitLab', () => {
  beforeEach(() => writeFile(file, directoryText()));

  it('knows an agent by any of its tokens', async () => {
    const gitlab = await open();
    for (const token of [tokens.agent, tokens.agentNext]) {
      expect(await gitlab.agentInfo(token, never)).toEqual({
        kind: 'ok',
        value: {
          agentId: 1n,
          agentName: 'demo',
          projectId: 1n,
          defaultBranch: 'main',
          repository: {
            projectPath: 'demo/agents',
            location: { kind: 'local', gitDir: join(folder.path, 'repositories/agents.git') },
          },
        },
      });
    }
  });

  it('refuses unknown tokens, and hashes offered as tokens', async () => {
    const gitlab = await open();
    for (const token of ['', 'nobody', hashToken(tokens.agent), tokens.alice, tokens.job]) {
      expect((await gitlab.agentInfo(token, never)).kind).toBe('unauthenticated');
      expect((await gitlab.projectInfo(token, 'demo/agents', never)).kind).toBe('unauthenticated');
    }
    expect((await gitlab.allowedAgents(tokens.agent, never)).kind).toBe('unauthenticated');
  });

  it('opens public projects and the own configuration project to an agent, nothing else', async () => {
    const gitlab = await open();
    const kind = async (path: string) => (await gitlab.projectInfo(tokens.agent, path, never)).kind;
    expect(await kind('Demo/Agents')).toBe('ok');
    expect(await kind('elsewhere/infra')).toBe('ok');
    expect(await kind('demo/sub/app')).toBe('notFound');
    expect(await kind('no/where')).toBe('notFound');
    expect(await gitlab.projectInfo(tokens.agent, 'elsewhere/infra', never)).toMatchObject({
      value: { projectId: 3n, repository: { projectPath: 'elsewhere/infra' } },
    });
  });

  it('takes reports of agents it knows', async () => {
    const gitlab = await open();
    expect(await gitlab.reportAgentConfiguration(1n, {}, never)).toEqual({ kind: 'ok', value: undefined });
    expect((await gitlab.reportAgentConfiguration(9n, {}, never)).kind).toBe('notFound');
  });

  it('warns of a repository that is not there and works without it', async () => {
    const gitlab = await open();
    expect(gitlab.state().warnings[0]).toMatch(
      /project demo\/agents: there is no repository at .*agents\.git/,
    );
    expect(log.text).toContain('there is no repository at');
    expect(await gitlab.allowedAgents(tokens.plainJob, never)).toMatchObject({
      kind: 'ok',
      value: { allowedAgents: [{ agentId: 1n }] },
    });
  });

  it('tells a job who it is and which agents it may use, from the configuration files in Git', async () => {
    const agents = await repositoryOf('agents');
    await agents.commit({
      [configuration('demo')]:
        'ci_access: { groups: [{ id: demo, default_namespace: team, access_as: { ci_job: {} } }] }',
    });
    const gitlab = await open();
    expect(await gitlab.allowedAgents(tokens.job, never)).toEqual({
      kind: 'ok',
      value: {
        allowedAgents: [
          { agentId: 1n, configProjectId: 1n, defaultNamespace: 'team', accessAs: { kind: 'ciJob' } },
        ],
        jobId: 100n,
        pipelineId: 50n,
        projectId: 2n,
        groupIds: [11n, 10n],
        userId: 1n,
        username: 'alice',
        environment: { slug: 'production', tier: 'production' },
      },
    });
  });

  it('sees a new commit at once, and reads a configuration once per commit', async () => {
    const agents = await repositoryOf('agents');
    await agents.commit({ [configuration('demo')]: 'ci_access: { groups: [{ id: demo }] }' });
    const gitlab = await open();
    const allowed = async () => {
      const answer = await gitlab.allowedAgents(tokens.job, never);
      return answer.kind === 'ok' ? answer.value.allowedAgents.length : answer.kind;
    };
    expect([await allowed(), await allowed()]).toEqual([1, 1]);
    expect(git.filesRead).toBe(1);
    await agents.commit({ [configuration('demo')]: 'ci_access: {}' });
    expect(await allowed()).toBe(0);
    await agents.commit({ [configuration('demo')]: null, other: 'x' });
    expect(await allowed()).toBe(0);
    expect(git.filesRead).toBe(3);
  });

  it('asks Git once for many jobs at the same time', async () => {
    const agents = await repositoryOf('agents');
    await agents.commit({ [configuration('demo')]: 'ci_access: { groups: [{ id: demo }] }' });
    const gitlab = await open();
    await Promise.all(Array.from({ length: 20 }, () => gitlab.allowedAgents(tokens.job, never)));
    expect(git.filesRead).toBe(1);
    expect(git.refsResolved).toBe(2); // one per project with agents
  });

  it('keeps the last rules in force when the configuration breaks or Git fails, and says so once', async () => {
    const agents = await repositoryOf('agents');
    await agents.commit({ [configuration('demo')]: 'ci_access: { groups: [{ id: demo }] }' });
    const gitlab = await open();
    const allowed = async () => {
      const answer = await gitlab.allowedAgents(tokens.job, never);
      return answer.kind === 'ok' ? answer.value.allowedAgents.length : answer.kind;
    };
    expect(await allowed()).toBe(1);
    await agents.commit({ [configuration('demo')]: 'ci_acces: {}' });
    expect([await allowed(), await allowed()]).toEqual([1, 1]);
    expect(log.lines.filter(({ fields }) => fields['agent_id'] === 1n)).toHaveLength(1);
    git.down = true;
    expect(await allowed()).toBe(1);
    git.down = false;
    await agents.commit({ [configuration('demo')]: 'ci_access: {}' });
    expect(await allowed()).toBe(0);
  });

  it('lets the caller of a slow question go', async () => {
    const gitlab = await open();
    const gone = new AbortController();
    const answer = gitlab.allowedAgents(tokens.job, gone.signal);
    gone.abort();
    expect(await answer).toEqual({ kind: 'unavailable', reason: 'cancelled' });
  });
});

describe('people', () => {
  const request = (accessKey: string, agentId = 1n) =>
    ({ agentId, accessType: 'personal_access_token', accessKey, csrfToken: '' }) as const;

  beforeEach(() => writeFile(file, directoryText()));

  it('get in with their token when user_access lets them', async () => {
    const agents = await repositoryOf('agents');
    await agents.commit({
      [configuration('demo')]: 'user_access: { access_as: { agent: {} }, projects: [{ id: demo/agents }] }',
    });
    const gitlab = await open();
    expect(await gitlab.authorizeProxyUser(request(tokens.alice), never)).toEqual({
      kind: 'ok',
      value: { agentId: 1n, configProjectId: 1n, userId: 1n, username: 'alice', accessAs: { kind: 'agent' } },
    });
    expect((await gitlab.authorizeProxyUser(request(tokens.bob), never)).kind).toBe('forbidden');
    expect((await gitlab.authorizeProxyUser(request('nobody'), never)).kind).toBe('unauthenticated');
    expect((await gitlab.authorizeProxyUser(request(tokens.alice, 99n), never)).kind).toBe('notFound');
    const cookie = { ...request(tokens.alice), accessType: 'session_cookie' } as const;
    expect((await gitlab.authorizeProxyUser(cookie, never)).kind).toBe('unauthenticated');
  });

  it('are told to come again rather than refused while the configuration cannot be read', async () => {
    git.down = true;
    const gitlab = await open();
    expect((await gitlab.authorizeProxyUser(request(tokens.alice), never)).kind).toBe('unavailable');
  });
});

describe('opening', () => {
  it('takes a file as people write it', async () => {
    await writeFile(
      file,
      `
agents:
  - id: 1
    name: demo
    project: demo/agents
    token_hashes: ["${hashToken(tokens.agent)}"] # two while rotating
projects:
  - id: 1
    path: demo/agents
    repository: repositories/agents.git
    default_branch: main
    groups: [10]
    public: false
users:
  - id: 1
    username: alice
    token_hashes: ["${hashToken(tokens.alice)}"]
    projects: [{ id: 1, role: developer }]
    groups: [{ id: 10, role: maintainer }]
groups:
  - { id: 10, path: demo }
jobs:
  - token_hash: "${hashToken(tokens.job)}"
    id: 100
    pipeline: 50
    project: demo/agents
    user: alice
    environment: { slug: production, tier: production }
`,
    );
    const gitlab = await open();
    expect((await gitlab.agentInfo(tokens.agent, never)).kind).toBe('ok');
    expect(await gitlab.allowedAgents(tokens.job, never)).toMatchObject({
      value: { allowedAgents: [{ agentId: 1n }], groupIds: [10n], username: 'alice' },
    });
    expect(gitlab.state()).toMatchObject({ state: 'watching', agents: 1, projects: 1, users: 1, jobs: 1 });
  });

  it('fails with everything that is wrong when the first file is not usable', async () => {
    await writeFile(
      file,
      directoryText((content) => ({ ...content, agents: [{ id: 0, name: 'X' }], extra: 1 })),
    );
    await expect(open()).rejects.toThrow(
      /directory\.yaml cannot be used:\n(?:.|\n)*agents\[0\]\.name: must be(?:.|\n)*extra: unknown key/,
    );
    expect(clock.pending).toBe(0);
  });

  it.each<[string, string]>([
    ['agents: [', 'not YAML: line 1, column'],
    ['', 'file is empty'],
    ['agents: []\nagents: []\nprojects: []', 'not YAML: line 2'],
    ['\uFFFE\u0000', 'not YAML'],
  ])('fails on %j with %j', async (content, reason) => {
    await writeFile(file, content);
    await expect(open()).rejects.toThrow(reason);
  });

  it('fails on a missing file', async () => {
    await expect(open()).rejects.toThrow('file does not exist');
  });
});

describe('a changed file', () => {
  const without = (token: string) =>
    directoryText((content) => ({
      ...content,
      agents: content.agents.map((agent) => ({
        ...agent,
        token_hashes: agent.token_hashes.filter((hash) => hash !== hashToken(token)),
      })),
    }));

  /** Moves time on in small steps until the condition holds: file news come in real time, everything else in ours. */
  async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
    await vi.waitFor(
      async () => {
        await clock.advanceAsync(directoryFileDelays.settleMs);
        expect(await condition()).toBe(true);
      },
      { timeout: 10_000, interval: 5 },
    );
  }

  it('is read again when it was written in place', async () => {
    await writeFile(file, directoryText());
    const gitlab = await open({ watch: true });
    const changed = vi.fn();
    gitlab.onChanged(changed);
    await writeFile(file, without(tokens.agentNext));
    await until(() => gitlab.state().accepted === 2 && gitlab.state().state === 'watching');
    expect((await gitlab.agentInfo(tokens.agentNext, never)).kind).toBe('unauthenticated');
    expect((await gitlab.agentInfo(tokens.agent, never)).kind).toBe('ok');
    expect(changed).toHaveBeenCalledTimes(1);
  });

  it('is read again when it was replaced by a rename, again and again', async () => {
    await writeFile(file, directoryText());
    const gitlab = await open({ watch: true });
    for (let round = 0; round < 3; round += 1) {
      const present = round % 2 === 1;
      await writeFile(`${file}.new`, present ? directoryText() : without(tokens.agentNext));
      await rename(`${file}.new`, file);
      await until(async () => ((await gitlab.agentInfo(tokens.agentNext, never)).kind === 'ok') === present);
    }
  });

  it('is read again behind the links of a mounted ConfigMap', async () => {
    const mount = join(folder.path, 'mount');
    for (const [version, content] of [
      ['v1', directoryText()],
      ['v2', without(tokens.agentNext)],
    ] as const) {
      await mkdir(join(mount, version), { recursive: true });
      await writeFile(join(mount, version, 'directory.yaml'), content);
    }
    await symlink('v1', join(mount, '..data'));
    await symlink('..data/directory.yaml', join(mount, 'directory.yaml'));
    const gitlab = await open({ watch: true, at: join(mount, 'directory.yaml') });
    await symlink('v2', join(mount, '..data_tmp'));
    await rename(join(mount, '..data_tmp'), join(mount, '..data'));
    await until(async () => (await gitlab.agentInfo(tokens.agentNext, never)).kind === 'unauthenticated');
  });

  it('keeps the last good state when it is bad, says what is wrong, and recovers', async () => {
    await writeFile(file, directoryText());
    const gitlab = await open({ watch: true });
    await writeFile(
      file,
      directoryText((content) => ({ ...content, agents: [{ ...content.agents[0], name: 'Bad Name' }] })),
    );
    await until(() => gitlab.state().state === 'rejected');
    expect((await gitlab.agentInfo(tokens.agent, never)).kind).toBe('ok');
    expect(gitlab.state()).toMatchObject({ agents: 2, accepted: 1 });
    expect(gitlab.state().problems[0]).toContain('agents[0].name: must be 1 to 63 lower-case letters');
    expect(log.text).toContain('error Directory file cannot be used; the last good one stays in force');
    await writeFile(file, without(tokens.agentNext));
    await until(() => gitlab.state().state === 'watching');
    expect(gitlab.state().problems).toEqual([]);
    expect((await gitlab.agentInfo(tokens.agentNext, never)).kind).toBe('unauthenticated');
  });

  it('keeps the last good state when it is emptied or gone', async () => {
    await writeFile(file, directoryText());
    const gitlab = await open({ watch: true });
    await writeFile(file, '');
    await until(() => gitlab.state().problems[0]?.includes('file is empty') ?? false);
    await unlink(file);
    await until(() => gitlab.state().problems[0] === 'file does not exist');
    expect((await gitlab.agentInfo(tokens.agent, never)).kind).toBe('ok');
    await writeFile(file, directoryText());
    await until(() => gitlab.state().state === 'watching');
  });

  it('is noticed by polling where the system tells nothing', async () => {
    await writeFile(file, directoryText());
    const gitlab = await open({ watch: true, silent: true });
    await writeFile(file, without(tokens.agentNext));
    await until(async () => (await gitlab.agentInfo(tokens.agentNext, never)).kind === 'unauthenticated');
  });

  it('is noticed by polling when the folder cannot be watched or was made anew', async () => {
    const inner = join(folder.path, 'inner', 'directory.yaml');
    await mkdir(dirname(inner));
    await writeFile(inner, directoryText());
    const gitlab = await open({ watch: true, at: inner });
    await rm(dirname(inner), { recursive: true });
    await until(() => gitlab.state().state === 'rejected');
    await mkdir(dirname(inner));
    await writeFile(inner, without(tokens.agentNext));
    await until(async () => (await gitlab.agentInfo(tokens.agentNext, never)).kind === 'unauthenticated');
  });

  it('is not looked at any more after close, and no timer is left', async () => {
    await writeFile(file, directoryText());
    const gitlab = await open({ watch: true });
    await gitlab.close();
    expect(gitlab.state().state).toBe('stopped');
    await vi.waitFor(() => expect(clock.pending).toBe(0));
  });
});
