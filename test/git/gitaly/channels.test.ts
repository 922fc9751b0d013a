import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { parseGitalyAddress } from '../../../src/git/gitaly/address.ts';
import { CallLimiter } from '../../../src/git/gitaly/call-limiter.ts';
import { callMetadata, tokenV2 } from '../../../src/git/gitaly/credentials.ts';
import { selfSignedCertificate } from '../../../src/sim/certificate/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { eventually, gitalyWorld, type GitalyWorld, never } from './gitaly-world.ts';

describe('addresses', () => {
  it.each([
    ['tcp://gitaly:8075', 'dns:gitaly:8075', false],
    ['tls://gitaly.example.com:8076', 'dns:gitaly.example.com:8076', true],
    ['tcp://[::1]:8075', 'dns:[::1]:8075', false],
    ['unix:/run/gitaly.socket', 'unix:/run/gitaly.socket', false],
    ['unix:///run/gitaly.socket', 'unix:/run/gitaly.socket', false],
    ['dns:gitaly:8075', 'dns:gitaly:8075', false],
    ['dns:gitaly', 'dns:gitaly:443', false],
    ['dns:///gitaly:8075', 'dns:gitaly:8075', false],
  ])('understands %s', (text, target, secure) => {
    expect(parseGitalyAddress(text)).toMatchObject({ kind: 'address', address: { target, secure } });
  });

  it('keeps the name server of a dns address', () => {
    expect(parseGitalyAddress('dns://10.0.0.1:53/gitaly:8075')).toMatchObject({
      address: { nameServer: '10.0.0.1:53', endpoint: { host: 'gitaly', port: 8075 } },
    });
  });

  it.each([
    '',
    'gitaly:8075',
    'http://gitaly:8075',
    'tcp://gitaly',
    'tcp://gitaly:8075/path',
    'tcp://user:pass@gitaly:8075',
    'tcp:gitaly:8075',
    'tls://gitaly:99999',
    'unix:',
    'dns:',
    'dns://ns.example.com/gitaly',
    'dns:a/b',
  ])('refuses %j without repeating it', (text) => {
    const parsed = parseGitalyAddress(text);
    expect(parsed).toMatchObject({ kind: 'invalid' });
    expect(JSON.stringify(parsed)).not.toContain('pass@');
  });
});

describe('credentials', () => {
  it('signs the time as token version 2', () => {
    expect(tokenV2('secret', 1_700_000_000)).toBe(
      'v2.4b227f8831b3763d066901751ad4c583ed08832bf1924a4ec50c2e871b1e8586.1700000000',
    );
  });

  it('sends features, but none that would take the place of something else or break the call', () => {
    const metadata = callMetadata(
      '',
      {
        'gitaly-feature-One': 'true',
        authorization: 'Bearer x',
        'grpc-timeout': '1n',
        'x-bin': 'x',
        'a b': 'x',
        'gitaly-feature-two': 'line\nbreak',
      },
      0,
    );
    expect(metadata.getMap()).toEqual({ 'gitaly-feature-one': 'true' });
  });

  it('proves the token with each call, by the clock', async () => {
    await using world = await gitalyWorld({ token: 'secret' });
    await (await world.init()).commit({ a: '1' });
    const features = { 'gitaly-feature-x': 'true' };
    const ask = () => world.git.resolveRef(world.gitaly.repository('repo.git', { features }), 'HEAD', never);
    expect(await ask()).toMatchObject({ kind: 'commit' });
    await world.clock.advanceAsync(120_000);
    expect(await ask()).toMatchObject({ kind: 'commit' });
    expect(world.gitaly.calls[0]?.metadata).toMatchObject({
      'gitaly-feature-x': 'true',
      'user-agent': expect.stringMatching(/^gitlab-kas\/16\.5\.0\/abcdef1 /),
      authorization: `Bearer ${tokenV2('secret', 1_700_000_000)}`,
    });
  });

  it('tells of a refused token and of clocks apart, and shows no token', async () => {
    await using world = await gitalyWorld({ token: 'secret' });
    const repository = world.gitaly.repository('repo.git');
    world.gitaly.token = 'another';
    const refused = await world.git.resolveRef(repository, 'HEAD', never);
    expect(refused).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('PermissionDenied'),
    });
    expect(JSON.stringify(refused)).not.toMatch(/secret|another/);
  });
});

