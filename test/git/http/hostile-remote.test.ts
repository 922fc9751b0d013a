import { readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { delimiter, flush, packet } from '../../../src/git/pack-protocol/index.ts';
import { GitHttpServer } from './git-http-server.ts';
import { httpWorld, type HttpWorld, never } from './http-world.ts';

let world: HttpWorld;
beforeEach(async () => {
  world = await httpWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

const ask = (more: Parameters<GitHttpServer['repository']>[0] = {}) =>
  world.git.resolveRef(world.server.repository(more), 'HEAD', never);

/** Answers the greeting of a version 2 server, and this to each POST. */
function answerPosts(...body: Buffer[]): void {
  world.server.interfere = (request, response) => {
    const greeting = [packet('version 2\n'), packet('ls-refs\n'), packet('fetch=shallow filter\n'), flush];
    const kind = request.method === 'POST' ? 'result' : 'advertisement';
    response.writeHead(200, { 'content-type': `application/x-git-upload-pack-${kind}` });
    response.end(Buffer.concat(request.method === 'POST' ? body : greeting));
    return true;
  };
}
const refuse = (status: number, headers: Record<string, string> = {}) => {
  world.server.interfere = (_request, response) => {
    response.writeHead(status, headers).end('<html>'.repeat(100));
    return true;
  };
};

describe('hosts', () => {
  it('that are this machine, private or special are refused unless trusted, by address and by name', async () => {
    await (await world.init()).commit({ a: '1' });
    for (const url of [
      world.server.url('repo.git', '127.0.0.1'),
      'https://127.0.0.1/x.git',
      'https://localhost/x.git',
      'https://[::1]/x.git',
      'https://[::ffff:127.0.0.1]/x.git',
      'https://[64:ff9b::7f00:1]/x.git',
      'https://0x7f.1/x.git',
      'https://2130706433/x.git',
      'https://169.254.169.254/latest/meta-data',
      'https://[fd00:ec2::254]/x.git',
      'https://168.63.129.16/x.git',
      'https://100.100.100.200/x.git',
      'https://10.0.0.1/x.git',
      'https://192.168.1.1/x.git',
      'https://172.31.255.255/x.git',
      'https://0.0.0.0/x.git',
      'https://[fe80::1]/x.git',
    ]) {
      const answer = await ask({ url, trustedHosts: [] });
      expect(answer, url).toMatchObject({
        kind: 'unavailable',
        reason: expect.stringMatching(/refused unless the host is trusted|only be asked with https/),
      });
    }
    expect(world.server.requests).toEqual([]);
  });

  it('are trusted by name, by address and by network', async () => {
    await (await world.init()).commit({ a: '1' });
    expect(await ask({ trustedHosts: ['127.0.0.0/8'] })).toMatchObject({ kind: 'commit' });
    const byName = { url: world.server.url('repo.git', 'localhost'), trustedHosts: ['LOCALHOST'] };
    expect(await ask(byName)).toMatchObject({ kind: 'commit' });
    expect(await ask({ trustedHosts: ['127.0.0.2', '10.0.0.0/8', 'example.com'] })).toMatchObject({
      kind: 'unavailable',
    });
  });

  it('are not asked with a user in the URL, nor by other schemes', async () => {
    const { port } = world.server;
    for (const url of [
      `http://u:p@127.0.0.1:${port}/repo.git`,
      'ssh://127.0.0.1/x',
      'file:///etc/passwd',
      'ext::sh',
    ]) {
      const answer = await ask({ url });
      expect(answer).toMatchObject({ kind: 'unavailable' });
      expect(JSON.stringify(answer)).not.toContain('u:p');
    }
    expect(world.server.requests).toEqual([]);
  });
});

describe('redirects', () => {
  const redirectTo = (location: string) => {
    world.server.interfere = (request, response) => {
      if (!(request.url ?? '').startsWith('/moved')) return false;
      response.writeHead(301, { location }).end();
      return true;
    };
  };

  it('within a host are followed, and what moved is asked where it is', async () => {
    const commitId = await (await world.init()).commit({ a: '1' });
    redirectTo('/repo.git/info/refs?service=git-upload-pack');
    const url = world.server.url('moved.git');
    expect(await ask({ url })).toEqual({ kind: 'commit', commitId });
    expect(await ask({ url })).toEqual({ kind: 'commit', commitId });
    expect(world.server.requests.map(({ url }) => url.split('?')[0])).toEqual([
      '/moved.git/info/refs',
      '/repo.git/info/refs',
      '/repo.git/git-upload-pack',
      '/repo.git/git-upload-pack',
    ]);
  });

  it('to another host are followed only when it is trusted, and take no credentials there', async () => {
    await (await world.init()).commit({ a: '1' });
    await using other = await GitHttpServer.start(world.folder);
    const credentialsFile = join(world.folder, 'credentials');
    await writeFile(credentialsFile, 'user:secret-canary');
    redirectTo(`http://localhost:${other.port}/repo.git/info/refs?service=git-upload-pack`);
    const url = world.server.url('moved.git');
    const refused = await ask({ url, credentialsFile });
    expect(refused).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('not trusted') });
    expect(other.requests).toEqual([]);
    const trustedHosts = ['127.0.0.1', 'localhost'];
    expect(await ask({ url, credentialsFile, trustedHosts })).toMatchObject({ kind: 'commit' });
    expect(world.server.requests[0]?.headers.authorization).toMatch(/^Basic /);
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
  });

  it.each([
    ['to metadata', 'http://169.254.169.254/info/refs?service=git-upload-pack'],
    ['to something else', '/login'],
    ['to nowhere', ''],
    ['to another scheme', 'file:///repo.git/info/refs'],
    ['in a circle', '/moved.git/info/refs?service=git-upload-pack'],
  ])('%s are refused', async (_what, location) => {
    redirectTo(location);
    expect(await ask({ url: world.server.url('moved.git') })).toMatchObject({ kind: 'unavailable' });
  });

  it('of a fetch are refused', async () => {
    await (await world.init()).commit({ a: '1' });
    world.server.interfere = (request, response) => {
      if (request.method !== 'POST') return false;
      response.writeHead(307, { location: '/repo.git/git-upload-pack' }).end();
      return true;
    };
    expect(await ask()).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('HTTP 307') });
  });
});

