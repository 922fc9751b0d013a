/** What the agent listener makes of whoever connects: native HTTP/2, WebSockets, and everything that is neither. */
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { PrivateCa } from '../fakes/private-ca.ts';
import { FakeAgent } from './fake-agent.ts';
import { KasUnderTest, tokens } from './kas-under-test.ts';
import { until } from './waiting.ts';
import { WebSocketBridge } from './websocket-bridge.ts';
import { Wire } from './wire.ts';

let kas: KasUnderTest;
let ca: PrivateCa;
const agents: FakeAgent[] = [];
const cleanups: Disposable[] = [];

async function begin({ webSocket = true, tls = false } = {}): Promise<void> {
  const files = tls ? ', certificate_file: kas.crt, key_file: kas.key' : '';
  kas = await KasUnderTest.start({ agentListen: `websocket: ${webSocket}${files}` }, (folder) => {
    if (!tls) return;
    ca = new PrivateCa(folder);
    ca.issue('kas', ['127.0.0.1', 'localhost']);
  });
}

afterEach(async () => {
  await kas.finish(...agents.splice(0));
  for (const one of cleanups.splice(0)) one[Symbol.dispose]();
});

async function bridge(scheme: 'ws' | 'wss'): Promise<WebSocketBridge> {
  const url = `${scheme}://127.0.0.1:${kas.ports.agents}/-/kubernetes-agent/`;
  const made = await WebSocketBridge.to(url, scheme === 'wss' ? { ca: ca.pem } : {});
  cleanups.push(made);
  return made;
}

/** A request through a tunnel of this agent. */
async function served(agent: FakeAgent): Promise<void> {
  agents.push(agent);
  const tunnel = await kas.idleTunnel(agent);
  const answered = kas.call('/version');
  await tunnel.request();
  const body = 'x'.repeat(300_000);
  tunnel.respond(body);
  expect(await (await answered).body.text()).toBe(body);
}

/** Sends bytes and reads until the end of the connection. */
function exchange(text: string, socket: Socket = connect(kas.ports.agents, '127.0.0.1')): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    socket.on('data', (data: Buffer) => (answer += data.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
    socket.write(text);
  });
}

const tlsSocket = (ALPNProtocols?: string[]) =>
  connectTls({
    port: kas.ports.agents,
    host: '127.0.0.1',
    ca: readFileSync(ca.file),
    ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }),
  });

