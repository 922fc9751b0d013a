import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { httpWorld, type HttpWorld, never } from './http-world.ts';

let world: HttpWorld;
beforeEach(async () => {
  world = await httpWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const ask = (ref: string) => world.git.resolveRef(world.server.repository(), ref, never);
const read = (commitId: string, path: string, maxBytes = 1_000_000) =>
  world.git.readFile(world.server.repository(), commitId, path, maxBytes, never);
const list = (commitId: string, path: string, recursive = true) =>
  world.git.listTree(world.server.repository(), commitId, path, { recursive, maxEntries: 1_000 }, never);
const asked = () =>
  world.server.requests.map(({ method, url }) => `${method} ${url.replace(/^.*\.git/, '')}`);

/** Servers differ in version and in whether they leave files out. */
const servers = [
  ['version 2 with filters', true, ['uploadpack.allowFilter=true']],
  ['version 2 without filters', true, ['uploadpack.allowFilter=false']],
  ['version 0', false, ['uploadpack.allowFilter=true']],
] as const;

describe.each(servers)('a remote of %s', (_name, version2, configuration) => {
  beforeEach(() => {
    world.server.version2 = version2;
    world.server.configuration = configuration;
  });

  it('resolves branches, tags and HEAD', async () => {
    const repo = await world.init();
    const first = await repo.commit({ a: '1' });
    const second = await repo.commit({ a: '2' });
    await repo.git('branch', 'main-2', first);
    await repo.git('tag', 'light', first);
    await repo.git('tag', '-a', '-m', 'one', 'v1', first);
    expect(await ask('refs/heads/main')).toEqual({ kind: 'commit', commitId: second });
    expect(await ask('refs/heads/main-2')).toEqual({ kind: 'commit', commitId: first });
    expect(await ask('HEAD')).toEqual({ kind: 'commit', commitId: second });
    expect(await ask('refs/tags/light')).toEqual({ kind: 'commit', commitId: first });
    expect(await ask('refs/tags/v1')).toEqual({ kind: 'commit', commitId: first });
    expect(await ask('refs/heads/mai')).toMatchObject({ kind: 'notFound' });
  });

  it('falls back to main and master, and tells empty from not found', async () => {
    const repo = await world.init();
    await repo.git('symbolic-ref', 'HEAD', 'refs/heads/gone');
    expect(await ask('HEAD')).toEqual({ kind: 'empty' });
    expect(await ask('refs/heads/main')).toEqual({ kind: 'empty' });
    const other = await repo.commit({ a: '1' }, 'other');
    expect(await ask('HEAD')).toMatchObject({ kind: 'notFound' });
    expect(await ask('refs/heads/main')).toMatchObject({ kind: 'notFound' });
    expect(await ask('refs/heads/other')).toEqual({ kind: 'commit', commitId: other });
    const master = await repo.commit({ a: '1' }, 'master');
    expect(await ask('HEAD')).toEqual({ kind: 'commit', commitId: master });
  });

  it('reads files and folders of a commit', async () => {
    const repo = await world.init();
    await repo.commit({ 'old.txt': 'x'.repeat(1_000) });
    const commitId = await repo.commit({
      '.gitlab/agents/one/config.yaml': 'gitops: {}\n',
      'manifests/deep/b.yaml': 'b',
      'empty.yaml': '',
      'big.bin': Buffer.alloc(3_000_000, 'y'),
      link: { symlink: 'empty.yaml' },
      module: { submodule: '1'.repeat(40) },
    });
    await repo.git('gc', '--quiet');
    expect(await ask('HEAD')).toEqual({ kind: 'commit', commitId });
    expect(await read(commitId, '.gitlab/agents/one/config.yaml')).toEqual({
      kind: 'file',
      bytes: Buffer.from('gitops: {}\n'),
    });
    expect(await read(commitId, 'empty.yaml')).toEqual({ kind: 'file', bytes: Buffer.alloc(0) });
    expect(await read(commitId, 'big.bin', 3_000_000)).toMatchObject({ kind: 'file' });
    expect(await read(commitId, 'big.bin', 2_999_999)).toMatchObject({ kind: 'tooBig' });
    expect(await read(commitId, 'manifests')).toMatchObject({ kind: 'notAFile' });
    expect(await read(commitId, 'link')).toMatchObject({ kind: 'notAFile' });
    expect(await read(commitId, 'module')).toMatchObject({ kind: 'notAFile' });
    expect(await read(commitId, 'none')).toMatchObject({ kind: 'notFound' });
    expect(await read(commitId, '../x')).toMatchObject({ kind: 'invalid' });
    const listed = await list(commitId, 'manifests');
    expect(listed.kind === 'tree' && listed.entries.map(({ path, type }) => [path, type])).toEqual([
      ['manifests/deep', 'tree'],
      ['manifests/deep/b.yaml', 'blob'],
    ]);
    expect(await list(commitId, 'none')).toMatchObject({ kind: 'notFound' });
  });

  it('reads packs with deltas in them', async () => {
    const repo = await world.init();
    const lines = Array.from({ length: 2_000 }, (_, nth) => `line ${nth} ${nth * 7919}`);
    const files = Object.fromEntries(
      Array.from({ length: 30 }, (_, nth) => [`f${nth}.txt`, [...lines, `end ${nth}`].join('\n')]),
    );
    const commitId = await repo.commit(files);
    await repo.git('repack', '-a', '-d', '-f', '--depth=50', '--window=50', '--quiet');
    for (const [path, content] of Object.entries(files)) {
      expect(await read(commitId, path)).toEqual({ kind: 'file', bytes: Buffer.from(content) });
    }
  });

  it('does not find a commit that is not there', async () => {
    await (await world.init()).commit({ a: '1' });
    const answer = await read('f'.repeat(40), 'a');
    expect(['notFound', 'unavailable']).toContain(answer.kind);
    expect(await read('abc', 'a')).toMatchObject({ kind: 'invalid' });
  });
});

describe('the cost of a remote', () => {
  it('an unchanged ref costs one small exchange, and a known commit none', async () => {
    const repo = await world.init();
    const commitId = await repo.commit({ a: 'content' });
    await ask('refs/heads/main');
    expect(asked()).toEqual(['GET /info/refs?service=git-upload-pack', 'POST /git-upload-pack']);
    world.server.requests.length = 0;
    await ask('refs/heads/main');
    expect(asked()).toEqual(['POST /git-upload-pack']);
    expect(world.server.requests[0]?.bytes).toBeLessThan(200);
    await read(commitId, 'a');
    expect(asked()).toHaveLength(3); // the commit without its files, then the file
    await read(commitId, 'a');
    await list(commitId, '.');
    expect(asked()).toHaveLength(3);
    expect((await world.registry.expose()).body).toMatch(/kas_git_http_cache_bytes [1-9]/);
  });

  it('is shared by who asks at the same time', async () => {
    const repo = await world.init();
    const commitId = await repo.commit({ a: 'content' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask('refs/heads/main')));
    expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(asked()).toHaveLength(2);
    await Promise.all(Array.from({ length: 20 }, () => read(commitId, 'a')));
    expect(asked()).toHaveLength(4);
  });

  it('one who gives up does not end it for the others', async () => {
    const repo = await world.init();
    const commitId = await repo.commit({ a: '1' });
    const caller = new AbortController();
    const first = world.git.resolveRef(world.server.repository(), 'HEAD', caller.signal);
    const second = ask('HEAD');
    caller.abort();
    expect(await first).toEqual({ kind: 'unavailable', reason: 'cancelled' });
    expect(await second).toEqual({ kind: 'commit', commitId });
  });

  it('is bounded: what was fetched longest ago is fetched anew', async () => {
    await using small = await httpWorld({ limits: { cacheBytesMax: 20_000 } });
    small.server.configuration = ['uploadpack.allowFilter=false'];
    const repo = await small.init();
    const noise = () => Buffer.from(Array.from({ length: 15_000 }, (_, nth) => (nth * nth * 31) % 251));
    const commits = [
      await repo.commit({ a: noise() }),
      await repo.commit({ b: Buffer.concat([noise(), noise()]) }),
    ];
    for (const commitId of [...commits, ...commits]) {
      expect(
        await small.git.readFile(small.server.repository(), commitId, 'a', 1_000_000, never),
      ).toMatchObject({ kind: 'file' });
    }
    const body = (await small.registry.expose()).body;
    expect(Number(/kas_git_http_cache_bytes (\d+)/.exec(body)?.[1])).toBeLessThanOrEqual(20_000);
  });

  it('many small files are one exchange, and again none', async () => {
    const repo = await world.init();
    const files = Object.fromEntries(
      Array.from({ length: 600 }, (_, n) => [`d${n % 7}/${n}.yaml`, `n: ${n}`]),
    );
    const commitId = await repo.commit(files);
    await list(commitId, '.');
    world.server.requests.length = 0;
    const paths = Object.keys(files);
    const together = (bounds = { fileBytesMax: 100, totalBytesMax: 10_000 }) =>
      world.git.readFiles(world.server.repository(), commitId, paths, bounds, never);
    const answer = await together();
    expect(answer.kind).toBe('files');
    expect(answer.kind === 'files' && answer.files.get('d6/13.yaml')?.toString()).toBe('n: 13');
    expect(answer.kind === 'files' && answer.files.size).toBe(600);
    expect(asked()).toEqual(['POST /git-upload-pack', 'POST /git-upload-pack']); // 500 and 100
    await together();
    expect(asked()).toHaveLength(2);
    expect(await together({ fileBytesMax: 100, totalBytesMax: 1_000 })).toMatchObject({ kind: 'tooBig' });
  });

  it('of many files the one that is too big or no file is told', async () => {
    const repo = await world.init();
    const commitId = await repo.commit({
      a: 'a',
      big: Buffer.from(Array.from({ length: 50_000 }, (_, nth) => (nth * nth * nth) % 251)),
      link: { symlink: 'a' },
      z: 'z',
    });
    const together = (paths: readonly string[]) => {
      const bounds = { fileBytesMax: 1_000, totalBytesMax: 2_000 };
      return world.git.readFiles(world.server.repository(), commitId, paths, bounds, never);
    };
    expect(await together(['a', 'big', 'z'])).toMatchObject({ kind: 'tooBig', path: 'big' });
    expect(await together(['a', 'link', 'z'])).toMatchObject({ kind: 'notAFile', path: 'link' });
    expect(await together(['a', 'gone'])).toMatchObject({ kind: 'notFound', path: 'gone' });
    expect(await together(['a', 'z'])).toMatchObject({ kind: 'files' });
  });

  it('refuses a commit that is too large', async () => {
    await using small = await httpWorld({ limits: { packBytesMax: 10_000 } });
    small.server.configuration = ['uploadpack.allowFilter=false'];
    const repo = await small.init();
    const big = Buffer.from(Array.from({ length: 50_000 }, (_, nth) => (nth * nth * nth) % 251));
    const { randomBytes } = await import('node:crypto');
    const commitId = await repo.commit({ a: Buffer.concat([big, randomBytes(20_000)]), b: 'b' });
    const question = () => small.git.readFile(small.server.repository(), commitId, 'b', 1_000, never);
    expect(await question()).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('larger'),
    });
    small.server.configuration = ['uploadpack.allowFilter=true'];
    expect(await question()).toMatchObject({ kind: 'file' });
  });

  it('keeps object ids of SHA-256', async () => {
    const repo = await world.init('repo.git', '--object-format=sha256');
    const commitId = await repo.commit({ a: 'content' });
    expect(await ask('HEAD')).toEqual({ kind: 'commit', commitId });
    expect(await read(commitId, 'a')).toMatchObject({ kind: 'file' });
  });
});
