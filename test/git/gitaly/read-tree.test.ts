import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  encode,
  GetTreeEntriesResponseSchema,
  TreeEntryResponse_ObjectType,
  TreeEntryResponseSchema,
} from '../../../src/protocol/index.ts';
import { unresolved } from '../../fakes/gitaly/fake-gitaly.ts';
import { eventually, gitalyWorld, type GitalyWorld, never } from './gitaly-world.ts';

let world: GitalyWorld;
let commitId: string;
const big = Buffer.alloc(300_000, 'x');

beforeEach(async () => {
  world = await gitalyWorld();
  const repo = await world.init();
  commitId = await repo.commit({
    'README.md': 'read me',
    'empty.yaml': '',
    'big.bin': big,
    '.gitlab/agents/one/config.yaml': 'gitops: {}\n',
    '.gitlab/agents/two/config.yaml': 'observability: {}\n',
    'manifests/a.yaml': 'a',
    'manifests/deep/b.yaml': 'b',
    'manifests/deep/ünï "code".yaml': 'c',
    link: { symlink: 'README.md' },
    module: { submodule: '1'.repeat(40) },
  });
});
afterEach(() => world[Symbol.asyncDispose]());

const read = (path: string, maxBytes = 1_000_000, commit = commitId) =>
  world.git.readFile(world.gitaly.repository('repo.git'), commit, path, maxBytes, never);
const list = (path: string, recursive: boolean, maxEntries = 1_000, commit = commitId) =>
  world.git.listTree(world.gitaly.repository('repo.git'), commit, path, { recursive, maxEntries }, never);

function part(fields: {
  type?: TreeEntryResponse_ObjectType;
  oid?: string;
  size?: bigint;
  mode?: number;
  data?: Buffer;
}) {
  return encode(TreeEntryResponseSchema, create(TreeEntryResponseSchema, fields));
}
const head = { type: TreeEntryResponse_ObjectType.BLOB, oid: 'a'.repeat(40), mode: 0o100644 };

describe('reading a file by Gitaly', () => {
  it('reads files of one message, of several and of no byte', async () => {
    expect(await read('.gitlab/agents/one/config.yaml')).toEqual({
      kind: 'file',
      bytes: Buffer.from('gitops: {}\n'),
    });
    expect(await read('big.bin')).toEqual({ kind: 'file', bytes: big });
    expect(await read('empty.yaml')).toEqual({ kind: 'file', bytes: Buffer.alloc(0) });
    expect(await read('manifests/deep/ünï "code".yaml')).toEqual({ kind: 'file', bytes: Buffer.from('c') });
  });

  it('tells a folder, a submodule and a symbolic link from a file', async () => {
    expect(await read('manifests')).toEqual({ kind: 'notAFile', reason: 'not a usual file but a folder' });
    expect(await read('module')).toEqual({ kind: 'notAFile', reason: 'not a usual file but a submodule' });
    expect(await read('link')).toEqual({ kind: 'notAFile', reason: 'not a usual file but a symlink' });
  });

  it('does not find files that are not there, in the words of old and new versions', async () => {
    expect(await read('none.yaml')).toMatchObject({ kind: 'notFound' });
    expect(await read('README.md/x')).toMatchObject({ kind: 'notFound' });
    expect(await read('README.md', 9, 'f'.repeat(40))).toMatchObject({ kind: 'notFound' });
    world.gitaly.version = '14';
    expect(await read('none.yaml')).toMatchObject({ kind: 'notFound' });
  });

  it('reads several files, and tells which one cannot be read', async () => {
    const several = (paths: readonly string[], totalBytesMax = 1_000) => {
      const bounds = { fileBytesMax: 500, totalBytesMax };
      return world.git.readFiles(world.gitaly.repository('repo.git'), commitId, paths, bounds, never);
    };
    const answer = await several(['README.md', 'empty.yaml', 'manifests/a.yaml']);
    expect(answer.kind === 'files' && [...answer.files.keys()].sort()).toEqual([
      'README.md',
      'empty.yaml',
      'manifests/a.yaml',
    ]);
    expect(await several(['README.md', 'big.bin'])).toMatchObject({ kind: 'tooBig', path: 'big.bin' });
    expect(await several(['README.md', 'link'])).toMatchObject({ kind: 'notAFile', path: 'link' });
    expect(await several(['README.md', 'manifests/a.yaml'], 7)).toMatchObject({ kind: 'tooBig' });
  });

  it('holds the size limit at the byte, and 0 is not without limit', async () => {
    expect(await read('README.md', 7)).toMatchObject({ kind: 'file' });
    expect(await read('README.md', 6)).toMatchObject({
      kind: 'tooBig',
      reason: expect.stringMatching(/\(7\)/),
    });
    expect(await read('README.md', 0)).toMatchObject({ kind: 'tooBig' });
    expect(await read('manifests/a.yaml', 0)).toMatchObject({ kind: 'tooBig' });
    expect(await read('empty.yaml', 0)).toMatchObject({ kind: 'file' });
  });

  it('holds the limit against a server that does not', async () => {
    const messages = [
      part({ ...head, size: 5n, data: Buffer.alloc(5) }),
      part({ data: Buffer.alloc(2_000_000) }),
    ];
    world.gitaly.misbehave('TreeEntry', { kind: 'messages', messages });
    expect(await read('a')).toMatchObject({ kind: 'tooBig' });
    world.gitaly.misbehave('TreeEntry', { kind: 'messages', messages: [part({ ...head, size: 1n << 40n })] });
    expect(await read('a')).toMatchObject({ kind: 'tooBig' });
    await eventually(() => world.gitaly.calls.length === 2);
  });

  it('does not take a file that ended too early for the whole, nor no answer for an empty file', async () => {
    world.gitaly.misbehave('TreeEntry', { kind: 'messages', messages: [part({ ...head, size: 5n })] });
    expect(await read('a')).toMatchObject({ kind: 'unavailable' });
    world.gitaly.misbehave('TreeEntry', { kind: 'messages', messages: [] });
    expect(await read('a')).toMatchObject({ kind: 'unavailable' });
  });

  it('takes messages that are none for a failure', async () => {
    world.gitaly.misbehave('TreeEntry', { kind: 'messages', messages: [Buffer.from([0xff, 0xff])] });
    expect(await read('a')).toMatchObject({ kind: 'unavailable' });
  });

  it.each([
    ['too big', 9, 'object size (9) is bigger than the maximum allowed size (3)', 'tooBig'],
    ['a corrupt repository', 9, 'repository is corrupt', 'unavailable'],
    ['a missing repository', 5, 'repository not found', 'notFound'],
    ['an invalid argument', 3, 'empty Path', 'invalid'],
    ['throttling', 8, 'too many requests', 'unavailable'],
  ])('knows the status of %s', async (_what, code, message, kind) => {
    world.gitaly.misbehave('TreeEntry', { kind: 'status', code, message });
    expect(await read('a')).toMatchObject({ kind });
  });

  it.each(['', '.', '/etc/passwd', '../x', 'a//b', 'a/./b', 'a\0b'])('refuses the path %j', async (path) => {
    expect(await read(path)).toMatchObject({ kind: 'invalid' });
    expect(world.gitaly.calls).toEqual([]);
  });

  it.each(['-x', '--output=x', '', 'HEAD~1', 'main'])('refuses the revision %j', async (revision) => {
    expect(await read('a', 9, revision)).toMatchObject({ kind: 'invalid' });
    expect(await list('.', true, 9, revision)).toMatchObject({ kind: 'invalid' });
    expect(world.gitaly.calls).toEqual([]);
  });
});

