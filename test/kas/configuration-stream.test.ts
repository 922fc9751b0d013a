/** GetConfiguration of a whole kas: what agents are sent, when, and how the stream ends (`spec/wire.md §10`, `§11.1`). */
import fs from 'node:fs';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import git from 'isomorphic-git';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeAgent } from './fake-agent.ts';
import { KasUnderTest, type KasUnderTestOptions, tokens } from './kas-under-test.ts';
import { until } from './waiting.ts';

let kas: KasUnderTest;
let agent: FakeAgent;

async function begin(options: KasUnderTestOptions = {}): Promise<void> {
  kas = await KasUnderTest.start(options);
  agent = new FakeAgent(kas.ports.agents, tokens.agent);
}

afterEach(() => kas.finish(agent));

const head = () => git.resolveRef({ fs, gitdir: kas.repository, ref: 'refs/heads/main' });

/** A new commit on main with the agent's file, or without any. */
async function commit(text: string | undefined, mode = '100644'): Promise<string> {
  const gitdir = kas.repository;
  const tree = (entries: Parameters<typeof git.writeTree>[0]['tree']) =>
    git.writeTree({ fs, gitdir, tree: entries });
  const folder = async (path: string, oid: string) => tree([{ mode: '040000', path, oid, type: 'tree' }]);
  const blob = await git.writeBlob({ fs, gitdir, blob: Buffer.from(text ?? 'nothing') });
  const inside =
    mode === '040000' ? await tree([{ mode: '100644', path: 'x', oid: blob, type: 'blob' }]) : blob;
  const type = mode === '040000' ? 'tree' : 'blob';
  const root =
    text === undefined
      ? await tree([{ mode: '100644', path: 'README', oid: blob, type: 'blob' }])
      : await folder(
          '.gitlab',
          await folder(
            'agents',
            await folder('demo', await tree([{ mode, path: 'config.yaml', oid: inside, type }])),
          ),
        );
  const by = { name: 'a', email: 'a@example.com', timestamp: 1, timezoneOffset: 0 };
  const parent = await head().then(
    (oid) => [oid],
    () => [],
  );
  const made = await git.writeCommit({
    fs,
    gitdir,
    commit: { message: 'm\n', tree: root, parent, author: by, committer: by },
  });
  await git.writeRef({ fs, gitdir, ref: 'refs/heads/main', value: made, force: true });
  return made;
}

/** Waits until the only watch has come to rest this many times, time standing still. */
async function rested(times: number): Promise<void> {
  interface Live {
    readonly transitions: readonly { readonly machine: string; readonly to: string }[];
  }
  await until(async () => {
    const { transitions } = JSON.parse((await kas.observe('/state')).text) as Live;
    return (
      transitions.filter(({ machine, to }) => machine === 'configWatch' && to === 'waiting').length >= times
    );
  });
}

/** The poll period, to its very end. */
const poll = () => kas.live(300_000);