describe('credentials', () => {
  it.each([
    ['user:pass\n', `Basic ${Buffer.from('user:pass').toString('base64')}`],
    ['glpat-token\n', `Basic ${Buffer.from('oauth2:glpat-token').toString('base64')}`],
    ['Bearer abc.def', 'Bearer abc.def'],
  ])('of the file go into the header: %j', async (content, header) => {
    await (await world.init()).commit({ a: '1' });
    const credentialsFile = join(world.folder, 'credentials');
    await writeFile(credentialsFile, content);
    expect(await ask({ credentialsFile })).toMatchObject({ kind: 'commit' });
    expect(world.server.requests.map(({ headers }) => headers.authorization)).toEqual([header, header]);
    await writeFile(credentialsFile, 'Bearer rotated');
    await ask({ credentialsFile });
    expect(world.server.requests.at(-1)?.headers.authorization).toBe('Bearer rotated');
  });

  it.each([
    ['missing', undefined],
    ['empty', ' \n'],
    ['two lines', 'a:b\nc'],
    ['too long', 'x'.repeat(5_000)],
  ])('that are unusable are told without being shown: %s', async (_what, content) => {
    const credentialsFile = join(world.folder, 'credentials');
    if (content !== undefined) await writeFile(credentialsFile, content);
    const answer = await ask({ credentialsFile });
    expect(answer).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('credentials file'),
    });
    expect(world.server.requests).toEqual([]);
  });

  it('that are refused are told as such, and never shown', async () => {
    const credentialsFile = join(world.folder, 'credentials');
    await writeFile(credentialsFile, 'user:secret-canary');
    refuse(401, { 'www-authenticate': 'Basic realm="x"' });
    const answer = await ask({ credentialsFile });
    expect(answer).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('credentials_file'),
    });
    expect(JSON.stringify(answer)).not.toContain('canary');
    expect(await readFile(credentialsFile, 'utf8')).toContain('canary');
  });
});