describe('listing a folder by Gitaly', () => {
  it('lists the root and folders, flat and recursive, over several messages', async () => {
    const root = await list('.', false);
    expect(root).toMatchObject({ kind: 'tree' });
    expect(root.kind === 'tree' && root.entries.map(({ path, type }) => [path, type])).toEqual([
      ['.gitlab', 'tree'],
      ['README.md', 'blob'],
      ['big.bin', 'blob'],
      ['empty.yaml', 'blob'],
      ['link', 'blob'],
      ['manifests', 'tree'],
      ['module', 'commit'],
    ]);
    const below = await list('manifests', true);
    expect(below.kind === 'tree' && below.entries.map(({ path, type }) => [path, type])).toEqual([
      ['manifests/a.yaml', 'blob'],
      ['manifests/deep', 'tree'],
      ['manifests/deep/b.yaml', 'blob'],
      ['manifests/deep/ünï "code".yaml', 'blob'],
    ]);
    const configurations = await list('.gitlab/agents', true);
    expect(configurations.kind === 'tree' && configurations.entries).toHaveLength(4);
  });

  it.each(['14', '16.5', '16.8'] as const)(
    'does not find a folder that is not there in version %s',
    async (version) => {
      world.gitaly.version = version;
      for (const recursive of [true, false]) {
        expect(await list('none', recursive)).toMatchObject({ kind: 'notFound' });
      }
    },
  );

  it('does not take a file for an empty folder, nor an empty commit for a missing one', async () => {
    expect(await list('README.md', true)).toMatchObject({ kind: 'notFound' });
    world.gitaly.misbehave('GetTreeEntries', { kind: 'messages', messages: [] });
    expect(await list('.', true)).toEqual({ kind: 'tree', entries: [] });
  });

  it('stops at the limit of entries', async () => {
    expect(await list('manifests', true, 4)).toMatchObject({ kind: 'tree' });
    expect(await list('manifests', true, 3)).toEqual({
      kind: 'tooBig',
      reason: 'folder has more than 3 entries',
    });
    world.gitaly.misbehave('GetTreeEntries', {
      kind: 'messages',
      messages: Array.from({ length: 100 }, () =>
        encode(
          GetTreeEntriesResponseSchema,
          create(GetTreeEntriesResponseSchema, { entries: Array.from({ length: 100 }, () => ({})) }),
        ),
      ),
    });
    expect(await list('.', true, 150)).toMatchObject({ kind: 'tooBig' });
  });

  it.each([
    ['InvalidArgument with the detail', 3, unresolved(Buffer.from('x'), 3), 'notFound'],
    ['NotFound with the detail', 5, unresolved(Buffer.from('x'), 5), 'notFound'],
    ['NotFound alone', 5, undefined, 'notFound'],
    ['InvalidArgument alone', 3, undefined, 'invalid'],
    ['InvalidArgument with rubbish for a detail', 3, Buffer.from('rubbish'), 'invalid'],
    ['Unavailable', 14, undefined, 'unavailable'],
  ])('knows %s', async (_what, code, details, kind) => {
    const status = {
      kind: 'status',
      code,
      message: 'no',
      ...(details === undefined ? {} : { details }),
    } as const;
    world.gitaly.misbehave('GetTreeEntries', status);
    expect(await list('a', true)).toMatchObject({ kind });
  });
});
