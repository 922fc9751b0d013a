import { cp, mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { localGit, type LocalGitLimits } from '../../src/git/local/index.ts';
import type { Git, GitRepository } from '../../src/ports/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { silentLog } from '../gitlab/recording-log.ts';
import { BareRepository, run, temporaryFolder } from './bare-repository.ts';

const never = new AbortController().signal;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let count = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder[Symbol.asyncDispose]());

function repository(...options: string[]): Promise<BareRepository> {
  count += 1;
  return BareRepository.init(join(folder.path, `${count}.git`), 'demo/agents', ...options);
}

function git(limits: Partial<LocalGitLimits> = {}): Git {
  return localGit({ log: silentLog, limits });
}

async function readText(repo: BareRepository, commitId: string, path: string): Promise<string> {
  const answer = await git().readFile(repo.port, commitId, path, 1 << 20, never);
  return answer.kind === 'file' ? answer.bytes.toString('utf8') : answer.kind;
}

describe('a repository that is not usable', () => {
  it('is not found when it is missing or something else', async () => {
    const missing: GitRepository = {
      projectPath: 'a/b',
      location: { kind: 'local', gitDir: join(folder.path, 'no') },
    };
    expect(await git().resolveRef(missing, 'HEAD', never)).toMatchObject({ kind: 'notFound' });
    const file = join(folder.path, 'a-file');
    await writeFile(file, '');
    const notOne: GitRepository = { projectPath: 'a/b', location: { kind: 'local', gitDir: file } };
    expect(await git().readFile(notOne, 'a'.repeat(40), 'x', 10, never)).toMatchObject({ kind: 'notFound' });
  });

  it('is seen at once when it is replaced by another one', async () => {
    const repo = await repository();
    await repo.commit({ a: 'old' });
    const other = await repository();
    const commitId = await other.commit({ a: 'new' });
    await other.git('gc', '--quiet');
    const port = git();
    await port.resolveRef(repo.port, 'HEAD', never);
    await rename(repo.gitDir, `${repo.gitDir}.old`);
    await cp(other.gitDir, repo.gitDir, { recursive: true });
    expect(await port.resolveRef(repo.port, 'HEAD', never)).toEqual({ kind: 'commit', commitId });
    expect(await readText(repo, commitId, 'a')).toBe('new');
  });

  it('is reported as corrupt when an object is damaged', async () => {
    const repo = await repository();
    const commitId = await repo.commit({ a: 'content' });
    const oid = await repo.git('rev-parse', 'main:a');
    const path = join(repo.gitDir, 'objects', oid.slice(0, 2), oid.slice(2));
    await rm(path, { force: true });
    await rm(join(repo.gitDir, 'objects/pack'), { recursive: true, force: true });
    await mkdir(join(repo.gitDir, 'objects/pack'));
    expect(['invalid', 'notFound']).toContain(
      (await git().readFile(repo.port, commitId, 'a', 10, never)).kind,
    );
  });
});

