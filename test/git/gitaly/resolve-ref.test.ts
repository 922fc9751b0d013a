import { Server, ServerCredentials } from '@grpc/grpc-js';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encode, InfoRefsResponseSchema } from '../../../src/protocol/index.ts';
import { flush, packet } from '../../../src/git/pack-protocol/index.ts';
import { eventually, gitalyWorld, type GitalyWorld, never } from './gitaly-world.ts';

let world: GitalyWorld;
beforeEach(async () => {
  world = await gitalyWorld({ chunkBytes: 7 });
});
afterEach(() => world[Symbol.asyncDispose]());

const ask = (ref: string, path = 'repo.git') =>
  world.git.resolveRef(world.gitaly.repository(path), ref, never);

function advertise(...lines: (string | Buffer)[]): void {
  const bytes = Buffer.concat(lines.map((line) => (typeof line === 'string' ? packet(line) : line)));
  world.gitaly.misbehave('InfoRefsUploadPack', {
    kind: 'messages',
    messages: [encode(InfoRefsResponseSchema, create(InfoRefsResponseSchema, { data: bytes }))],
  });
}

describe('resolving a ref by Gitaly', () => {
  it('finds branches, lightweight and annotated tags, and HEAD, however the answer is cut', async () => {
    const repo = await world.init();
    const first = await repo.commit({ a: '1' });
    const second = await repo.commit({ a: '2' });
    await repo.git('tag', 'light', first);
    await repo.git('tag', '-a', '-m', 'one', 'v1', first);
    await repo.git('tag', '-a', '-m', 'two', 'v1-again', 'v1');
    await repo.git('branch', 'main-2', first);
    expect(await ask('refs/heads/main')).toEqual({ kind: 'commit', commitId: second });
    expect(await ask('HEAD')).toEqual({ kind: 'commit', commitId: second });
    for (const tag of ['light', 'v1', 'v1-again']) {
      expect(await ask(`refs/tags/${tag}`)).toEqual({ kind: 'commit', commitId: first });
    }
  });

  it('falls back from a HEAD that leads nowhere to main and then to master', async () => {
    const repo = await world.init();
    await repo.git('symbolic-ref', 'HEAD', 'refs/heads/gone');
    const master = await repo.commit({ a: '1' }, 'master');
    expect(await ask('HEAD')).toEqual({ kind: 'commit', commitId: master });
    const main = await repo.commit({ a: '2' }, 'main');
    expect(await ask('HEAD')).toEqual({ kind: 'commit', commitId: main });
  });

  it('does not find what is not there', async () => {
    const repo = await world.init();
    await repo.git('symbolic-ref', 'HEAD', 'refs/heads/gone');
    await repo.commit({ a: '1' }, 'other');
    expect(await ask('HEAD')).toMatchObject({ kind: 'notFound' });
    expect(await ask('refs/heads/main')).toMatchObject({ kind: 'notFound', reason: 'refs/heads/main' });
    expect(await ask('refs/tags/other')).toMatchObject({ kind: 'notFound' });
  });

  it('calls a repository without refs empty, also in the words of newer git', async () => {
    await world.init();
    expect(await ask('refs/heads/main')).toEqual({ kind: 'empty' });
    expect(await ask('HEAD')).toEqual({ kind: 'empty' });
    advertise('# service=git-upload-pack\n', flush, `${'0'.repeat(40)} capabilities^{}\0multi_ack\n`, flush);
    expect(await ask('refs/heads/main')).toEqual({ kind: 'empty' });
  });

  it('knows object ids of SHA-256', async () => {
    const repo = await world.init('sha256.git', '--object-format=sha256');
    const commitId = await repo.commit({ a: '1' });
    expect(commitId).toHaveLength(64);
    expect(await ask('refs/heads/main', 'sha256.git')).toEqual({ kind: 'commit', commitId });
  });

  it('stops Gitaly as soon as the ref was seen', async () => {
    const repo = await world.init();
    const commitId = await repo.commit({ a: '1' });
    world.gitaly.misbehave('InfoRefsUploadPack', { kind: 'stall', after: 60 });
    expect(await ask('HEAD')).toEqual({ kind: 'commit', commitId });
    await eventually(() => world.gitaly.calls.every(({ cancelled }) => cancelled));
  });

  it.each([
    ['an end within a packet', [Buffer.from('001e# service')]],
    ['no flush at the end', ['# service=git-upload-pack\n', flush, `${'a'.repeat(40)} refs/heads/x\n`]],
    ['another protocol', [Buffer.from('HTTP/1.1 200 OK')]],
    ['an impossible length', [Buffer.from('0003')]],
    ['a line that is no ref', ['# service=git-upload-pack\n', flush, 'nonsense\n', flush]],
    ['an id that is none', ['# service=git-upload-pack\n', flush, 'abc refs/heads/main\n', flush]],
    ['another service', ['# service=git-receive-pack\n', flush, flush]],
    ['more after its end', ['# service=git-upload-pack\n', flush, flush, flush]],
    ['an error line', ['ERR access\u001b[31m denied\n']],
    ['nothing', []],
  ])('does not believe an answer with %s', async (_what, lines) => {
    advertise(...lines);
    const answer = await ask('refs/heads/main');
    expect(answer).toMatchObject({ kind: 'unavailable' });
    // eslint-disable-next-line no-control-regex -- that is what may not come through
    expect(JSON.stringify(answer)).not.toMatch(/\\u00/);
  });

  it.each(['main', 'refs/heads/../x', 'refs/heads/a b', '-x', 'refs/heads/a\nb'])(
    'refuses the name %j',
    async (ref) => {
      expect(await ask(ref)).toMatchObject({ kind: 'invalid' });
      expect(world.gitaly.calls).toEqual([]);
    },
  );
});

