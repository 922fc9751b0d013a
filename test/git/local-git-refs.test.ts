import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localGit } from '../../src/git/local/index.ts';
import type { Git } from '../../src/ports/index.ts';
import { silentLog } from '../gitlab/recording-log.ts';
import { BareRepository, run, temporaryFolder } from './bare-repository.ts';

const never = new AbortController().signal;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let count = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

function repository(): Promise<BareRepository> {
  count += 1;
  return BareRepository.init(join(folder.path, `${count}.git`));
}

function git(): Git {
  return localGit({ log: silentLog });
}

describe('resolving a ref', () => {
  it('finds a branch by its exact name, loose and packed', async () => {
    const repo = await repository();
    const first = await repo.commit({ a: '1' });
    expect(await git().resolveRef(repo.port, 'refs/heads/main', never)).toEqual({
      kind: 'commit',
      commitId: first,
    });
    await repo.git('pack-refs', '--all');
    expect(await git().resolveRef(repo.port, 'refs/heads/main', never)).toEqual({
      kind: 'commit',
      commitId: first,
    });
    const second = await repo.commit({ a: '2' });
    expect(await git().resolveRef(repo.port, 'refs/heads/main', never)).toEqual({
      kind: 'commit',
      commitId: second,
    });
  });

  it('does not take a name that only ends alike', async () => {
    const repo = await repository();
    await repo.commit({ a: '1' }, 'feature/main');
    await repo.git('pack-refs', '--all');
    expect(await git().resolveRef(repo.port, 'refs/heads/main', never)).toMatchObject({ kind: 'notFound' });
    expect(await git().resolveRef(repo.port, 'refs/heads/feature', never)).toMatchObject({
      kind: 'notFound',
    });
  });

  it('follows HEAD to its branch', async () => {
    const repo = await repository();
    await repo.commit({ a: '1' });
    const trunk = await repo.commit({ a: '2' }, 'trunk');
    await repo.git('symbolic-ref', 'HEAD', 'refs/heads/trunk');
    expect(await git().resolveRef(repo.port, 'HEAD', never)).toEqual({ kind: 'commit', commitId: trunk });
  });

  it('takes a detached HEAD', async () => {
    const repo = await repository();
    const first = await repo.commit({ a: '1' });
    await repo.commit({ a: '2' });
    await writeFile(join(repo.gitDir, 'HEAD'), `${first}\n`);
    expect(await git().resolveRef(repo.port, 'HEAD', never)).toEqual({ kind: 'commit', commitId: first });
  });

  it('falls back to main and then to master when HEAD leads nowhere', async () => {
    const repo = await repository();
    await repo.git('symbolic-ref', 'HEAD', 'refs/heads/gone');
    const master = await repo.commit({ a: '1' }, 'master');
    expect(await git().resolveRef(repo.port, 'HEAD', never)).toEqual({ kind: 'commit', commitId: master });
    const main = await repo.commit({ a: '2' }, 'main');
    expect(await git().resolveRef(repo.port, 'HEAD', never)).toEqual({ kind: 'commit', commitId: main });
  });

  it('reports HEAD as not found when there are only other branches', async () => {
    const repo = await repository();
    await repo.commit({ a: '1' }, 'other');
    expect(await git().resolveRef(repo.port, 'HEAD', never)).toMatchObject({ kind: 'notFound' });
  });

  it('calls a repository without any ref empty', async () => {
    const repo = await repository();
    expect(await git().resolveRef(repo.port, 'refs/heads/main', never)).toEqual({ kind: 'empty' });
    expect(await git().resolveRef(repo.port, 'HEAD', never)).toEqual({ kind: 'empty' });
  });

  it('peels annotated tags, tags of tags and packed tags to their commit', async () => {
    const repo = await repository();
    const commitId = await repo.commit({ a: '1' });
    await repo.git('tag', 'light', 'main');
    await repo.git('tag', '-a', '-m', 'one', 'v1', 'main');
    await repo.git('tag', '-a', '-m', 'two', 'v1-again', 'v1');
    for (const packed of [false, true]) {
      if (packed) await repo.git('gc', '--quiet');
      for (const tag of ['light', 'v1', 'v1-again']) {
        expect(await git().resolveRef(repo.port, `refs/tags/${tag}`, never)).toEqual({
          kind: 'commit',
          commitId,
        });
      }
    }
  });

  it('reports a tag of a file as not found', async () => {
    const repo = await repository();
    await repo.commit({ a: '1' });
    await repo.git('tag', 'blob', 'main:a');
    expect(await git().resolveRef(repo.port, 'refs/tags/blob', never)).toMatchObject({ kind: 'notFound' });
  });

  it.each([
    'main',
    'refs/heads/../../../etc/passwd',
    'refs//heads',
    '/refs/heads/main',
    'refs/heads/a b',
    'refs/heads/.x',
    'refs/heads/x.lock',
    'refs/heads/',
    '-x',
    'objects',
    'refs/heads/a\0b',
  ])('refuses %j, which is no full ref name', async (ref) => {
    const repo = await repository();
    await repo.commit({ a: '1' });
    expect(await git().resolveRef(repo.port, ref, never)).toMatchObject({ kind: 'invalid' });
  });

  it('refuses refs that point in a circle', async () => {
    const repo = await repository();
    await repo.commit({ a: '1' });
    await writeFile(join(repo.gitDir, 'refs/heads/x'), 'ref: refs/heads/y\n');
    await writeFile(join(repo.gitDir, 'refs/heads/y'), 'ref: refs/heads/x\n');
    expect(await git().resolveRef(repo.port, 'refs/heads/x', never)).toMatchObject({ kind: 'invalid' });
  });

  it('sees a real push at once', async () => {
    const repo = await repository();
    const clone = join(folder.path, `clone-${count}`);
    await run('git', ['clone', '--quiet', repo.gitDir, clone]);
    await writeFile(join(clone, 'file.txt'), 'pushed');
    await run('git', ['add', '.'], undefined, clone);
    await run('git', ['commit', '--quiet', '-m', 'x'], undefined, clone);
    const port = git();
    expect(await port.resolveRef(repo.port, 'refs/heads/main', never)).toEqual({ kind: 'empty' });
    await run('git', ['push', '--quiet', 'origin', 'HEAD:main'], undefined, clone);
    const commitId = await repo.git('rev-parse', 'main');
    expect(await port.resolveRef(repo.port, 'refs/heads/main', never)).toEqual({ kind: 'commit', commitId });
    const file = await port.readFile(repo.port, commitId, 'file.txt', 100, never);
    expect(file).toEqual({ kind: 'file', bytes: Buffer.from('pushed') });
  });
});
