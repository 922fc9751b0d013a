/** GetObjectsToSynchronize of a whole kas: what agents are sent of a manifest project, when, and how the stream ends. */
import { afterEach, describe, expect, it } from 'vitest';
import { BareRepository } from '../git/bare-repository.ts';
import { FakeAgent, type ManifestsRequest, type ManifestStream } from './fake-agent.ts';
import { KasUnderTest, type KasUnderTestOptions, tokens } from './kas-under-test.ts';
import { until } from './waiting.ts';

let kas: KasUnderTest;
let agent: FakeAgent;
let repository: BareRepository;

async function begin(options: KasUnderTestOptions = {}): Promise<void> {
  kas = await KasUnderTest.start(options);
  agent = new FakeAgent(kas.ports.agents, tokens.agent);
  repository = new BareRepository(kas.repository);
}

afterEach(() => kas.finish(agent));

const configMap = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\n`;
const yamlFiles = [{ kind: 'glob', value: '**/*.yaml' }] as const;
const ask = (paths: ManifestsRequest['paths'] = yamlFiles, more: Partial<ManifestsRequest> = {}) =>
  agent.manifests({ project: 'demo/agents', paths, ...more });

/** All files of one stream, put together, and its end. */
async function whole(stream: ManifestStream) {
  const { code, details } = await stream.status;
  const files: Record<string, string> = {};
  for (const { message } of stream.inbox.all) {
    if (message.case !== 'object') continue;
    const { source, data } = message.value;
    files[source] = (files[source] ?? '') + Buffer.from(data).toString();
  }
  const [first] = stream.inbox.all;
  const header = first?.message.case === 'header' ? first.message.value : undefined;
  return { code, details, header, files, last: stream.inbox.all.at(-1)?.message.case };
}

/** How often this chart has come to this state. */
async function times(machine: string, state: string): Promise<number> {
  interface Live {
    readonly transitions: readonly { readonly machine: string; readonly to: string }[];
  }
  const { transitions } = JSON.parse((await kas.observe('/state')).text) as Live;
  return transitions.filter((each) => each.machine === machine && each.to === state).length;
}
const reached = (machine: string, state: string, count: number) =>
  until(async () => (await times(machine, state)) >= count);

/** Lets time pass until the repository is asked again; then it stands still, so that no deadline of the answer runs. */
async function polledAgain(): Promise<void> {
  const before = await times('repositoryPoller', 'polling');
  while ((await times('repositoryPoller', 'polling')) === before) await kas.clock.advanceAsync(5_000);
}

describe('an agent that asks for manifests', () => {
  it('is sent the files its paths select of the newest commit, and the stream ends', async () => {
    await begin();
    const commitId = await repository.commit({
      'a.yaml': configMap('a'),
      'deep/b.yaml': configMap('b'),
      'deep/c.json': '{"kind":"C"}',
      '.hidden/d.yaml': 'kind: D',
      'deep/.e.yaml': 'kind: E',
      'link.yaml': { submodule: '0123456789012345678901234567890123456789' },
    });
    const paths = [
      ...yamlFiles,
      { kind: 'file', value: '/deep/c.json' },
      { kind: 'file', value: 'a.yaml' },
    ] as const;
    expect(await whole(ask(paths))).toEqual({
      code: 0,
      details: '',
      header: expect.objectContaining({ commitId, projectId: 1n }) as unknown,
      files: {
        'a.yaml': configMap('a'),
        'deep/b.yaml': configMap('b'),
        'deep/.e.yaml': 'kind: E',
        'deep/c.json': '{"kind":"C"}',
      },
      last: 'trailer',
    });
  });

  it('is sent a file of more than 128 KiB in pieces', async () => {
    await begin();
    const text = `kind: A\ndata: ${'x'.repeat(300_000)}\n`;
    await repository.commit({ 'big.yaml': text, 'none.yaml': '' });
    const stream = ask();
    expect((await whole(stream)).files).toEqual({ 'big.yaml': text, 'none.yaml': '' });
    expect(stream.inbox.all).toHaveLength(1 + 3 + 1 + 1);
  });

  it('waits with the commit it has, and is sent the next one after the poll period', async () => {
    await begin();
    const first = await repository.commit({ 'a.yaml': configMap('a') });
    const stream = ask(yamlFiles, { commitId: first });
    await reached('gitopsStream', 'watching', 1);
    await reached('repositoryPoller', 'waiting', 1);
    const second = await repository.commit({ 'a.yaml': null, 'b.yaml': configMap('b') });
    expect(stream.inbox.all).toEqual([]);
    await polledAgain();
    expect(await whole(stream)).toMatchObject({
      header: { commitId: second },
      files: { 'b.yaml': configMap('b') },
    });
  });

  it('costs one poll with all others of the same repository', async () => {
    await begin();
    const commitId = await repository.commit({ 'a.yaml': configMap('a') });
    const streams = Array.from({ length: 20 }, () => ask(yamlFiles, { commitId }));
    await reached('gitopsStream', 'watching', 20);
    await reached('repositoryPoller', 'waiting', 1);
    expect(await times('repositoryPoller', 'waiting')).toBe(1);
    for (const stream of streams) stream.cancel();
  });

  it('is sent nothing of an empty repository, and the first commit when it comes', async () => {
    await begin({ emptyRepository: true });
    const stream = ask();
    await reached('repositoryPoller', 'waiting', 1);
    expect(stream.inbox.all).toEqual([]);
    const commitId = await repository.commit({ 'a.yaml': configMap('a') });
    await polledAgain();
    expect(await whole(stream)).toMatchObject({ header: { commitId } });
  });

  it('is sent nothing of a pinned commit it has, and the stream stays', async () => {
    await begin();
    const commitId = await repository.commit({ 'a.yaml': configMap('a') });
    const ref = { kind: 'commit', value: commitId } as const;
    expect(await whole(ask(yamlFiles, { ref }))).toMatchObject({ code: 0, header: { commitId } });
    const stream = ask(yamlFiles, { ref, commitId });
    await reached('gitopsStream', 'settled', 1);
    await kas.live(330_000);
    expect([stream.inbox.all, stream.ended]).toEqual([[], undefined]);
    stream.cancel();
  });

  it('is sent a tag and a branch by name', async () => {
    await begin();
    const tagged = await repository.commit({ 'a.yaml': configMap('tagged') });
    await repository.git('tag', 'v1', tagged);
    const other = await repository.commit({ 'a.yaml': configMap('other') }, 'other');
    await repository.commit({ 'a.yaml': configMap('main') });
    expect(await whole(ask(yamlFiles, { ref: { kind: 'tag', value: 'v1' } }))).toMatchObject({
      header: { commitId: tagged },
    });
    expect(await whole(ask(yamlFiles, { ref: { kind: 'branch', value: 'other' } }))).toMatchObject({
      header: { commitId: other },
    });
  });

  it('gets header and trailer alone when the globs match nothing', async () => {
    await begin();
    await repository.commit({ 'a.txt': 'x' });
    expect(await whole(ask())).toMatchObject({ code: 0, files: {}, last: 'trailer' });
  });
});

describe('an agent that asks for manifests is refused', () => {
  const refusals: readonly (readonly [
    string,
    Readonly<Record<string, string>>,
    ManifestsRequest,
    number,
    RegExp,
  ])[] = [
    ['a project that is not there', {}, { project: 'demo/none', paths: yamlFiles }, 5, /project not found/],
    [
      'a ref that is not there',
      {},
      { project: 'demo/agents', paths: yamlFiles, ref: { kind: 'branch', value: 'none' } },
      5,
      /GitOps: repository poll failed/,
    ],
    [
      'more than 100 paths',
      {},
      { project: 'demo/agents', paths: Array.from({ length: 101 }, () => ({ kind: 'file', value: 'a' })) },
      3,
      /maximum number of GitOps paths per manifest project is 100, but 101 was requested/,
    ],
    [
      'a file that is not there',
      { a: 'x' },
      { project: 'demo/agents', paths: [{ kind: 'file', value: 'none.yaml' }] },
      9,
      /manifest file: NotFound/,
    ],
    [
      'a folder that is not there',
      { a: 'x' },
      { project: 'demo/agents', paths: [{ kind: 'glob', value: 'none/*.yaml' }] },
      9,
      /manifest file: NotFound/,
    ],
    [
      'a file that two globs match',
      { 'a.yaml': 'kind: A' },
      { project: 'demo/agents', paths: [...yamlFiles, { kind: 'glob', value: 'a*' }] },
      9,
      /path visited more than once: a\.yaml/,
    ],
    [
      'a glob that means nothing',
      { 'a.yaml': 'kind: A' },
      { project: 'demo/agents', paths: [{ kind: 'glob', value: 'a[' }] },
      9,
      /syntax error in pattern/,
    ],
    [
      'manifests that cannot be read',
      { 'a.yaml': 'kind: A', 'bad.yaml': 'kind: B\n---\nspec: [' },
      { project: 'demo/agents', paths: yamlFiles },
      9,
      /error parsing bad\.yaml: document 2, line/,
    ],
  ];

  it.each(refusals)('%s', async (_, files, request, code, text) => {
    await begin();
    await repository.commit({ 'README.md': 'x', ...files });
    const { code: got, details, files: sent } = await whole(agent.manifests(request));
    expect([got, sent]).toEqual([code, {}]);
    expect(details).toMatch(text);
  });
});

describe('a stream of manifests', () => {
  it('leaves nothing when its agent goes', async () => {
    await begin();
    const commitId = await repository.commit({ 'a.yaml': configMap('a') });
    ask(yamlFiles, { commitId });
    await reached('gitopsStream', 'watching', 1);
    agent.close();
    await until(async () => /^kas_gitops_streams 0$/m.test((await kas.observe('/metrics')).text));
    await kas.live(330_000);
    await until(async () => /^kas_repository_pollers 0$/m.test((await kas.observe('/metrics')).text));
  });

  it('ends with OK when kas stops', async () => {
    await begin();
    const commitId = await repository.commit({ 'a.yaml': configMap('a') });
    const stream = ask(yamlFiles, { commitId });
    await reached('gitopsStream', 'watching', 1);
    kas.requestStop();
    void kas.end();
    expect((await stream.status).code).toBe(0);
  });
});

describe('a push to a repository on this disk', () => {
  it('reaches the agent without a poll', async () => {
    await begin({ watchRepositories: true });
    const first = await repository.commit({ 'a.yaml': configMap('a') });
    const stream = ask(yamlFiles, { commitId: first });
    await reached('gitopsStream', 'watching', 1);
    await reached('repositoryPoller', 'waiting', 1);
    const timers = kas.clock.pending;
    const second = await repository.commit({ 'a.yaml': configMap('b') });
    await until(() => kas.clock.pending > timers); // the system told of the change
    await kas.clock.advanceAsync(100); // what is heard is gathered for a moment; then time stands still again
    expect(await whole(stream)).toMatchObject({ code: 0, header: { commitId: second } });
  });
});