describe('channels', () => {
  it('keep one channel per address, renew it, and close it when nobody asks', async () => {
    await using world = await gitalyWorld();
    await (await world.init()).commit({ a: '1' });
    const ask = () => world.git.resolveRef(world.gitaly.repository('repo.git'), 'HEAD', never);
    const channels = async () => /kas_gitaly_channels (\d+)/.exec((await world.registry.expose()).body)?.[1];
    await Promise.all([ask(), ask(), ask()]);
    expect(await channels()).toBe('1');
    await world.clock.advanceAsync(120_000);
    expect(await channels()).toBe('0');
    for (let minute = 0; minute < 6; minute += 1) {
      expect(await ask()).toMatchObject({ kind: 'commit' });
      await world.clock.advanceAsync(60_000);
    }
    expect(await channels()).toBe('1');
    expect(world.clock.pending).toBeGreaterThan(0);
    await world.git.close();
    expect(await channels()).toBe('0');
    expect(await ask()).toMatchObject({ kind: 'unavailable' });
  });

  it('a call that runs while its channel is renewed is not cut off', async () => {
    await using world = await gitalyWorld({ git: { limits: { operationMsMax: 600_000 } } });
    world.gitaly.misbehave('InfoRefsUploadPack', { kind: 'hang' });
    const caller = new AbortController();
    const answer = world.git.resolveRef(world.gitaly.repository('repo.git'), 'HEAD', caller.signal);
    await eventually(() => world.gitaly.calls.length === 1);
    await world.clock.advanceAsync(330_000);
    await world.clock.settle();
    expect(world.gitaly.calls[0]?.cancelled).toBe(false);
    await world.clock.advanceAsync(60_000);
    expect(await answer).toMatchObject({ kind: 'unavailable' });
  });

  it('serve over a socket in the file system', async () => {
    await using outer = await gitalyWorld();
    const listen = `unix:${join(outer.folder, 'gitaly.socket')}`;
    await using world = await gitalyWorld({ listen });
    const commitId = await (await world.init()).commit({ a: '1' });
    expect(world.gitaly.address).toBe(listen);
    expect(await world.git.resolveRef(world.gitaly.repository('repo.git'), 'HEAD', never)).toEqual({
      kind: 'commit',
      commitId,
    });
  });

  it('are encrypted for tls addresses, against the given authorities', async () => {
    const { certPem: cert, keyPem: key } = selfSignedCertificate(['localhost'], Date.now());
    const credentials = ServerCredentials.createSsl(null, [
      { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) },
    ]);
    const at = (world: GitalyWorld, host: string) => {
      const repository = world.gitaly.repository('repo.git');
      if (repository.location.kind !== 'gitaly') throw new Error('not Gitaly');
      const address = `tls://${host}:${world.gitaly.port}`;
      return { ...repository, location: { ...repository.location, address } };
    };
    await using world = await gitalyWorld({ credentials, git: { authorities: Buffer.from(cert) } });
    await (await world.init()).commit({ a: '1' });
    expect(await world.git.resolveRef(at(world, 'localhost'), 'HEAD', never)).toMatchObject({
      kind: 'commit',
    });
    await using other = await gitalyWorld({ credentials });
    expect(await other.git.resolveRef(at(other, 'localhost'), 'HEAD', never)).toMatchObject({
      kind: 'unavailable',
    });
  });

  it('come back after the server was away', async () => {
    await using world = await gitalyWorld();
    await (await world.init()).commit({ a: '1' });
    const repository = world.gitaly.repository('repo.git');
    expect(await world.git.resolveRef(repository, 'HEAD', never)).toMatchObject({ kind: 'commit' });
    const { port } = world.gitaly;
    await world.gitaly[Symbol.asyncDispose]();
    const { FakeGitaly } = await import('../../fakes/gitaly/fake-gitaly.ts');
    await using again = await FakeGitaly.start({
      storages: { default: world.folder },
      listen: `127.0.0.1:${port}`,
    });
    let answer = await world.git.resolveRef(repository, 'HEAD', never);
    while (answer.kind === 'unavailable') {
      answer = await world.git.resolveRef(repository, 'HEAD', never);
      await world.clock.advanceAsync(1_000);
    }
    expect(answer).toMatchObject({ kind: 'commit' });
    expect(again.calls.length).toBeGreaterThan(0);
  });

  it('refuse more servers than there may be', async () => {
    await using world = await gitalyWorld({ git: { limits: { serversMax: 2 } } });
    const at = (address: string) => {
      const repository = world.gitaly.repository('repo.git');
      if (repository.location.kind !== 'gitaly') throw new Error('not Gitaly');
      return { ...repository, location: { ...repository.location, address } };
    };
    const unused = ['unix:/nowhere/1', 'unix:/nowhere/2', 'unix:/nowhere/3'];
    for (const address of unused) {
      const answer = await world.git.resolveRef(at(address), 'HEAD', never);
      const full = address === 'unix:/nowhere/3';
      expect(answer).toMatchObject({
        kind: 'unavailable',
        reason: full ? 'there are too many Gitaly servers' : expect.stringContaining('Unavailable'),
      });
    }
    await world.clock.advanceAsync(130_000);
    expect(await world.git.resolveRef(at('unix:/nowhere/3'), 'HEAD', never)).toMatchObject({
      reason: expect.stringContaining('Unavailable'),
    });
  });
});

