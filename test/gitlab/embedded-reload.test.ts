import { mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hashToken } from '../../src/gitlab/embedded/index.ts';
import { watchedFilesDelays } from '../../statecharts/index.ts';
import { directoryText, tokens } from './directory-file.ts';
import { clock, endWorld, file, folder, log, makeWorld, never, open } from './embedded-world.ts';

beforeEach(makeWorld);
afterEach(endWorld);

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
        await clock.advanceAsync(watchedFilesDelays.settleMs);
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
    // Truncated and written are two changes: a busy machine may show both.
    await until(() => gitlab.state().accepted >= 2 && gitlab.state().state === 'watching');
    expect((await gitlab.agentInfo(tokens.agentNext, never)).kind).toBe('unauthenticated');
    expect((await gitlab.agentInfo(tokens.agent, never)).kind).toBe('ok');
    expect(changed).toHaveBeenCalled();
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
