/** What kas itself answers to clients: refusals, CORS, upgrades that cannot be. */
import { connect, type Socket } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeAgent, type FakeTunnel } from './fake-agent.ts';
import { KasUnderTest, tokens, type KasUnderTestOptions } from './kas-under-test.ts';
import { until } from './waiting.ts';

const job = `Bearer ci:1:${tokens.job}`;
const gitlab = 'https://gitlab.example.com';
let kas: KasUnderTest;
let agent: FakeAgent;

async function begin(options: KasUnderTestOptions = {}): Promise<void> {
  kas = await KasUnderTest.start(options);
  agent = new FakeAgent(kas.ports.agents, tokens.agent);
}

afterEach(() => kas.finish(agent));

async function refusal(path: string, headers: Readonly<Record<string, string>>) {
  const { statusCode, headers: got, body } = await kas.call(path, { headers });
  const text = await body.text();
  const message = text === '' ? '' : (JSON.parse(text) as { message: string }).message;
  return { status: statusCode, message, marked: got['gitlab-unauthorized'], headers: got };
}

describe('a caller', () => {
  it('without a right to the agent is refused as the originals do', async () => {
    await begin();
    const table = [
      [{}, 401, 'Unauthorized: no valid credentials provided'],
      [{ authorization: 'Bearer x' }, 401, 'Unauthorized: Authorization header: invalid value'],
      [{ authorization: 'Bearer ci:1:wrong' }, 401, /^Unauthorized: CI job token: /],
      [{ authorization: 'Bearer pat:1:wrong' }, 401, /^Unauthorized$/],
      [{ authorization: `Bearer ci:99:${tokens.job}` }, 403, 'Forbidden: agentId is not allowed'],
      [{ authorization: `Bearer ci:-5:${tokens.job}` }, 403, 'Forbidden: agentId is not allowed'],
      [{ authorization: `Bearer pat:99:${tokens.person}` }, 401, /^Unauthorized$/],
      [{ cookie: '_gitlab_kas=c', 'gitlab-agent-id': '1', 'x-csrf-token': 't' }, 401, /^Unauthorized$/],
    ] as const;
    for (const [headers, code, reason] of table) {
      const { status, message, marked } = await refusal('/api', headers);
      const text = message.replace('GitLab Agent Server: ', '');
      expect([status, text]).toEqual([
        code,
        typeof reason === 'string' ? reason : (expect.stringMatching(reason) as string),
      ]);
      expect(marked).toBe(code === 401 ? 'true' : undefined);
    }
  });

  it('of another path than the prefix gets 400 before anything else is looked at', async () => {
    await begin({ proxy: 'url_path_prefix: /k8s-proxy' });
    for (const path of ['/api', '/k8s-proxy', '/k8s-proxyx/api', '/%2Fk8s-proxy/', '/%zz'])
      expect(await refusal(path, {})).toMatchObject({
        status: 400,
        message: 'GitLab Agent Server: Bad request: URL does not start with expected prefix',
      });
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/k8s-proxy/api/v1');
    expect((await tunnel.request()).head.request?.urlPath).toBe('/api/v1');
    tunnel.respond();
    await (await answered).body.dump();
  });

  it('that sends a body with a refused request can use its connection again', async () => {
    await begin();
    const { statusCode, body } = await kas.call('/api', {
      method: 'POST',
      headers: {},
      body: 'x'.repeat(100_000),
    });
    await body.dump();
    expect(statusCode).toBe(401);
    expect((await refusal('/api', {})).status).toBe(401);
  });

  it('gets an error in the form it accepts', async () => {
    await begin();
    const yaml = await kas.call('/api', { headers: { accept: 'application/yaml' } });
    expect(yaml.headers['content-type']).toBe('application/yaml');
    expect(await yaml.body.text()).toContain('code: 401');
    const none = await kas.call('/api', { headers: { accept: 'image/png' } });
    expect([none.statusCode, none.headers['content-type']]).toEqual([406, 'text/plain; charset=utf-8']);
    await none.body.dump();
  });
});

