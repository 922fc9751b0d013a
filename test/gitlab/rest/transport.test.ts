/** How GitLab is reached: addresses, TLS, proxies, limits (`spec/gitlab.md §1.1`). */
import { createServer, request as httpRequest, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { openRestGitLab, proxyOfEnvironment } from '../../../src/gitlab/rest/index.ts';
import { selfSignedCertificate } from '../../../src/sim/certificate/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';
import { until } from '../../kas/waiting.ts';
import { ImpatientClock, never, restWorld } from './rest-world.ts';

const fresh = (options: Parameters<typeof restWorld>[1] = {}) => restWorld(new ImpatientClock(), options);

describe('the address of GitLab', () => {
  it.each([
    ['', '/api/v4/internal/kubernetes/project_info?id=group%2Fpublic'],
    ['/', '/api/v4/internal/kubernetes/project_info?id=group%2Fpublic'],
    ['/?a=1&id=overridden', '/api/v4/internal/kubernetes/project_info?a=1&id=group%2Fpublic'],
    ['/git%20lab//?b=x%2By', '/git%20lab/api/v4/internal/kubernetes/project_info?b=x%2By&id=group%2Fpublic'],
  ])('with %j after the host gives the target %s', async (rest, target) => {
    await using world = await fresh();
    const gitlab = await openAt(world, `${world.rails.url}${rest}`);
    await gitlab.projectInfo('agent-token', 'group/public', never);
    await gitlab.close();
    expect(world.rails.requests()[0]?.target).toBe(target);
  });

  it('may be below a path', async () => {
    await using world = await fresh({ rails: { relativeRoot: '/gitlab' } });
    expect((await world.gitlab.agentInfo('agent-token', never)).kind).toBe('ok');
  });

  it.each(['gitlab.example.com', 'ftp://gitlab', '', 'http://', 'https://user:secret@gitlab'])(
    'is not %j',
    async (address) => {
      await using world = await fresh();
      await expect(openAt(world, address)).rejects.toThrow(/^gitlab\.address must /);
      await expect(openAt(world, address)).rejects.not.toThrow('secret');
    },
  );
});

describe('over TLS', () => {
  it('an own authority is trusted when it is configured, and named as the remedy when not', async () => {
    const { certPem, keyPem } = selfSignedCertificate(['127.0.0.1'], Date.now());
    const trusted = [certPem];
    await using world = await fresh({
      rails: { tls: { cert: certPem, key: keyPem } },
      gitlab: { ca: () => trusted },
    });
    expect((await world.gitlab.agentInfo('agent-token', never)).kind).toBe('ok');
    const stranger = await openAt(world, world.rails.url, {});
    const refused = await stranger.allowedAgents('job-token', never);
    await stranger.close();
    expect(refused).toEqual({
      kind: 'unavailable',
      reason: expect.stringMatching(
        /^the certificate of GitLab is not trusted .*gitlab\.ca_certificate_file$/,
      ),
    });
    expect(world.clock.pauses).toEqual([]); // it is no better the second time
  });
});

it('an authority that is replaced is trusted from then on', async () => {
  const { certPem, keyPem } = selfSignedCertificate(['127.0.0.1'], Date.now());
  let trusted = [selfSignedCertificate(['127.0.0.1'], Date.now()).certPem];
  await using world = await fresh({
    rails: { tls: { cert: certPem, key: keyPem } },
    gitlab: { ca: () => trusted },
  });
  expect((await world.gitlab.agentInfo('agent-token', never)).kind).toBe('unavailable');
  trusted = [certPem];
  expect((await world.gitlab.agentInfo('agent-token', never)).kind).toBe('ok');
});

describe('a proxy of the environment', () => {
  it('is read from lower-case and upper-case names', () => {
    expect(
      proxyOfEnvironment({ HTTP_PROXY: 'a', https_proxy: 'b', HTTPS_PROXY: 'c', NO_PROXY: 'd' }),
    ).toEqual({
      http: 'a',
      https: 'b',
      none: 'd',
    });
    expect(proxyOfEnvironment({})).toEqual({ http: '', https: '', none: '' });
  });

  it('forwards plain requests and tunnels TLS, unless it is not for this host', async () => {
    const proxy = await startProxy();
    await using world = await fresh();
    const settings = { http: `http://127.0.0.1:${proxy.port}`, https: '', none: '' };
    const gitlab = await openAt(world, 'http://gitlab.test:8080/x', { proxy: settings });
    proxy.target = world.rails.port;
    expect((await gitlab.allowedAgents('job-token', never)).kind).toBe('notFound');
    await gitlab.close();
    expect(proxy.seen).toEqual(['GET http://gitlab.test:8080/x/api/v4/job/allowed_agents']);

    const { certPem, keyPem } = selfSignedCertificate(['gitlab.test'], Date.now());
    const trusted = [certPem];
    await using secure = await fresh({ rails: { tls: { cert: certPem, key: keyPem } } });
    proxy.target = secure.rails.port;
    const https = { http: '', https: `127.0.0.1:${proxy.port}`, none: 'other.test' };
    const tunnelled = await openAt(secure, 'https://gitlab.test', { proxy: https, ca: () => trusted });
    expect(await tunnelled.allowedAgents('job-token', never)).toMatchObject({ kind: 'ok' });
    await tunnelled.close();
    expect(proxy.seen.at(-1)).toBe('CONNECT gitlab.test:443');

    const without = { ...https, none: '.example, gitlab.test' };
    const direct = await openAt(secure, 'https://gitlab.test', { proxy: without, ca: () => trusted });
    expect((await direct.agentInfo('agent-token', never)).kind).toBe('unavailable'); // there is no such host
    await direct.close();
    expect(proxy.seen).toHaveLength(2);
    proxy.server.close();
  });

  it('is never used for this machine itself', async () => {
    await using world = await fresh({
      gitlab: { proxy: { http: 'http://127.0.0.1:1', https: '', none: '' } },
    });
    expect((await world.gitlab.agentInfo('agent-token', never)).kind).toBe('ok');
  });

  it('that is none is said at once', async () => {
    await using world = await fresh();
    const proxy = { http: 'http://[bad', https: '', none: '' };
    await expect(openAt(world, 'http://gitlab.test', { proxy })).rejects.toThrow(
      'HTTP_PROXY is not the address of a proxy',
    );
  });
});

describe('limits', () => {
  it('a GitLab that is not there is a failure in words', async () => {
    await using world = await fresh();
    const gitlab = await openAt(world, 'http://127.0.0.1:1');
    const result = await gitlab.allowedAgents('job-token', never);
    expect(result).toEqual({ kind: 'unavailable', reason: 'connect ECONNREFUSED 127.0.0.1:1' });
    expect(world.clock.pauses).toEqual([100, 200, 400, 800]);
    await gitlab.close();
  });

  it('no more connections than allowed are open, and they are used again', async () => {
    await using world = await fresh();
    const all = Array.from({ length: 200 }, () => world.gitlab.agentInfo('agent-token', never));
    expect((await Promise.all(all)).every(({ kind }) => kind === 'ok')).toBe(true);
    expect(await world.rails.connections()).toBeLessThanOrEqual(50);
  });

  it('questions wait for their turn under the rate limit, in order, and leave without using it', async () => {
    const clock = new VirtualClock();
    const world = await restWorld(clock, { gitlab: { rateLimit: { refillPerSecond: 2, bucketSize: 2 } } });
    await using _end = world;
    const caller = new AbortController();
    const ask = (signal: AbortSignal) => world.gitlab.agentInfo('agent-token', signal);
    await Promise.all([ask(never), ask(never)]);
    const third = ask(caller.signal);
    const fourth = ask(never);
    await clock.advanceAsync(499);
    expect(world.rails.requests()).toHaveLength(2);
    caller.abort();
    expect(await third).toEqual({ kind: 'unavailable', reason: 'cancelled' });
    const fifth = ask(never);
    await clock.advanceAsync(501);
    expect([(await fourth).kind, (await fifth).kind]).toEqual(['ok', 'ok']);
    expect(world.rails.requests()).toHaveLength(4);
    expect(world.metrics.values.get('limiter_limit{gitlab_client,{refill/s}}')).toBe(2);
    expect(
      world.metrics.values.get('limiter_block_duration_milliseconds{gitlab_client,true}'),
    ).toBeGreaterThan(500);
  });

  it('a question that would wait too long for its turn is refused at once', async () => {
    const clock = new VirtualClock();
    const world = await restWorld(clock, { gitlab: { rateLimit: { refillPerSecond: 0.01, bucketSize: 1 } } });
    await using _end = world;
    await world.gitlab.agentInfo('agent-token', never);
    const refused = await world.gitlab.agentInfo('agent-token', never);
    expect(refused).toMatchObject({
      kind: 'unavailable',
      reason: expect.stringContaining('gitlab.api_rate_limit'),
    });
  });

  it('more questions than kas may have under way are refused at once', async () => {
    await using world = await fresh();
    const caller = new AbortController();
    world.rails.handle('agent_info', () => {});
    const asked = Array.from({ length: 2_001 }, () => world.gitlab.agentInfo('agent-token', caller.signal));
    expect(await asked[2_000]).toEqual({
      kind: 'unavailable',
      reason: 'too many questions to GitLab are under way',
    });
    caller.abort();
    await Promise.all(asked);
  });
});

type World = Awaited<ReturnType<typeof fresh>>;

function openAt(world: World, address: string, more: Partial<Parameters<typeof openRestGitLab>[0]> = {}) {
  const { clock, log, metrics } = world;
  return openRestGitLab({
    address,
    secret: () => Promise.resolve(world.rails.secret),
    userAgent: 'gitlab-kas/v0/0',
    clock,
    random: { next: () => 0, int63: () => 0n },
    log,
    metrics,
    ...more,
  });
}

/** A forward proxy that sends everything to one port of this machine. */
async function startProxy(): Promise<{ server: Server; port: number; target: number; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    const { pathname, search } = new URL(request.url ?? '');
    const options = { port: proxy.target, path: pathname + search, headers: request.headers };
    request.pipe(
      httpRequest({ ...options, method: request.method ?? 'GET' }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      }),
    );
  });
  server.on('connect', (request, socket) => {
    seen.push(`${request.method} ${request.url}`);
    const onward = connect(proxy.target, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  server.listen(0, '127.0.0.1');
  await until(() => server.listening);
  const proxy = { server, port: (server.address() as AddressInfo).port, target: 0, seen };
  return proxy;
}
