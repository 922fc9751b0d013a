/**
 * Every way from agentk to kas with real processes in between: native and WebSocket, with TLS and without, on one port of
 * kas; through nginx, and through a proxy with a password. Each way carries a GET, an upgraded connection and a large body.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { dump, load } from 'js-yaml';
import { request } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findPort } from '../../src/cli/demo/ports.ts';
import { PrivateCa } from '../fakes/private-ca.ts';
import { startNginx, startSquid } from './programs.ts';
import { until, World, type TestProcess } from './world.ts';

const largeBytes = 20 * 1024 * 1024;
let backend: Server;
let world: World;
let ca: PrivateCa;
const closing: { close(): Promise<void> }[] = [];

/** What stands for the API server: it says it is there, gives bodies back, and switches protocols. */
beforeAll(async () => {
  backend = createServer((asked, answer) => {
    if (asked.method === 'POST') asked.pipe(answer);
    else answer.end(JSON.stringify({ kind: 'PodList', path: asked.url }));
  });
  backend.on('upgrade', (asked: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${asked.headers.upgrade}\r\n\r\n`,
    );
    socket.unshift(head);
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  backend.closeAllConnections();
  backend.close();
});
afterEach(async () => {
  await world.close();
  await Promise.all(closing.splice(0).map((one) => one.close()));
});

async function startKas(tls: boolean): Promise<void> {
  world = await World.prepare({ kubeconfig: 'backend.kubeconfig' });
  await writeFile(kubeconfig(), dump(kubeconfigOf((backend.address() as AddressInfo).port)));
  ca = new PrivateCa(world.folder, 'ca');
  const pair = ca.issue('kas', ['127.0.0.1', 'kas.example.com']);
  const file = world.data.kasConfiguration;
  const configuration = load(await readFile(file, 'utf8')) as { agent: { listen: Record<string, unknown> } };
  Object.assign(configuration.agent.listen, {
    websocket: true,
    ...(tls ? { certificate_file: pair.certFile, key_file: pair.keyFile } : {}),
  });
  await writeFile(file, dump(configuration));
  await world.startKas();
}

const kubeconfig = () => join(world.folder, 'backend.kubeconfig');

function startAgentk(kasAddress: string, environment: Readonly<Record<string, string>> = {}): TestProcess {
  const trust = ['--kas-ca-cert-file', ca.file, '--kubeconfig', kubeconfig()];
  return world.startAgentk(['--kas-address', kasAddress, ...trust], environment);
}

/** The one agent that runs carries everything; then it goes. */
async function carriesAll(agentk: TestProcess): Promise<void> {
  try {
    await world.serving();
    expect(JSON.parse((await world.get('/api/v1/pods')).text)).toEqual({
      kind: 'PodList',
      path: '/api/v1/pods',
    });
    expect(await echoedUpgrade()).toBe('tty');
    await carriesLargeBody();
  } catch (error) {
    throw new Error(`agentk said:\n${agentk.log}`, { cause: error });
  }
  agentk.kill('SIGTERM');
  await agentk.exited;
  await until('the agent to be gone', 15_000, async () =>
    (await world.state()).agents.length === 0 ? true : undefined,
  );
}

/** There and back, at the same time. */
async function carriesLargeBody(): Promise<void> {
  const body = randomBytes(largeBytes);
  const answer = await request(`https://127.0.0.1:${world.ports.kubernetesApi}/large`, {
    method: 'POST',
    dispatcher: world.dispatcher,
    headers: { authorization: world.authorization },
    body,
  });
  const hash = createHash('sha256');
  for await (const chunk of answer.body) hash.update(chunk as Buffer);
  expect(hash.digest('hex')).toBe(createHash('sha256').update(body).digest('hex'));
}

/** An `exec`-like exchange after a switch of protocols. */
function echoedUpgrade(): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = requestHttps({
      host: '127.0.0.1',
      port: world.ports.kubernetesApi,
      path: '/api/v1/namespaces/default/pods/one/exec?command=sh',
      method: 'POST',
      ca: world.data.certificate,
      headers: { authorization: world.authorization, connection: 'Upgrade', upgrade: 'SPDY/3.1' },
    });
    asked.once('error', reject);
    asked.once('response', (answer) => reject(new Error(`not upgraded: ${answer.statusCode}`)));
    asked.once('upgrade', (_answer, socket) => {
      socket.once('data', (data: Buffer) => {
        socket.destroy();
        resolve(data.toString());
      });
      socket.write('tty');
    });
    asked.end();
  });
}

const freePort = async () => (await findPort(0)).port;