const handshake = (
  changes: Readonly<Record<string, string | undefined>> = {},
  first = 'GET /any/path HTTP/1.1',
) => {
  const headers = {
    Host: 'kas.example.com',
    Connection: 'keep-alive, Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': 'ws-tunnel',
    ...changes,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return `${first}\r\n${lines.join('\r\n')}\r\n\r\n`;
};

describe('one port', () => {
  it('takes native HTTP/2 and WebSockets side by side', async () => {
    await begin();
    await served(new FakeAgent(kas.ports.agents, tokens.agent));
    await served(new FakeAgent((await bridge('ws')).port, tokens.spare));
    await kas.reaches({ connections: 2, sessions: 2 });
  });

  it('takes them with TLS, by ALPN', async () => {
    await begin({ tls: true });
    const secure = grpc.credentials.createSsl(readFileSync(ca.file));
    await served(
      new FakeAgent(kas.ports.agents, tokens.agent, { 'grpc.ssl_target_name_override': 'localhost' }, secure),
    );
    await served(new FakeAgent((await bridge('wss')).port, tokens.spare));
    await kas.reaches({ connections: 2 });
  });

  it.each([[undefined], [['http/1.1']]])(
    'answers a WebSocket handshake over TLS with ALPN %j',
    async (alpn) => {
      await begin({ tls: true });
      const socket = tlsSocket(alpn);
      socket.once('data', () => socket.destroy());
      expect(await exchange(handshake(), socket)).toMatch(/^HTTP\/1\.1 101 /);
    },
  );

  it('takes native HTTP/2 over TLS without ALPN', async () => {
    await begin({ tls: true });
    const session = connectHttp2(`https://127.0.0.1:${kas.ports.agents}`, {
      createConnection: () => tlsSocket(),
    });
    await new Promise<void>((resolve) => session.once('remoteSettings', () => resolve()));
    session.destroy();
  });

  it('ends agents over WebSockets as all others when kas stops', async () => {
    await begin();
    const tunnelled = await bridge('ws');
    const agent = new FakeAgent(tunnelled.port, tokens.agent);
    agents.push(agent);
    const tunnel = await kas.idleTunnel(agent);
    kas.requestStop();
    await kas.end();
    expect((await tunnel.status).code).toBe(grpc.status.OK);
    await until(() => tunnelled.closeCodes.length > 0);
    expect(tunnelled.closeCodes).toEqual([1000]);
  });
});

describe('an agent over a WebSocket', () => {
  async function agentOver(port: number): Promise<FakeAgent> {
    const tunnelled = await WebSocketBridge.to(`ws://127.0.0.1:${port}/`);
    cleanups.push(tunnelled);
    const agent = new FakeAgent(tunnelled.port, tokens.agent);
    agents.push(agent);
    return agent;
  }

  /** Some connection waits for the answer to a ping. */
  async function probing(): Promise<boolean> {
    const { transitions } = JSON.parse((await kas.observe('/state')).text) as {
      transitions: readonly { readonly actorId: string; readonly to: string }[];
    };
    const newest = new Map<string, string>();
    for (const { actorId, to } of transitions) {
      if (actorId.startsWith('connection:') && !newest.has(actorId)) newest.set(actorId, to);
    }
    return [...newest.values()].some((to) => to.includes('probing'));
  }

  /** Lets time pass in which every ping is answered, over however many hops. */
  async function live(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10_000) {
      await kas.clock.advanceAsync(10_000);
      await until(async () => !(await probing()));
    }
  }

  it('on a silent wire is gone after keepalive', async () => {
    await begin();
    const wire = await Wire.to(kas.ports.agents);
    cleanups.push(wire);
    await kas.idleTunnel(await agentOver(wire.port));
    wire.goSilent();
    await kas.clock.advanceAsync(69_000);
    expect(await kas.counts()).toMatchObject({ connections: 1, idle: 1 });
    await kas.clock.advanceAsync(1_000);
    await kas.reaches({ connections: 0, sessions: 0, idle: 0 });
  });

  it('on a wire that fell silent after GOAWAY is gone after keepalive, its request with it', async () => {
    kas = await KasUnderTest.start({ agentListen: 'websocket: true, max_connection_age: "1000s"' });
    const wire = await Wire.to(kas.ports.agents);
    cleanups.push(wire);
    const busy = await kas.idleTunnel(await agentOver(wire.port));
    const answered = kas.call('/x');
    await busy.request();
    await live(320_000); // sent away, and told kas so in turn: node:http2 pings no more
    expect(await kas.counts()).toMatchObject({ connections: 1, tunnels: 1 });
    wire.goSilent();
    await kas.clock.advanceAsync(50_000);
    await kas.clock.advanceAsync(20_000);
    expect((await answered).statusCode).toBe(502);
    await kas.reaches({ connections: 0, sessions: 0, tunnels: 0 });
  });

  it('that answers pings stays', async () => {
    await begin();
    await kas.idleTunnel(await agentOver(kas.ports.agents));
    await live(300_000);
    expect(await kas.counts()).toMatchObject({ connections: 1, sessions: 1, idle: 1 });
  });

  it('of age is sent away with OK, finishes its request, and comes back in a new one', async () => {
    kas = await KasUnderTest.start({ agentListen: 'websocket: true, max_connection_age: "1000s"' });
    const agent = await agentOver(kas.ports.agents);
    const busy = await kas.idleTunnel(agent);
    const answered = kas.call('/x');
    await busy.request();
    const idle = await kas.idleTunnel(agent);
    await live(320_000);
    expect(await idle.status).toEqual({ code: grpc.status.OK, details: '' });
    await kas.idleTunnel(agent);
    expect(await kas.counts()).toMatchObject({ connections: 2 });
    busy.respond('finished');
    expect(await (await answered).body.text()).toBe('finished');
    await kas.reaches({ connections: 1, tunnels: 1 });
  });
});

