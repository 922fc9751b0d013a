/** Ordinary requests through a whole kas to an agent driven by hand. */
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeAgent, type FakeTunnel } from './fake-agent.ts';
import { Wire } from './wire.ts';
import { KasUnderTest, tokens, type KasUnderTestOptions } from './kas-under-test.ts';

const job = `Bearer ci:1:${tokens.job}`;
let kas: KasUnderTest;
let agent: FakeAgent;

async function begin(options: KasUnderTestOptions = {}): Promise<void> {
  kas = await KasUnderTest.start(options);
  agent = new FakeAgent(kas.ports.agents, tokens.agent);
}

afterEach(() => kas.finish(agent));

describe('a request', () => {
  beforeEach(() => begin());

  it('reaches the agent as the protocol says and its answer comes back', async () => {
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/api/v1/pods%2Fx?limit=5&limit=6&gitlab-agent-id=9', {
      headers: {
        authorization: job,
        accept: 'application/json',
        'x-one': ['a', 'b'],
        cookie: 'secret=1',
        'impersonate-user': 'me',
      },
    });
    const { info, head, headers } = await tunnel.requestHead();
    expect(info.methodName).toBe('/gitlab.agent.kubernetes_api.rpc.KubernetesApi/MakeRequest');
    expect(head.request).toMatchObject({ method: 'GET', urlPath: '/api/v1/pods/x' });
    expect(Object.entries(head.request?.query ?? {}).map(([key, { value }]) => [key, value])).toEqual([
      ['limit', ['5', '6']],
    ]);
    expect(head.contentLength).toBe(0n);
    expect(head.extra).toBeUndefined();
    expect(headers.get('Accept')).toEqual(['application/json']);
    expect(headers.get('X-One')).toEqual(['a', 'b']);
    expect(headers.get('Impersonate-User')).toEqual(['me']);
    expect(headers.get('Via')?.[0]).toMatch(/^gRPC\/1\.0 gitlab-kas\//);
    for (const name of ['Authorization', 'Cookie', 'Host', 'Connection'])
      expect([name, headers.get(name)]).toEqual([name, undefined]);
    expect((await tunnel.http())?.case).toBe('trailer');
    expect(await tunnel.http()).toBeUndefined();
    tunnel.respond('{"items":[]}', 200, {
      'Content-Type': ['application/json'],
      Server: ['cluster'],
      Via: ['HTTP/1.1 agentk'],
      'Access-Control-Allow-Origin': ['*'],
      Connection: ['X-Hop-2'],
      'X-Hop-2': ['gone'],
      Vary: ['Accept'],
    });
    const { statusCode, headers: got, body } = await answered;
    expect([statusCode, await body.text()]).toEqual([200, '{"items":[]}']);
    expect(got).toMatchObject({ 'content-type': 'application/json', server: 'cluster' });
    expect(got['via']).toEqual(['HTTP/1.1 agentk', expect.stringMatching(/^gRPC\/1\.0 gitlab-kas\//)]);
    for (const name of ['access-control-allow-origin', 'x-hop-2']) expect(got[name]).toBeUndefined();
    expect(await tunnel.status).toEqual({ code: grpc.status.OK, details: '' });
  });

  it.each([
    ['of known size', 'x'.repeat(100_000), 100_000n],
    ['of unknown size', undefined, -1n],
  ])('carries a body %s', async (_name, text, size) => {
    const tunnel = await kas.idleTunnel(agent);
    async function* chunks() {
      yield Buffer.from('one ');
      yield Buffer.from('two');
    }
    const body = text ?? (chunks() as unknown as string);
    const answered = kas.call('/apis/x', { method: 'POST', body });
    const { head, body: received } = await tunnel.request();
    expect([head.request?.method, head.contentLength]).toEqual(['POST', size]);
    expect(received.toString()).toBe(text ?? 'one two');
    tunnel.respond('made', 201);
    const response = await answered;
    expect([response.statusCode, await response.body.text()]).toEqual([201, 'made']);
  });

  it('waits for a tunnel when there is none, first come, first served', async () => {
    const first = kas.call('/first');
    await kas.reaches({ waiting: 1 });
    const second = kas.call('/second');
    await kas.reaches({ waiting: 2 });
    for (const [path, answered] of [
      ['/first', first],
      ['/second', second],
    ] as const) {
      const tunnel = agent.connect().describe();
      const { head } = await tunnel.request();
      expect(head.request?.urlPath).toBe(path);
      tunnel.respond(path);
      expect(await (await answered).body.text()).toBe(path);
      await tunnel.status;
    }
  });

  it('gives up after the search time when no agent is connected', async () => {
    const answered = kas.call('/api');
    await kas.reaches({ waiting: 1 });
    await kas.clock.advanceAsync(20_100);
    const { statusCode, body, headers } = await answered;
    expect([statusCode, await body.json()]).toEqual([
      502,
      {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message:
          'GitLab Agent Server: HTTP->gRPC: failed to read gRPC response: rpc error: code = DeadlineExceeded desc = Agent connection not found. Is agent up to date and connected?',
        code: 502,
      },
    ]);
    expect(headers['server']).toMatch(/^gitlab-kas\//);
  });

  it('is not given to a tunnel that does not serve it', async () => {
    const wrong = agent.connect().describe({ 'some.other.Service': ['MakeRequest'] });
    await kas.reaches({ idle: 1 });
    const answered = kas.call('/api');
    await kas.reaches({ waiting: 1 });
    const right = agent.connect().describe();
    await right.request();
    right.respond('right');
    expect(await (await answered).body.text()).toBe('right');
    wrong.halfClose();
    expect((await wrong.status).code).toBe(grpc.status.OK);
  });

  it('gets a stream of data as it comes', async () => {
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/watch');
    await tunnel.request();
    tunnel.respondHead(200, { 'Content-Type': ['application/json'] });
    const { body } = await answered; // before any data
    const iterator = body[Symbol.asyncIterator]();
    for (const line of ['{"one":1}\n', '{"two":2}\n']) {
      tunnel.respondBody(line);
      expect(String((await iterator.next()).value)).toBe(line);
    }
    tunnel.respondEnd();
    tunnel.halfClose();
    expect((await iterator.next()).done).toBe(true);
  });

  it('that its client gives up is cancelled on the agent, in each phase', async () => {
    for (const phase of ['waiting', 'sent', 'answering']) {
      const controller = new AbortController();
      const answered = kas.call('/watch', { signal: controller.signal });
      if (phase === 'waiting') {
        await kas.reaches({ waiting: 1 });
        controller.abort();
        await expect(answered).rejects.toThrow();
      } else {
        const tunnel = agent.connect().describe();
        await tunnel.request();
        if (phase === 'answering') {
          tunnel.respondHead();
          const { body } = await answered;
          body.on('error', () => {});
        }
        controller.abort();
        if (phase === 'sent') await expect(answered).rejects.toThrow();
        expect((await tunnel.status).code).toBe(grpc.status.CANCELLED);
      }
      await kas.reaches({ requests: 0, waiting: 0, tunnels: 0 });
    }
  });
});

describe('an agent that dies', () => {
  beforeEach(() => begin());

  const deaths = {
    'cancels the stream': ({ tunnel }) => tunnel.cancel(),
    'half-closes the stream': ({ tunnel }) => tunnel.halfClose(),
    'loses its connection': ({ wire }) => wire.cut(),
  } satisfies Record<string, (dying: { readonly tunnel: FakeTunnel; readonly wire: Wire }) => void>;

  async function dying() {
    const wire = await Wire.to(kas.ports.agents);
    const tunnel = await kas.idleTunnel(new FakeAgent(wire.port, tokens.agent));
    const answered = kas.call('/x');
    await tunnel.request();
    return { tunnel, wire, answered };
  }

  it.each(Object.entries(deaths))(
    'before the header (%s): the client gets 502 at once',
    async (_name, die) => {
      const { tunnel, wire, answered } = await dying();
      die({ tunnel, wire });
      const { statusCode, body } = await answered;
      expect(statusCode).toBe(502);
      expect(await body.text()).toMatch(/GitLab Agent Server: HTTP->gRPC: failed to read gRPC response: /);
      wire[Symbol.dispose]();
    },
  );

  it.each(Object.entries(deaths))('after the header (%s): the client is cut at once', async (_name, die) => {
    const { tunnel, wire, answered } = await dying();
    tunnel.respondHead();
    tunnel.respondBody('half');
    const { statusCode, body } = await answered;
    expect(statusCode).toBe(200);
    die({ tunnel, wire });
    await expect(body.text()).rejects.toThrow();
    wire[Symbol.dispose]();
  });

  it('without a word, its wire silent: keepalive finds out', async () => {
    const { wire, answered } = await dying();
    wire.goSilent();
    await kas.clock.advanceAsync(50_000);
    await kas.clock.advanceAsync(20_000);
    expect((await answered).statusCode).toBe(502);
    await kas.reaches({ connections: 0, sessions: 0, tunnels: 0 });
    wire[Symbol.dispose]();
  });

  it('after telling an error: its text reaches the client', async () => {
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/x');
    await tunnel.request();
    tunnel.send({ msg: { case: 'header', value: {} } });
    tunnel.send({ msg: { case: 'trailer', value: {} } });
    tunnel.send({ msg: { case: 'error', value: { status: { code: 14, message: 'cluster is down' } } } });
    tunnel.halfClose();
    const { statusCode, body } = await answered;
    expect(statusCode).toBe(502);
    expect(await body.json()).toMatchObject({
      message:
        'GitLab Agent Server: HTTP->gRPC: failed to read gRPC response: rpc error: code = Unavailable desc = cluster is down',
    });
  });

  it('while idle: its tunnel is not given to anybody', async () => {
    const dead = await kas.idleTunnel(agent);
    dead.cancel();
    await kas.reaches({ idle: 0, tunnels: 0 });
    const answered = kas.call('/x');
    await kas.reaches({ waiting: 1 });
    const living = agent.connect().describe();
    await living.request();
    living.respond('alive');
    expect(await (await answered).body.text()).toBe('alive');
  });
});
