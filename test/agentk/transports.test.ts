/** The ways from agentk to kas, and what the operator reads when a hop of one fails. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ServerCredentials } from '@grpc/grpc-js';
import type { AgentkOptions } from '../../src/agentk/index.ts';
import { PrivateCa } from '../fakes/private-ca.ts';
import { AgentUnderTest, FakeApiServer, until } from './agent-under-test.ts';
import { FakeKas } from './fake-kas.ts';
import { ProxyDoor, WebSocketDoor, type Pair } from './front-doors.ts';

const folder = mkdtempSync(join(tmpdir(), 'kastor-transports-'));
let ca: PrivateCa;
let pair: Pair;
let kas: FakeKas;
let api: FakeApiServer;
let agent: AgentUnderTest | undefined;
const closing: { close(): unknown }[] = [];

beforeAll(() => {
  ca = new PrivateCa(folder);
  const { certFile, keyFile } = ca.issue('kas', ['127.0.0.1', 'kas.example.com']);
  pair = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
});
beforeEach(async () => {
  kas = await FakeKas.start();
  api = await FakeApiServer.start();
});
afterEach(async () => {
  await agent?.agentk.stop();
  agent = undefined;
  kas.stop();
  api.stop();
  for (const one of closing.splice(0)) one.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

function opened<T extends { close(): unknown }>(door: T): T {
  closing.push(door);
  return door;
}

async function start(kasAddress: string, more: Partial<AgentkOptions> = {}): Promise<AgentUnderTest> {
  agent = await AgentUnderTest.start(0, api.port, { kasAddress, kasCaFile: ca.file, ...more });
  return agent;
}

/** A request goes through, with a body larger than any buffer on the way. */
async function serving(): Promise<void> {
  await until(() => kas.open.length === 2 && kas.registrations.length === 1, 'tunnels');
  const [tunnel] = kas.open;
  await tunnel?.next();
  expect(await tunnel?.get('/api/v1/namespaces')).toMatchObject({ status: 200 });
  expect([...kas.authorizations]).toEqual(['Bearer agent-token']);
}

/** What the first failed dial said. */
async function lossOf(running: AgentUnderTest): Promise<string> {
  const said = () => running.said('No connection to kas, trying again')[0]?.fields;
  await until(() => said() !== undefined, 'a line');
  return `${String(said()?.['reason'])} | ${String(said()?.['remedy'])}`;
}

const proxied = (proxy: ProxyDoor, name: 'HTTPS_PROXY' | 'HTTP_PROXY', scheme = 'http', user = '') => ({
  env: { HOME: '/nonexistent', [name]: `${scheme}://${user}127.0.0.1:${proxy.port}` },
});