describe('one port of kas', () => {
  it('serves grpc and ws', async () => {
    await startKas(false);
    await carriesAll(startAgentk(`grpc://127.0.0.1:${world.ports.agents}`));
    await carriesAll(startAgentk(`ws://127.0.0.1:${world.ports.agents}/-/kubernetes-agent/`));
    expect(await arrivals()).toEqual({ http2: 1, websocket: 1 });
  }, 120_000);

  it('serves grpcs and wss', async () => {
    await startKas(true);
    await carriesAll(startAgentk(`grpcs://127.0.0.1:${world.ports.agents}`));
    await carriesAll(startAgentk(`wss://127.0.0.1:${world.ports.agents}/`));
    expect(await arrivals()).toEqual({ http2: 1, websocket: 1 });
  }, 120_000);
});

describe('nginx in front of kas', () => {
  async function startFront(more: { readTimeout?: string; upgrades?: boolean } = {}): Promise<string> {
    await startKas(false);
    const pair = ca.issue('nginx', ['127.0.0.1']);
    const port = await freePort();
    const settings = { folder: world.folder, port, kasPort: world.ports.agents, ...pair };
    closing.push(await startNginx({ readTimeout: '60s', ...settings, ...more }));
    return `wss://127.0.0.1:${port}`;
  }

  it('passes wss on', async () => {
    await carriesAll(startAgentk(`${await startFront()}/-/kubernetes-agent/`));
  }, 120_000);

  it('that adds the missing slash by a redirect is followed', async () => {
    const agentk = startAgentk(`${await startFront()}/-/kubernetes-agent`);
    await world.serving();
    expect(agentk.log).not.toMatch(/No connection to kas/);
  }, 120_000);

  it('that cuts what is idle is connected to again', async () => {
    const agentk = startAgentk(`${await startFront({ readTimeout: '2s' })}/-/kubernetes-agent/`);
    await agentk.said(/the WebSocket was cut off without a closing handshake/);
    await until('a second WebSocket', 30_000, async () =>
      (await arrivals()).websocket >= 2 ? true : undefined,
    );
    await world.serving();
  }, 120_000);

  it('is told from kas when it answers with a page, or does not pass upgrades on', async () => {
    const front = await startFront({ upgrades: false });
    const lost = startAgentk(`${front}/`);
    expect(await lost.said(/No connection to kas/)).toMatch(/answered 200 from nginx\S* with an HTML page/);
    await lost.stop();
    const stripped = startAgentk(`${front}/-/kubernetes-agent/`);
    expect(await stripped.said(/No connection to kas/)).toMatch(
      /answered 426 .*does not ask for an upgrade.*may drop the Upgrade header/,
    );
  }, 120_000);
});

describe('a proxy with a password', () => {
  it.each(['grpcs', 'wss'])(
    'carries %s',
    async (scheme) => {
      await startKas(true);
      const squid = await startProxy();
      const proxy = `http://agent:s%40cret@127.0.0.1:${squid.program.port}`;
      const address = `${scheme}://kas.example.com:${world.ports.agents}/`;
      const agentk = startAgentk(address, { HTTPS_PROXY: proxy, NO_PROXY: '10.0.0.0/8', no_proxy: '' });
      await carriesAll(agentk);
      expect(agentk.log).not.toContain('s@cret');
      expect(squid.log()).toMatch(new RegExp(`CONNECT kas\\.example\\.com:${world.ports.agents} agent`));
    },
    120_000,
  );

  it('is named when the password is wrong', async () => {
    await startKas(true);
    const squid = await startProxy();
    const proxy = `http://agent:wrong@127.0.0.1:${squid.program.port}`;
    const agentk = startAgentk(`grpcs://kas.example.com:${world.ports.agents}`, {
      HTTPS_PROXY: proxy,
      NO_PROXY: '',
    });
    expect(await agentk.said(/No connection to kas/)).toMatch(
      /Proxy http:\/\/127\.0\.0\.1:\d+ refused to connect: 407 .*wants a user and password/,
    );
    expect(agentk.log).not.toContain('wrong');
  }, 120_000);

  async function startProxy() {
    const port = await freePort();
    const squid = await startSquid({ folder: world.folder, port, user: 'agent', password: 's@cret' });
    closing.push(squid.program);
    return squid;
  }
});

/** Connections of agents so far, by what they spoke. */
async function arrivals(): Promise<{ readonly http2: number; readonly websocket: number }> {
  const { body } = await request(`http://127.0.0.1:${world.ports.observability}/metrics`);
  const text = await body.text();
  const count = (outcome: string) =>
    Number(
      new RegExp(`^kas_agent_arrivals_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0,
    );
  return { http2: count('http2'), websocket: count('websocket') };
}

function kubeconfigOf(port: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'one', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } },
    ],
    users: [{ name: 'nobody', user: { token: 'test' } }],
    contexts: [{ name: 'one', context: { cluster: 'one', user: 'nobody' } }],
    'current-context': 'one',
  };
}