describe('failures of Gitaly', () => {
  it.each([
    ['NotFound', 5, 'repository not found', 'notFound'],
    ['an unknown storage', 3, 'storage name not found', 'unavailable'],
    ['InvalidArgument', 3, 'repository not set', 'invalid'],
    ['ResourceExhausted', 8, 'maximum rate exceeded', 'unavailable'],
    ['Unavailable', 14, 'maximum concurrency exceeded', 'unavailable'],
    ['Internal', 13, 'oh', 'unavailable'],
    ['a corrupt repository', 9, 'repository is corrupt', 'unavailable'],
  ])('takes %s for what it is', async (_what, code, message, kind) => {
    world.gitaly.misbehave('InfoRefsUploadPack', { kind: 'status', code, message });
    const answer = await ask('refs/heads/main');
    expect(answer).toMatchObject({ kind, reason: expect.stringContaining(message) });
  });

  it('tells a missing repository and a missing storage apart', async () => {
    expect(await ask('HEAD', 'none.git')).toMatchObject({ kind: 'notFound' });
    const elsewhere = world.gitaly.repository('repo.git', { storage: 'none' });
    expect(await world.git.resolveRef(elsewhere, 'HEAD', never)).toMatchObject({ kind: 'unavailable' });
  });

  it('gives up on a server that hangs when the time has passed, and stops the call', async () => {
    world.gitaly.misbehave('InfoRefsUploadPack', { kind: 'hang' });
    const answer = ask('HEAD');
    await eventually(() => world.gitaly.calls.length === 1);
    await world.clock.advanceAsync(60_000);
    expect(await answer).toEqual({ kind: 'unavailable', reason: 'Gitaly took too long' });
    await eventually(() => world.gitaly.calls.every(({ cancelled }) => cancelled));
  });

  it('ends with its caller', async () => {
    world.gitaly.misbehave('InfoRefsUploadPack', { kind: 'hang' });
    const caller = new AbortController();
    const answer = world.git.resolveRef(world.gitaly.repository('repo.git'), 'HEAD', caller.signal);
    await eventually(() => world.gitaly.calls.length === 1);
    caller.abort();
    expect(await answer).toEqual({ kind: 'unavailable', reason: 'cancelled' });
    await eventually(() => world.gitaly.calls.every(({ cancelled }) => cancelled));
    expect(await world.git.resolveRef(world.gitaly.repository('x'), 'HEAD', caller.signal)).toMatchObject({
      kind: 'unavailable',
    });
  });

  it('answers unavailable when nobody listens', async () => {
    const { address } = world.gitaly;
    const repository = world.gitaly.repository('repo.git');
    await world.gitaly[Symbol.asyncDispose]();
    expect(address).toMatch(/^tcp:/);
    expect(await world.git.resolveRef(repository, 'HEAD', never)).toMatchObject({ kind: 'unavailable' });
  });

  it('answers unavailable when the server is no Gitaly', async () => {
    const other = new Server();
    const port = await new Promise<number>((resolve, reject) =>
      other.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
    const repository = world.gitaly.repository('repo.git');
    if (repository.location.kind !== 'gitaly') throw new Error('not Gitaly');
    const location = { ...repository.location, address: `tcp://127.0.0.1:${port}` };
    expect(await world.git.resolveRef({ ...repository, location }, 'HEAD', never)).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('Unimplemented'),
    });
    other.forceShutdown();
  });
});