describe('a WebSocket handshake', () => {
  it('is answered with the sub-protocol and the name of the server', async () => {
    await begin();
    const socket = connect(kas.ports.agents, '127.0.0.1');
    socket.once('data', () => socket.destroy());
    const answer = await exchange(handshake({ Origin: 'https://kas.example.com' }), socket);
    expect(answer).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(answer).toMatch(/\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
    expect(answer).toMatch(/\r\nSec-WebSocket-Protocol: ws-tunnel\r\n/);
    expect(answer).toMatch(/\r\nServer: gitlab-kas\//);
    expect(answer).not.toMatch(/extensions/i);
  });

  it.each([
    ['a plain GET', handshake({ Connection: 'close', Upgrade: undefined }), 426, /Upgrade: websocket/],
    [
      'gRPC over HTTP/1.1',
      handshake({ Upgrade: undefined, 'Content-Length': '3' }, 'POST /a.B/C HTTP/1.1') + 'abc',
      426,
      /./,
    ],
    ['HTTP/1.0', handshake({}, 'GET / HTTP/1.0'), 426, /HTTP\/1\.0/],
    ['an upgrade by POST', handshake({}, 'POST / HTTP/1.1'), 405, /Allow: GET/],
    ['another version', handshake({ 'Sec-WebSocket-Version': '8' }), 400, /Sec-WebSocket-Version: 13/],
    ['no key', handshake({ 'Sec-WebSocket-Key': undefined }), 400, /Sec-WebSocket-Key/],
    ['a page of another site', handshake({ Origin: 'https://evil.example.com' }), 403, /Origin/],
    ['an origin that is none', handshake({ Origin: 'null' }), 403, /Origin/],
    ['CONNECT', 'CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n', 426, /./],
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n', 400, /neither/],
  ])('%s is answered with a reason', async (_, request, status, words) => {
    await begin();
    const answer = await exchange(request);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(answer).toMatch(/\r\nServer: gitlab-kas\//);
    expect(answer).toMatch(/\r\nContent-Type: text\/plain/);
    expect(answer).toMatch(words);
  });

  it('without the sub-protocol is completed and closed with 1002', async () => {
    await begin();
    const webSocket = new WebSocket(`ws://127.0.0.1:${kas.ports.agents}/`);
    const closed = await new Promise<readonly [number, string]>((resolve) =>
      webSocket.once('close', (code, reason) => resolve([code, reason.toString()])),
    );
    expect(closed).toEqual([1002, 'Expecting "ws-tunnel" subprotocol, got ""']);
  });

  it('is answered with what the port is for when WebSockets are off', async () => {
    await begin({ webSocket: false });
    const answer = await exchange(handshake());
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toMatch(/WebSockets are switched off/);
    await served(new FakeAgent(kas.ports.agents, tokens.agent));
  });
});

describe('inside a WebSocket', () => {
  const open = async () => {
    const webSocket = new WebSocket(`ws://127.0.0.1:${kas.ports.agents}/`, ['ws-tunnel']);
    const closed = new Promise<number>((resolve) => webSocket.once('close', resolve));
    await new Promise<void>((resolve) => webSocket.once('open', resolve));
    return { webSocket, closed };
  };

  it('text is answered with 1003', async () => {
    await begin();
    const { webSocket, closed } = await open();
    webSocket.send('text');
    expect(await closed).toBe(1003);
    await kas.reaches({ connections: 0 });
  });

  it('a message of more than 10 MiB is answered with 1009', async () => {
    await begin();
    const { webSocket, closed } = await open();
    webSocket.send(Buffer.alloc(10 * 1024 * 1024 + 1));
    expect(await closed).toBe(1009);
    await kas.reaches({ connections: 0 });
  });

  it('bytes that are not HTTP/2 end the connection', async () => {
    await begin();
    const { webSocket, closed } = await open();
    webSocket.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'.repeat(4)));
    await closed;
    await kas.reaches({ connections: 0 });
  });

  it('pings are answered', async () => {
    await begin();
    const { webSocket, closed } = await open();
    const pong = new Promise<string>((resolve) => webSocket.once('pong', (data) => resolve(data.toString())));
    webSocket.ping('are you there');
    expect(await pong).toBe('are you there');
    webSocket.close(1000);
    expect(await closed).toBe(1000);
    await kas.reaches({ connections: 0 });
  });
});

describe('a connection that', () => {
  it.each([
    ['says nothing', ''],
    ['begins like HTTP/2 and stops', 'PRI * HTTP/2.0\r\n'],
    ['stops inside the head of a request', 'GET / HTTP/1.1\r\nHost: x\r\n'],
  ])('%s is cut', async (_, text) => {
    await begin();
    const gone = exchange(text);
    await until(async () => (await arrivals()) === 1);
    let over = false;
    void gone.then(() => (over = true));
    for (let ms = 0; ms < 60_000 && !over; ms += 1_000) await kas.live(10_000);
    expect(await gone).toBe('');
    expect(await arrivals()).toBe(0);
  });

  it('is waiting for its first bytes does not hold up a stop', async () => {
    await begin();
    const gone = exchange('');
    await until(async () => (await arrivals()) === 1);
    kas.requestStop();
    await kas.end();
    expect(await gone).toBe('');
  });

  async function arrivals(): Promise<number> {
    const { text } = await kas.observe('/metrics');
    return Number(/^kas_agent_arrivals (\d+)$/m.exec(text)?.[1]);
  }
});