describe('rates', () => {
  it('make callers wait for their turn, in order, and refuse who would wait beyond the deadline', async () => {
    const clock = new VirtualClock();
    const reports: string[] = [];
    const limiter = new CallLimiter({ refillPerSecond: 2, bucketSize: 2 }, clock, (allowed, waited) =>
      reports.push(`${allowed} ${waited}`),
    );
    const done: string[] = [];
    const turn = (name: string, msMax: number) =>
      limiter.turn(msMax, never).then((allowed) => done.push(`${name} ${allowed}`));
    void turn('a', 0);
    void turn('b', 0);
    void turn('c', 1_000);
    void turn('d', 1_000);
    void turn('e', 1_000);
    await clock.settle();
    expect(done).toEqual(['a true', 'b true', 'e false']);
    await clock.advanceAsync(500);
    expect(done.at(-1)).toBe('c true');
    await clock.advanceAsync(500);
    expect(done.at(-1)).toBe('d true');
    expect(reports).toEqual(['true 0', 'true 0', 'false 0', 'true 500', 'true 1000']);
    expect(limiter.full).toBe(false);
    await clock.advanceAsync(1_000);
    expect(limiter.full).toBe(true);
  });

  it('give the turn back of a caller who leaves, and know a rate of nothing', async () => {
    const clock = new VirtualClock();
    const limiter = new CallLimiter({ refillPerSecond: 1, bucketSize: 1 }, clock, () => {});
    const caller = new AbortController();
    expect(await limiter.turn(0, never)).toBe(true);
    const left = limiter.turn(5_000, caller.signal);
    caller.abort();
    expect(await left).toBe(false);
    await clock.advanceAsync(1_000);
    expect(await limiter.turn(0, never)).toBe(true);
    const closed = new CallLimiter({ refillPerSecond: 0, bucketSize: 0 }, clock, () => {});
    expect(await closed.turn(1e12, never)).toBe(false);
  });

  it('count for all servers and for each', async () => {
    await using world = await gitalyWorld({
      git: { perServerRate: { refillPerSecond: 1, bucketSize: 1 } },
    });
    await (await world.init()).commit({ a: '1' });
    const ask = () => world.git.resolveRef(world.gitaly.repository('repo.git'), 'HEAD', never);
    expect(await ask()).toMatchObject({ kind: 'commit' });
    const second = ask();
    await world.clock.settle();
    expect(world.gitaly.calls).toHaveLength(1);
    await world.clock.advanceAsync(1_000);
    expect(await second).toMatchObject({ kind: 'commit' });
    const { body } = await world.registry.expose();
    expect(body).toContain('limiter_limit{limiter_name="gitaly_client_global",unit="{refill/s}"} 30');
    expect(body).toMatch(/limiter_block_duration_milliseconds_count\{.*gitaly_client_tcp.*\} 2/);
    expect(body).toMatch(
      /grpc_client_handled_total\{grpc_type="server_stream",grpc_service="gitaly.SmartHTTPService",grpc_method="InfoRefsUploadPack",grpc_code="Canceled"\} 2/,
    );
  });
});