describe('an agent that asks for its configuration', () => {
  it('is sent the file of the newest commit, and each newer one after the poll period', async () => {
    await begin({ gitlab: 'external_url: "https://gitlab.example.com"' });
    const stream = agent.configuration();
    const first = await stream.inbox.next();
    expect(first).toMatchObject({
      commitId: await head(),
      configuration: {
        agentId: 1n,
        projectId: 1n,
        projectPath: 'demo/agents',
        gitlabExternalUrl: 'https://gitlab.example.com',
      },
    });
    expect(first.configuration?.ciAccess?.projects.map(({ id }) => id)).toEqual(['demo/agents']);
    const second = await commit('observability: { logging: { level: debug } }');
    await rested(1);
    await kas.live(290_000);
    expect(stream.inbox.all).toHaveLength(1);
    await kas.live(10_000);
    const { commitId, configuration } = await stream.inbox.next();
    expect([commitId, configuration?.ciAccess]).toEqual([second, undefined]);
  });

  it('is sent nothing while the commit is the one it has', async () => {
    await begin();
    const stream = agent.configuration(await head());
    await rested(1);
    await poll();
    await rested(2);
    expect([stream.inbox.all, stream.ended]).toEqual([[], undefined]);
  });

  it('is sent an empty configuration when its file does not exist', async () => {
    await begin();
    const made = await commit(undefined);
    const { commitId, configuration } = await agent.configuration().inbox.next();
    expect([commitId, configuration?.agentId, configuration?.ciAccess]).toEqual([made, 1n, undefined]);
  });

  it('hears nothing from an empty repository until there is something', async () => {
    await begin({ emptyRepository: true });
    const stream = agent.configuration();
    await rested(1);
    await poll();
    await rested(2);
    expect([stream.inbox.all, stream.ended]).toEqual([[], undefined]);
    const made = await commit('');
    await poll();
    expect((await stream.inbox.next()).commitId).toBe(made);
  });

  it.each([
    ['an unknown key', 'ci_acess: {}', /^Config: failed to parse agent configuration: .*ci_acess/],
    ['YAML that is none', 'a: [', /^Config: failed to parse agent configuration: /],
    ['a wrong type', 'ci_access: 5', /^Config: failed to parse agent configuration: /],
    ['a broken rule', 'ci_access: { projects: [{ id: "" }] }', /^Config: invalid agent configuration: /],
    [
      '200 KiB',
      `# ${'x'.repeat(200 * 1024)}`,
      /^Config: agent configuration file: FileTooBig: TreeEntry: file is too big: /,
    ],
  ])('whose file has %s is told so and the stream ends', async (_name, agentFile, details) => {
    await begin({ agentFile });
    const stream = agent.configuration();
    expect(await stream.status).toEqual({
      code: grpc.status.FAILED_PRECONDITION,
      details: expect.stringMatching(details) as string,
    });
    expect(stream.inbox.all).toEqual([]);
    await kas.reaches({ watches: 0 });
  });

  it('whose file is a folder is told so', async () => {
    await begin();
    await commit('x', '040000');
    expect(await agent.configuration().status).toEqual({
      code: grpc.status.FAILED_PRECONDITION,
      details: expect.stringMatching(
        /^Config: agent configuration file: UnexpectedTreeEntryType: TreeEntry: file is not a usual file: /,
      ) as string,
    });
  });

  it('whose branch does not exist is told so', async () => {
    await begin();
    await git.writeRef({
      fs,
      gitdir: kas.repository,
      ref: 'refs/heads/other',
      value: await head(),
      force: true,
    });
    await git.deleteRef({ fs, gitdir: kas.repository, ref: 'refs/heads/main' });
    expect(await agent.configuration().status).toEqual({
      code: grpc.status.NOT_FOUND,
      details: expect.stringMatching(
        /^Config: repository poll failed: NotFound: InfoRefsUploadPack: file\/directory\/ref not found: /,
      ) as string,
    });
  });

  it('waits while its repository cannot be read, and is served when it can again', async () => {
    await begin();
    const ref = join(kas.repository, 'refs/heads/main');
    const good = fs.readFileSync(ref);
    fs.writeFileSync(ref, 'neither a commit nor a name\n');
    const stream = agent.configuration();
    await until(async () => (await kas.observe('/state')).text.includes('backingOff'));
    expect(stream.ended).toBeUndefined();
    fs.writeFileSync(ref, good);
    await kas.live(20_000);
    expect((await stream.inbox.next()).commitId).toBe(await head());
  });

  it('may hold 16 streams and no more', async () => {
    await begin();
    const streams = Array.from({ length: 16 }, () => agent.configuration());
    await kas.reaches({ watches: 16 });
    expect((await agent.configuration().status).code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    for (const stream of streams) stream.cancel();
    await kas.reaches({ watches: 0 });
  });

  it('that goes away leaves no watch and no timer behind', async () => {
    await begin();
    const before = kas.clock.pending;
    const stream = agent.configuration();
    await stream.inbox.next();
    await poll();
    stream.cancel();
    await kas.reaches({ watches: 0 });
    agent.close();
    await kas.reaches({ connections: 0, sessions: 0 });
    expect(kas.clock.pending).toBeLessThanOrEqual(before);
  });
});