describe('reading a file', () => {
  it('gives its bytes, empty and binary ones too', async () => {
    const repo = await repository();
    const binary = randomBytes(5_000);
    const commitId = await repo.commit({ empty: '', 'deep/er/file.bin': binary });
    expect(await git().readFile(repo.port, commitId, 'empty', 10, never)).toEqual({
      kind: 'file',
      bytes: Buffer.alloc(0),
    });
    expect(await git().readFile(repo.port, commitId, 'deep/er/file.bin', 5_000, never)).toEqual({
      kind: 'file',
      bytes: binary,
    });
  });

  it('accepts a file of exactly the limit and refuses one byte more, loose and packed', async () => {
    const repo = await repository();
    const commitId = await repo.commit({ exact: 'x'.repeat(100), over: 'x'.repeat(101) });
    for (const packed of [false, true]) {
      if (packed) await repo.git('gc', '--quiet');
      expect((await git().readFile(repo.port, commitId, 'exact', 100, never)).kind).toBe('file');
      expect(await git().readFile(repo.port, commitId, 'over', 100, never)).toEqual({
        kind: 'tooBig',
        reason: 'object size (101) is bigger than the maximum allowed size (100)',
      });
    }
  });

  it('refuses a file that would inflate to far more than the limit without inflating it', async () => {
    const repo = await repository();
    const commitId = await repo.commit({ bomb: Buffer.alloc(64 << 20) });
    await repo.git('gc', '--quiet');
    const before = process.memoryUsage().rss;
    expect(await git().readFile(repo.port, commitId, 'bomb', 1_000, never)).toMatchObject({ kind: 'tooBig' });
    expect(process.memoryUsage().rss - before).toBeLessThan(32 << 20);
  });

  it('refuses a delta whose result is too big', async () => {
    const repo = await repository();
    const text = randomBytes(50_000).toString('hex');
    const commits = [await repo.commit({ a: text }), await repo.commit({ a: `${text}!` })];
    await repo.git('repack', '-adfq');
    const packs = (await readdir(join(repo.gitDir, 'objects/pack'))).filter((name) => name.endsWith('.idx'));
    const packed = await repo.git('verify-pack', '-v', join(repo.gitDir, 'objects/pack', packs[0] ?? ''));
    expect(packed).toContain('chain length = 1: 1 object');
    for (const [version, commitId] of commits.entries()) {
      const bytes = 100_000 + version;
      expect(await git().readFile(repo.port, commitId, 'a', bytes - 1, never)).toMatchObject({
        kind: 'tooBig',
      });
      expect((await git().readFile(repo.port, commitId, 'a', bytes, never)).kind).toBe('file');
    }
    const tight = git({ deltaChainBytesMax: 50_000 });
    const answers = await Promise.all(
      commits.map((id) => tight.readFile(repo.port, id, 'a', 1 << 20, never)),
    );
    expect(answers.map(({ kind }) => kind).sort()).toEqual(['file', 'tooBig']);
  });

  it('calls folders, symbolic links and submodules not a file', async () => {
    const repo = await repository();
    const commitId = await repo.commit({
      'folder/file': 'x',
      link: { symlink: 'folder/file' },
      module: { submodule: 'a'.repeat(40) },
    });
    for (const path of ['folder', 'link', 'module', '.']) {
      expect((await git().readFile(repo.port, commitId, path, 10, never)).kind).toBe('notAFile');
    }
    expect((await git().readFile(repo.port, commitId, 'link/x', 10, never)).kind).toBe('notFound');
    expect((await git().readFile(repo.port, commitId, 'module/x', 10, never)).kind).toBe('notFound');
  });

  it('does not find missing files and missing commits', async () => {
    const repo = await repository();
    const commitId = await repo.commit({ a: '1' });
    expect((await git().readFile(repo.port, commitId, 'b', 10, never)).kind).toBe('notFound');
    expect((await git().readFile(repo.port, commitId, 'a/b', 10, never)).kind).toBe('notFound');
    expect((await git().readFile(repo.port, 'f'.repeat(40), 'a', 10, never)).kind).toBe('notFound');
    expect((await git().readFile(repo.port, 'main', 'a', 10, never)).kind).toBe('invalid');
  });

  it.each(['/a', '../a', 'a/../a', './a', 'a//b', 'a/', 'a\0', 'x/'.repeat(80) + 'a'])(
    'refuses the path %j',
    async (path) => {
      const repo = await repository();
      const commitId = await repo.commit({ a: '1' });
      expect((await git().readFile(repo.port, commitId, path, 10, never)).kind).toBe('invalid');
    },
  );

  it('finds objects borrowed from another repository', async () => {
    const repo = await repository();
    const commitId = await repo.commit({ a: 'lent' });
    await repo.git('gc', '--quiet');
    const borrower = join(folder.path, `borrower-${count}.git`);
    await run('git', ['clone', '--quiet', '--bare', '--shared', repo.gitDir, borrower]);
    expect(await readText(new BareRepository(borrower), commitId, 'a')).toBe('lent');
  });

  it('reads repositories with SHA-256 names', async () => {
    const repo = await repository('--object-format=sha256');
    const commitId = await repo.commit({ a: 'long', 'b/c': 'names' });
    expect(commitId).toHaveLength(64);
    expect(await git().resolveRef(repo.port, 'HEAD', never)).toEqual({ kind: 'commit', commitId });
    await repo.git('gc', '--quiet');
    expect(await git().resolveRef(repo.port, 'HEAD', never)).toEqual({ kind: 'commit', commitId });
    expect(await readText(repo, commitId, 'b/c')).toBe('names');
  });
});