describe('a WebSocket', () => {
  test('is asked for with path, sub-protocol, user agent and extra headers, but not the token', async () => {
    const door = opened(await WebSocketDoor.to(kas.port));
    await start(`ws://127.0.0.1:${door.port}/-/kubernetes-agent/?a=b`, {
      kasHeaders: ['X-Route: one', 'User-Agent: mine'],
    });
    await serving();
    const [request] = door.requests;
    expect(request?.url).toBe('/-/kubernetes-agent/?a=b');
    expect(request?.headers).toMatchObject({
      host: `127.0.0.1:${door.port}`,
      'sec-websocket-protocol': 'ws-tunnel',
      'sec-websocket-version': '13',
      'user-agent': 'gitlab-agent/v0.0.0/00000000',
      'x-route': 'one',
    });
    expect(Object.keys(request?.headers ?? {})).not.toContain('authorization');
    expect(Object.keys(request?.headers ?? {})).not.toContain('sec-websocket-extensions');
  });

  test('is made over TLS that is verified', async () => {
    const door = opened(await WebSocketDoor.to(kas.port, pair));
    await start(`wss://127.0.0.1:${door.port}/`);
    await serving();
  });

  test('is taken without a sub-protocol in the answer', async () => {
    const door = opened(await WebSocketDoor.to(kas.port));
    door.protocol = false;
    await start(`ws://127.0.0.1:${door.port}/`);
    await serving();
  });

  test('is not taken with another sub-protocol', async () => {
    const door = opened(await WebSocketDoor.to(kas.port));
    door.protocol = 'chat';
    expect(await lossOf(await start(`ws://127.0.0.1:${door.port}/`))).toMatch(
      /^Upgrade to a WebSocket: .*subprotocol/,
    );
  });

  test('that is redirected to another path of the server is followed once', async () => {
    const door = opened(await WebSocketDoor.to(kas.port, pair));
    door.instead = ({ url }) =>
      url === '/agent'
        ? { status: 301, headers: { Location: `https://127.0.0.1:${door.port}/agent/` } }
        : undefined;
    const running = await start(`wss://127.0.0.1:${door.port}/agent`);
    await serving();
    expect(running.said('kas-address leads elsewhere, following once')[0]?.fields).toMatchObject({
      to: `wss://127.0.0.1:${door.port}/agent/`,
    });
    expect(door.requests.map(({ url }) => url)).toEqual(['/agent', '/agent/']);
  });

  test.each([
    [
      'a redirect elsewhere',
      { status: 302, headers: { Location: 'https://login.example.com/sign_in' } },
      /answered 302 to https:\/\/login\.example\.com\/sign_in \| Use the address it points to/,
    ],
    [
      'a redirect to itself',
      { status: 301, headers: { Location: '/' } },
      /answered 301 to \/ \| Use the address/,
    ],
    ['404', { status: 404, body: 'not here\n' }, /answered 404: not here \| There is no kas at this path/],
    [
      'a page',
      { status: 200, headers: { 'Content-Type': 'text/html', Server: 'nginx' }, body: '<html>secret' },
      /answered 200 from nginx with an HTML page \| This is the address of a web page/,
    ],
    [
      '502',
      { status: 502, headers: { Server: 'nginx' } },
      /answered 502 from nginx \| The proxy in front of kas/,
    ],
    ['403', { status: 403 }, /answered 403 \| Something in front of kas asks for permission/],
    ['426', { status: 426 }, /answered 426 \| A proxy in between may drop the Upgrade header/],
    [
      'hostile words',
      { status: 400, body: `\u001b[31m${'x'.repeat(10_000)}` },
      /^(?!.*x{301})[\x20-\x7e]*answered 400: \?\[31mx+ \|/,
    ],
  ])('that is answered with %s says so', async (_, answer, expected) => {
    const door = opened(await WebSocketDoor.to(kas.port));
    door.instead = () => answer;
    expect(await lossOf(await start(`ws://127.0.0.1:${door.port}/`))).toMatch(expected);
  });

  test('to something that is no HTTP server says so', async () => {
    const port = await speaking('SSH-2.0-OpenSSH_9.2\r\n');
    expect(await lossOf(await start(`ws://127.0.0.1:${port}/`))).toMatch(
      /^Upgrade to a WebSocket: .*Parse Error/,
    );
  });

  test('that leads to something other than HTTP/2 says so', async () => {
    const door = opened(await WebSocketDoor.to(await speaking('HTTP/1.1 400 Bad Request\r\n\r\n')));
    expect(await lossOf(await start(`ws://127.0.0.1:${door.port}/`))).toMatch(
      /^HTTP\/2: what answers does not speak it: .* \| The WebSocket leads to something that is not kas/,
    );
  });
});

describe('a proxy', () => {
  const authorization = `Basic ${Buffer.from('me:secret').toString('base64')}`;

  test.each([
    ['grpc', 'HTTPS_PROXY', 80],
    ['grpcs', 'HTTPS_PROXY', 443],
    ['wss', 'HTTPS_PROXY', 443],
  ] as const)('is asked to connect to %s addresses, with its password', async (scheme, name, port) => {
    const proxy = opened(await ProxyDoor.to(await doorFor(scheme)));
    proxy.authorization = authorization;
    const running = await start(`${scheme}://kas.example.com/`, proxied(proxy, name, 'http', 'me:secret@'));
    await serving();
    expect(proxy.requests[0]).toMatchObject({ method: 'CONNECT', url: `kas.example.com:${port}` });
    expect(proxy.requests[0]?.headers).toMatchObject({ 'user-agent': 'gitlab-agent/v0.0.0/00000000' });
    expect(JSON.stringify(running.lines)).not.toContain('secret');
  });

  test('is asked for a plain WebSocket as for a plain page', async () => {
    const proxy = opened(await ProxyDoor.to(await doorFor('ws')));
    proxy.authorization = authorization;
    await start('ws://kas.example.com/path/', proxied(proxy, 'HTTP_PROXY', 'http', 'me:secret@'));
    await serving();
    expect(proxy.requests[0]).toMatchObject({ method: 'GET', url: 'http://kas.example.com/path/' });
    expect(proxy.requests[0]?.headers.host).toBe('kas.example.com');
  });

  test('that cannot forward a plain WebSocket is asked to connect', async () => {
    const proxy = opened(await ProxyDoor.to(await doorFor('ws')));
    proxy.forwardsUpgrades = false;
    await start('ws://kas.example.com/', proxied(proxy, 'HTTP_PROXY'));
    await serving();
    expect(proxy.requests.map(({ method }) => method)).toEqual(['GET', 'CONNECT']);
  });

  test('is spoken to over TLS when its URL says so', async () => {
    const proxy = opened(await ProxyDoor.to(await doorFor('grpcs'), pair));
    await start('grpcs://kas.example.com', proxied(proxy, 'HTTPS_PROXY', 'https'));
    await serving();
  });

  test.each([
    [
      407,
      /^Proxy http:\/\/127\.0\.0\.1:\d+ refused to connect: 407 No \| The proxy wants a user and password/,
    ],
    [403, /refused to connect: 403 No \| The proxy forbids this destination/],
    [503, /refused to connect: 503 No \| The proxy cannot reach kas/],
  ])('that answers %s is named', async (status, expected) => {
    const proxy = opened(await ProxyDoor.to(kas.port));
    proxy.connectStatus = status;
    expect(await lossOf(await start('grpcs://kas.example.com', proxied(proxy, 'HTTPS_PROXY')))).toMatch(
      expected,
    );
  });

  test('that is no proxy is named', async () => {
    const env = { HTTPS_PROXY: `http://127.0.0.1:${await speaking('SSH-2.0-OpenSSH_9.2\r\n')}` };
    expect(await lossOf(await start('grpcs://kas.example.com', { env }))).toMatch(
      /^Proxy http:\/\/127\.0\.0\.1:\d+: Parse Error.* \| Check that HTTPS_PROXY/,
    );
  });

  test('that nobody runs is named', async () => {
    const env = { HTTPS_PROXY: 'http://127.0.0.1:1' };
    expect(await lossOf(await start('grpcs://kas.example.com', { env }))).toMatch(
      /^TCP: .*127\.0\.0\.1:1 \| Nothing listens/,
    );
  });

  test('that cannot be used is not gone around', async () => {
    const running = await start(`grpc://kas.example.com`, { env: { HTTPS_PROXY: 'socks5://127.0.0.1:1' } });
    expect(await lossOf(running)).toMatch(/^HTTPS_PROXY names a proxy of the kind socks5/);
  });

  test('is not used for what NO_PROXY names by address', async () => {
    const running = await start('grpc://localhost:1', {
      env: { HTTPS_PROXY: 'http://proxy.invalid:1', NO_PROXY: '127.0.0.0/8' },
    });
    expect(await lossOf(running)).toMatch(/^TCP: .*ECONNREFUSED/);
  });

  /** A port behind the proxy that speaks what such an address expects. */
  async function doorFor(scheme: 'grpc' | 'grpcs' | 'ws' | 'wss'): Promise<number> {
    if (scheme === 'grpc') return kas.port;
    if (scheme !== 'grpcs')
      return opened(await WebSocketDoor.to(kas.port, scheme === 'wss' ? pair : undefined)).port;
    kas.stop();
    kas = await FakeKas.start(
      ServerCredentials.createSsl(null, [{ private_key: pair.key, cert_chain: pair.cert }]),
    );
    return kas.port;
  }
});

describe('a native address', () => {
  test('whose name does not exist is a failure of DNS', async () => {
    expect(await lossOf(await start('grpc://kas.invalid'))).toMatch(
      /^DNS: the name kas\.invalid of kas cannot be resolved/,
    );
  });

  test('where nothing listens is a failure of TCP', async () => {
    expect(await lossOf(await start('grpc://127.0.0.1:1'))).toMatch(
      /^TCP: connect ECONNREFUSED 127\.0\.0\.1:1 \| Nothing/,
    );
  });

  test('that speaks HTTP/1.1 is told from kas', async () => {
    const port = await speaking('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    expect(await lossOf(await start(`grpc://127.0.0.1:${port}`))).toMatch(
      /^HTTP\/2: what answers does not speak it: .* through such a proxy use wss:/,
    );
  });

  test.each([
    [
      'wss',
      'of an unknown authority',
      { kasCaFile: undefined },
      /unable to .* certificate.* \| .*--kas-ca-cert-file/,
    ],
    [
      'wss',
      'for another name',
      { kasServerName: 'other.example.com' },
      /other\.example\.com.* \| .*--kas-tls-server-name/,
    ],
    [
      'grpcs',
      'of something that knows only HTTP/1.1',
      {},
      /^TLS with kas .*application protocol.* \| .* use wss:/,
    ],
  ])('%s with a certificate %s is a failure of TLS', async (scheme, _, more, expected) => {
    const door = opened(await WebSocketDoor.to(kas.port, pair));
    expect(await lossOf(await start(`${scheme}://127.0.0.1:${door.port}`, more))).toMatch(expected);
  });

  test('with TLS on a port without is a failure of TLS', async () => {
    expect(await lossOf(await start(`grpcs://127.0.0.1:${kas.port}`))).toMatch(
      /^TLS with kas 127\.0\.0\.1: /,
    );
  });
});

/** A server that says one thing to whoever has spoken, and hangs up. */
async function speaking(words: string): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(words));
  });
  opened(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