describe('a remote that', () => {
  it.each([
    [404, 'notFound'],
    [403, 'unavailable'],
    [500, 'unavailable'],
    [200, 'unavailable'],
    [204, 'unavailable'],
  ])('answers HTTP %i is %s', async (status, kind) => {
    refuse(status, { 'content-type': 'text/html' });
    expect(await ask()).toMatchObject({ kind });
  });

  it('asks to be left alone is left alone for that time', async () => {
    await (await world.init()).commit({ a: '1' });
    refuse(429, { 'retry-after': '120' });
    expect(await ask()).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('429') });
    world.server.interfere = () => false;
    expect(await ask()).toMatchObject({ kind: 'unavailable', reason: expect.stringContaining('120 s') });
    expect(world.server.requests).toHaveLength(1);
    await world.clock.advanceAsync(120_000);
    expect(await ask()).toMatchObject({ kind: 'commit' });
  });

  it('hangs is given up on', async () => {
    const held: ServerResponse[] = [];
    world.server.interfere = (_request, response) => held.push(response) > 0;
    const answer = ask();
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = new Promise((resolve) => held[0]?.on('close', resolve));
    await world.clock.advanceAsync(60_000);
    expect(await answer).toEqual({ kind: 'unavailable', reason: 'the remote took too long' });
    await closed;
  });

  it('cuts the connection is unavailable', async () => {
    world.server.interfere = (request) => {
      request.socket.destroy();
      return true;
    };
    expect(await ask()).toMatchObject({ kind: 'unavailable' });
  });

  const oid = 'a'.repeat(40);
  it.each([
    ['ends within a packet', [Buffer.from('00ff')]],
    ['ends without a flush', [packet(`${oid} HEAD\n`)]],
    ['lists rubbish', [packet('rubbish\n'), flush]],
    ['says an error', [packet('ERR no \u0007 access\n')]],
  ])('%s when listing is not believed', async (_what, body) => {
    answerPosts(...body);
    const answer = await ask();
    expect(answer).toMatchObject({ kind: 'unavailable' });
    expect(JSON.stringify(answer)).not.toContain('\\u0007');
  });

  const band = (text: string | Buffer, number = 1) => {
    const bytes = Buffer.concat([Buffer.from([number]), Buffer.from(text)]);
    return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
  };
  const packfile = packet('packfile\n');
  const head = (count: number) =>
    Buffer.concat([Buffer.from('PACK'), Buffer.from([0, 0, 0, 2]), Buffer.from([0, 0, 0, count])]);
  it.each([
    ['nothing', [flush], 'unavailable'],
    ['an unknown section', [packet('surprise\n'), flush], 'unavailable'],
    ['an unknown band', [packfile, band('x', 7), flush], 'unavailable'],
    ['a reason', [packfile, band('upload-pack: out of memory', 3), flush], 'unavailable'],
    ['that it has no such commit', [packet(`ERR upload-pack: not our ref ${oid}\n`)], 'notFound'],
    ['no pack', [packfile, band('x'.repeat(40)), flush], 'unavailable'],
    ['half a pack', [packfile, band(head(1))], 'unavailable'],
    [
      'a pack with fewer objects than it says',
      [packfile, band(head(9)), band(Buffer.alloc(20)), flush],
      'unavailable',
    ],
    [
      'an empty pack',
      [
        packet('shallow-info\n'),
        packet(`shallow ${oid}\n`),
        delimiter,
        packfile,
        band(head(0)),
        band(Buffer.alloc(20)),
        flush,
      ],
      'notFound',
    ],
    ['more after the pack', [packfile, band(head(0)), flush, flush], 'unavailable'],
  ])('sends %s when fetched from is not believed', async (_what, body, kind) => {
    answerPosts(...body);
    expect(await world.git.readFile(world.server.repository(), oid, 'a', 10, never)).toMatchObject({ kind });
  });
});