describe('a repository with a long history', () => {
  it('gives every version of every file as git itself does, loose, packed and repacked', async () => {
    const repo = await repository();
    const commits: string[] = [];
    let big = Array.from({ length: 400 }, () => randomBytes(20).toString('hex')).join('\n');
    for (let version = 0; version < 12; version += 1) {
      big = big.replace(/[0-9a-f]{4}/, `v${version}`) + `\nline ${version}`;
      commits.push(
        await repo.commit({
          'deep/big.txt': big,
          [`file-${version}`]: randomBytes(version * 100),
          counter: `${version}`,
        }),
      );
    }
    const check = async (): Promise<void> => {
      for (const commitId of commits) {
        const listing = await git().listTree(
          repo.port,
          commitId,
          '.',
          { recursive: true, maxEntries: 1_000 },
          never,
        );
        if (listing.kind !== 'tree') throw new Error(listing.reason);
        const expected = (await repo.git('ls-tree', '-r', '-t', commitId)).split('\n').map((line) => {
          const [, type, oid, path] = /^\d+ (\w+) (\w+)\t(.*)$/.exec(line) ?? [];
          return { path, type, oid };
        });
        expect(listing.entries).toEqual(expected);
        for (const { path, type, oid } of listing.entries) {
          if (type !== 'blob') continue;
          const file = await git().readFile(repo.port, commitId, path, 1 << 20, never);
          expect(file).toEqual({ kind: 'file', bytes: await repo.gitBytes('cat-file', 'blob', oid) });
        }
      }
    };
    await check();
    await repo.git('repack', '-dq');
    await check();
    await repo.commit({ later: 'loose' });
    await repo.git('repack', '-dq');
    await repo.git('gc', '--quiet', '--aggressive');
    expect(await repo.git('count-objects')).toContain('0 objects');
    await check();
  });

  it('reads many files of a commit as it reads each', async () => {
    const repo = await repository();
    const files = Object.fromEntries(
      Array.from({ length: 300 }, (_, n) => [`d${n % 50}/e/${n}`, `file ${n}`]),
    );
    const commitId = await repo.commit({
      ...files,
      link: { symlink: 'd0/e/0' },
      module: { submodule: '1'.repeat(40) },
    });
    const together = (paths: readonly string[], fileBytesMax = 100, totalBytesMax = 10_000) =>
      git().readFiles(repo.port, commitId, paths, { fileBytesMax, totalBytesMax }, never);
    const answer = await together(Object.keys(files));
    const texts =
      answer.kind === 'files' ? [...answer.files].map(([path, bytes]) => [path, bytes.toString()]) : [];
    expect(Object.fromEntries(texts)).toEqual(files);
    expect(await together([])).toEqual({ kind: 'files', files: new Map() });
    expect(await together(['d0/e/0', 'link'])).toMatchObject({ kind: 'notAFile', path: 'link' });
    expect(await together(['d0/e/0', 'd0'])).toMatchObject({ kind: 'notAFile', path: 'd0' });
    expect(await together(['d0/e/0', 'd0/none'])).toMatchObject({ kind: 'notFound', path: 'd0/none' });
    expect(await together(['d0/e/0', '../x'])).toMatchObject({ kind: 'invalid', path: '../x' });
    expect(await together(['d0/e/0'], 6)).toEqual({
      kind: 'files',
      files: new Map([['d0/e/0', Buffer.from('file 0')]]),
    });
    expect(await together(['d0/e/0'], 5)).toMatchObject({ kind: 'tooBig', path: 'd0/e/0' });
    expect(await together(Object.keys(files), 100, 100)).toMatchObject({ kind: 'tooBig' });
    const never1 = git().readFiles(
      repo.port,
      'f'.repeat(40),
      ['a'],
      { fileBytesMax: 1, totalBytesMax: 1 },
      never,
    );
    expect(await never1).toMatchObject({ kind: 'notFound' });
  });

  it('finds an object in a pack of many thousands', async () => {
    const repo = await repository();
    const files = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, n) => [`d${n % 10}/f${n}`, `file ${n}`]),
    );
    const commitId = await repo.commit(files);
    await repo.git('repack', '-adq');
    for (const n of [0, 1, 999, 2_998, 2_999])
      expect(await readText(repo, commitId, `d${n % 10}/f${n}`)).toBe(`file ${n}`);
    const listing = await git().listTree(
      repo.port,
      commitId,
      '.',
      { recursive: true, maxEntries: 4_000 },
      never,
    );
    expect(listing.kind === 'tree' ? listing.entries.length : listing.reason).toBe(3_010);
  });
});