describe('a web page', () => {
  it('of another origin is refused with nothing', async () => {
    await begin({ gitlab: `external_url: "${gitlab}"` });
    const { statusCode, headers, body } = await kas.call('/api', {
      headers: { authorization: job, origin: 'https://evil.example.com' },
    });
    expect([statusCode, await body.text(), headers['server']]).toEqual([403, '', undefined]);
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it('of the configured origin may ask first and may read answers, also errors', async () => {
    await begin({ gitlab: `external_url: "${gitlab}"` });
    const preflight = await kas.call('/api', {
      method: 'OPTIONS',
      headers: { origin: gitlab, 'access-control-request-headers': 'x-csrf-token' },
    });
    await preflight.body.dump();
    expect(preflight.statusCode).toBe(200);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': gitlab,
      'access-control-allow-credentials': 'true',
      'access-control-allow-headers': 'x-csrf-token',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH',
      'access-control-max-age': '86400',
      vary: 'Origin',
    });
    const refused = await refusal('/api', { origin: gitlab });
    expect(refused.headers).toMatchObject({ 'access-control-allow-origin': gitlab, vary: 'Origin' });
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/api', { headers: { authorization: job, origin: gitlab } });
    await tunnel.request();
    tunnel.respond('', 200, { 'Access-Control-Allow-Origin': ['*'], Vary: ['Accept'] });
    const { headers, body } = await answered;
    await body.dump();
    expect(headers['access-control-allow-origin']).toBe(gitlab);
    expect(new Set([headers['vary']].flat())).toEqual(new Set(['Accept', 'Origin']));
  });
});

/** A client that writes bytes and collects what comes. */
class RawClient {
  readonly #socket: Socket;
  received = '';
  closed = false;

  constructor(port: number, text: string) {
    this.#socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.#socket.on('data', (chunk) => (this.received += chunk.toString('latin1')));
    this.#socket.on('error', () => {});
    this.#socket.on('end', () => (this.closed = true));
    this.#socket.on('close', () => (this.closed = true));
    this.#socket.write(text);
  }
  write(text: string): void {
    this.#socket.write(text);
  }
  async has(text: string): Promise<void> {
    await until(() => this.received.includes(text));
  }
  end(): void {
    this.#socket.end();
  }
  destroy(): void {
    this.#socket.destroy();
  }
  reset(): void {
    this.#socket.resetAndDestroy();
  }
}

const raw = (text: string) => new RawClient(kas.ports.kubernetesApi, text.replaceAll('\n', '\r\n'));
const upgradeHead = `GET /exec?a=b HTTP/1.1
Host: kas
Authorization: ${job}
Connection: upgrade
Upgrade: SPDY/3.1

`;

describe('an upgrade', () => {
  async function upgrading(text = upgradeHead): Promise<{ client: RawClient; tunnel: FakeTunnel }> {
    const tunnel = await kas.idleTunnel(agent);
    const client = raw(text);
    const { headers } = await tunnel.requestHead();
    expect([headers.get('Upgrade'), headers.get('Connection')]).toEqual([['SPDY/3.1'], ['upgrade']]);
    return { client, tunnel };
  }

  async function switched(text?: string) {
    const both = await upgrading(text);
    const { client, tunnel } = both;
    tunnel.respondHead(101, { Upgrade: ['SPDY/3.1'], Connection: ['Upgrade'] });
    tunnel.answer({ case: 'trailer', value: {} });
    await client.has('\r\n\r\n');
    expect(client.received).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    return both;
  }

  const bytes = async (tunnel: FakeTunnel, length: number) => {
    let text = '';
    while (text.length < length) {
      const piece = await tunnel.http();
      if (piece?.case === 'trailer') continue;
      if (piece?.case !== 'upgradeData') throw new Error(`unexpected ${piece?.case}`);
      text += Buffer.from(piece.value.data).toString();
    }
    return text;
  };

  it('carries raw bytes both ways, those that came with the head first', async () => {
    await begin();
    const { client, tunnel } = await switched(`${upgradeHead}early`);
    expect(await bytes(tunnel, 5)).toBe('early');
    client.write(' later');
    expect(await bytes(tunnel, 6)).toBe(' later');
    tunnel.answer({ case: 'upgradeData', value: { data: Buffer.from('echo') } });
    await client.has('echo');
    client.end();
    expect(await tunnel.http()).toBeUndefined(); // close_send
    tunnel.answer({ case: 'upgradeData', value: { data: Buffer.from('last') } });
    await client.has('last');
    tunnel.send({ msg: { case: 'trailer', value: {} } });
    tunnel.halfClose();
    await until(() => client.closed);
    expect((await tunnel.status).code).toBe(grpc.status.OK);
  });

  it('that the cluster does not grant is an ordinary answer', async () => {
    await begin();
    const { client, tunnel } = await upgrading();
    tunnel.respond('no', 403, { 'Content-Length': ['2'] });
    await client.has('\r\n\r\nno');
    expect(client.received).toMatch(/^HTTP\/1\.1 403 /);
    expect((await tunnel.status).code).toBe(grpc.status.OK);
    client.destroy();
  });

  it('whose client vanishes after the switch is cancelled', async () => {
    await begin();
    const { client, tunnel } = await switched();
    client.reset();
    expect((await tunnel.status).code).toBe(grpc.status.CANCELLED);
    await kas.reaches({ requests: 0, tunnels: 0 });
  });

  it('whose agent vanishes after the switch is cut', async () => {
    await begin();
    const { client, tunnel } = await switched();
    tunnel.cancel();
    await until(() => client.closed);
    client.destroy();
  });

  it('whose client vanishes while it waits for a tunnel is forgotten', async () => {
    await begin();
    const client = raw(upgradeHead);
    await kas.reaches({ waiting: 1 });
    client.destroy();
    await kas.reaches({ waiting: 0, requests: 0 });
  });

  it('without credentials is refused like any request', async () => {
    await begin();
    const client = raw(upgradeHead.replace(/Authorization.*\n/, ''));
    await client.has('no valid credentials provided');
    expect(client.received).toMatch(/^HTTP\/1\.1 401 /);
    await until(() => client.closed);
    client.destroy();
  });
});

