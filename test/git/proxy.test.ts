import { createServer, request as send, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { proxyOf } from '../../src/git/proxy/index.ts';
import { gitalyWorld, never } from './gitaly/gitaly-world.ts';
import { selfSignedCertificate } from '../../src/sim/certificate/index.ts';
import { GitHttpServer } from './http/git-http-server.ts';
import { httpWorld } from './http/http-world.ts';

const target = { host: 'git.example.com', port: 443, secure: true };

describe('the environment', () => {
  it.each([
    [{}, target],
    [{ HTTPS_PROXY: '' }, target],
    [{ HTTP_PROXY: 'http://p:1' }, target],
    [{ HTTPS_PROXY: 'http://p:1' }, { ...target, secure: false }],
    [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: '*' }, target],
    [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'a, example.com' }, target],
    [{ HTTPS_PROXY: 'http://p:1', no_proxy: '.example.com' }, target],
    [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: '*.example.com' }, target],
    [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'git.example.com:443' }, target],
    [
      { HTTPS_PROXY: 'http://p:1', NO_PROXY: '10.0.0.0/8' },
      { ...target, host: '10.2.3.4' },
    ],
    [
      { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'fd00::/8' },
      { ...target, host: 'fd00::1' },
    ],
    [
      { HTTPS_PROXY: 'http://p:1', NO_PROXY: '10.2.3.4' },
      { ...target, host: '10.2.3.4' },
    ],
    [{ HTTPS_PROXY: 'http://p:1' }, { ...target, host: 'localhost' }],
    [{ HTTPS_PROXY: 'http://p:1' }, { ...target, host: '127.8.0.1' }],
    [{ HTTPS_PROXY: 'http://p:1' }, { ...target, host: '::1' }],
  ])('%j lets %j be reached directly', (environment, to) => {
    expect(proxyOf(environment, to)).toEqual({ kind: 'direct' });
  });

  it.each([
    [{ HTTPS_PROXY: 'http://p:1' }, 'http://p:1/'],
    [{ https_proxy: 'p:3128' }, 'http://p:3128/'],
    [{ HTTPS_PROXY: 'https://u:s@p' }, 'https://u:s@p/'],
    [
      { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'ample.com,.git.example.com,git.example.com:80,10.0.0.0/8' },
      'http://p:1/',
    ],
  ])('%j names the proxy', (environment, href) => {
    const verdict = proxyOf(environment, target);
    expect(verdict.kind === 'proxy' && verdict.url.href).toBe(href);
  });

  it('with a proxy that is not understood is an error, without showing it', () => {
    const verdict = proxyOf({ HTTPS_PROXY: 'socks5://user:secret@p' }, target);
    expect(verdict).toMatchObject({ kind: 'invalid', reason: expect.stringContaining('HTTPS_PROXY') });
    expect(JSON.stringify(verdict)).not.toContain('secret');
  });
});

describe('through a proxy', () => {
  let proxy: Server;
  let asked: { url: string; authorization: string | undefined }[];
  let sockets: Socket[];
  /** Where every tunnel leads: names of tests do not resolve. */
  let port: number;

  beforeEach(async () => {
    asked = [];
    sockets = [];
    proxy = createServer();
    proxy.on('connect', (request, client: Socket) => {
      asked.push({ url: request.url ?? '', authorization: request.headers['proxy-authorization'] });
      const server = connect(port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        server.pipe(client).pipe(server);
      });
      sockets.push(client, server);
      server.on('error', () => client.destroy());
      client.on('error', () => server.destroy());
    });
    // What has no TLS is not tunnelled but passed on.
    proxy.on('request', (request, response) => {
      const { url = '', method, headers } = request;
      asked.push({ url, authorization: headers['proxy-authorization'] });
      const { pathname, search } = new URL(url, `http://${headers.host ?? ''}`);
      const onward = send(
        { host: '127.0.0.1', port, method, headers, path: `${pathname}${search}` },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      request.pipe(onward);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  });

  const proxyUrl = () => `http://user:pass@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const authorization = `Basic ${Buffer.from('user:pass').toString('base64')}`;

  it('a remote is asked, whose name the proxy resolves', async () => {
    await using world = await httpWorld({ environment: { HTTP_PROXY: proxyUrl() } });
    const commitId = await (await world.init()).commit({ a: '1' });
    ({ port } = world.server);
    const url = `http://git.invalid:${port}/repo.git`;
    const repository = world.server.repository({ url, trustedHosts: ['git.invalid'] });
    expect(await world.git.resolveRef(repository, 'HEAD', never)).toEqual({ kind: 'commit', commitId });
    expect(asked[0]).toEqual({ url: expect.stringContaining(`git.invalid:${port}`), authorization });
  });

  it('a remote with TLS is asked in a tunnel, and its certificate is checked against its name', async () => {
    const { certPem: cert, keyPem: key } = selfSignedCertificate(['git.invalid'], Date.now());
    await using world = await httpWorld({
      environment: { HTTPS_PROXY: proxyUrl() },
      authorities: Buffer.from(cert),
    });
    const commitId = await (await world.init()).commit({ a: '1' });
    await using secure = await GitHttpServer.start(world.folder, { key, cert });
    ({ port } = secure);
    const at = (host: string) =>
      world.server.repository({ url: `https://${host}:${port}/repo.git`, trustedHosts: [] });
    expect(await world.git.resolveRef(at('git.invalid'), 'HEAD', never)).toEqual({
      kind: 'commit',
      commitId,
    });
    expect(asked.length).toBeGreaterThan(0);
    for (const one of asked) expect(one).toEqual({ url: `git.invalid:${port}`, authorization });
    expect(await world.git.resolveRef(at('other.invalid'), 'HEAD', never)).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
    });
  });

  it('an address that is refused is not asked either', async () => {
    await using world = await httpWorld({ environment: { HTTPS_PROXY: proxyUrl() } });
    const repository = world.server.repository({ url: 'https://169.254.169.254/x.git', trustedHosts: [] });
    expect(await world.git.resolveRef(repository, 'HEAD', never)).toMatchObject({ kind: 'unavailable' });
    expect(asked).toEqual([]);
  });

  it('Gitaly is called', async () => {
    await using world = await gitalyWorld({ git: { environment: { HTTPS_PROXY: proxyUrl() } } });
    const commitId = await (await world.init()).commit({ a: '1' });
    ({ port } = world.gitaly);
    const repository = world.gitaly.repository('repo.git');
    if (repository.location.kind !== 'gitaly') throw new Error('not Gitaly');
    const location = { ...repository.location, address: `tcp://gitaly.invalid:${port}` };
    expect(await world.git.resolveRef({ ...repository, location }, 'HEAD', never)).toEqual({
      kind: 'commit',
      commitId,
    });
    expect(asked[0]).toEqual({ url: `gitaly.invalid:${port}`, authorization });
  });
});