describe('listing a folder', () => {
  it('lists one level or all, with paths from the root', async () => {
    const repo = await repository();
    const commitId = await repo.commit({
      'a/b/c': '1',
      'a/d': '2',
      'a-x': '3',
      m: { submodule: 'b'.repeat(40) },
    });
    const paths = async (path: string, recursive: boolean): Promise<string[]> => {
      const listing = await git().listTree(repo.port, commitId, path, { recursive, maxEntries: 100 }, never);
      return listing.kind === 'tree'
        ? listing.entries.map((entry) => `${entry.type} ${entry.path}`)
        : [listing.kind];
    };
    expect(await paths('.', false)).toEqual(['blob a-x', 'tree a', 'commit m']);
    expect(await paths('a', false)).toEqual(['tree a/b', 'blob a/d']);
    expect(await paths('a', true)).toEqual(['tree a/b', 'blob a/b/c', 'blob a/d']);
    expect(await paths('a/d', true)).toEqual([]);
    expect(await paths('nope', true)).toEqual(['notFound']);
  });

  it('refuses a folder with more entries than asked for', async () => {
    const repo = await repository();
    const commitId = await repo.commit({ a: '1', b: '2', c: '3' });
    const list = (maxEntries: number) =>
      git().listTree(repo.port, commitId, '.', { recursive: true, maxEntries }, never);
    expect((await list(3)).kind).toBe('tree');
    expect(await list(2)).toMatchObject({ kind: 'tooBig' });
  });
});

describe('an operation', () => {
  it('ends when its caller gives up', async () => {
    const repo = await repository();
    await repo.commit({ a: '1' });
    const gone = AbortSignal.abort();
    expect(await git().resolveRef(repo.port, 'HEAD', gone)).toEqual({
      kind: 'unavailable',
      reason: 'cancelled',
    });
  });

  it('ends at its deadline and leaves no timer behind', async () => {
    const repo = await repository();
    const clock = new VirtualClock();
    const port = localGit({ clock, log: silentLog, limits: { operationMsMax: 1_000 } });
    const answer = port.resolveRef(repo.port, 'HEAD', never);
    clock.advance(1_000);
    expect(await answer).toEqual({ kind: 'unavailable', reason: 'repository read took too long' });
    expect(await port.resolveRef(repo.port, 'HEAD', never)).toEqual({ kind: 'empty' });
    expect(clock.pending).toBe(0);
  });

  it('says so when the disk refuses', async () => {
    const repo = await repository();
    await repo.commit({ a: '1' });
    await rm(join(repo.gitDir, 'packed-refs'), { force: true });
    await symlink('packed-refs', join(repo.gitDir, 'packed-refs'));
    expect(await git().resolveRef(repo.port, 'refs/heads/none', never)).toMatchObject({
      kind: 'unavailable',
    });
  });
});