describe('a client that expects 100-continue', () => {
  const head = (authorization: string) => `POST /api HTTP/1.1
Host: kas
Content-Length: 4
Expect: 100-continue
${authorization}
`;

  it('is told to go on once there is a tunnel', async () => {
    await begin();
    const client = raw(head(`Authorization: ${job}\n`));
    await kas.reaches({ waiting: 1 });
    expect(client.received).toBe('');
    const tunnel = agent.connect().describe();
    await client.has('HTTP/1.1 100 Continue\r\n\r\n');
    client.write('body');
    expect((await tunnel.request()).body.toString()).toBe('body');
    tunnel.respond('done', 200, { 'Content-Length': ['4'] });
    await client.has('done');
    client.destroy();
  });

  it('is refused without having to send its body', async () => {
    await begin();
    const client = raw(head(''));
    await client.has('no valid credentials provided');
    expect(client.received).toMatch(/^HTTP\/1\.1 401 /);
    expect(client.received).not.toContain('100 Continue');
    client.destroy();
  });
});

describe('when kas stops', () => {
  it('a running request finishes, its connection is closed after it, and the tree ends', async () => {
    await begin();
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/watch');
    await tunnel.request();
    tunnel.respondHead();
    tunnel.respondBody('one ');
    const { body } = await answered;
    kas.requestStop();
    await kas.clock.advanceAsync(30_000);
    expect(kas.ended).toBeUndefined();
    tunnel.respondBody('two');
    tunnel.respondEnd();
    tunnel.halfClose();
    expect(await body.text()).toBe('one two');
    expect(await kas.end()).toEqual({ kind: 'stopped' });
    expect(kas.clock.monotonic()).toBeLessThan(40_000);
    expect(await tunnel.status).toEqual({ code: grpc.status.OK, details: '' });
  });

  it('a request that outlives the grace is cut', async () => {
    await begin();
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/watch');
    await tunnel.request();
    tunnel.respondHead();
    tunnel.respondBody('one');
    const { body } = await answered;
    const read = expect(body.text()).rejects.toThrow();
    kas.requestStop();
    expect(await kas.end()).toEqual({ kind: 'stopped' });
    await read;
    expect(kas.clock.monotonic()).toBeGreaterThan(60_000);
  });

  it('a switched connection is cut with the grace as well', async () => {
    await begin();
    const tunnel = await kas.idleTunnel(agent);
    const client = raw(upgradeHead);
    await tunnel.requestHead();
    tunnel.respondHead(101, { Upgrade: ['SPDY/3.1'], Connection: ['Upgrade'] });
    tunnel.answer({ case: 'trailer', value: {} });
    await client.has('101');
    kas.requestStop();
    expect(await kas.end()).toEqual({ kind: 'stopped' });
    await until(() => client.closed);
    client.destroy();
  });

  it('asked twice it cuts at once', async () => {
    await begin();
    const tunnel = await kas.idleTunnel(agent);
    const answered = kas.call('/watch');
    await tunnel.request();
    tunnel.respondHead();
    const { body } = await answered;
    const read = expect(body.text()).rejects.toThrow();
    kas.requestStop();
    kas.requestStop();
    expect(await kas.end()).toEqual({ kind: 'stopped' });
    await read;
    expect(kas.clock.monotonic()).toBeLessThan(6_000);
  });
});
