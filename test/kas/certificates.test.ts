/** Certificates of the listeners: what is refused at start, and what a renewed one does to those who are connected. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runKas, type RunningKas } from '../../src/kas/index.ts';
import { selfSignedCertificate } from '../../src/sim/certificate/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { turn } from './waiting.ts';

let folder: string;
let clock: VirtualClock;
let kas: RunningKas | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kastor-certificates-'));
  clock = new VirtualClock();
  await writeFile(join(folder, 'gitlab.yaml'), 'agents: []\nprojects: []\n');
  await writeFile(join(folder, 'secret'), Buffer.alloc(32, 1).toString('base64'));
});
afterEach(async () => {
  await stop();
  await rm(folder, { recursive: true });
});

async function stop(): Promise<void> {
  if (kas === undefined) return;
  let ended = false;
  void kas.ended.then(() => (ended = true));
  kas.stop('test');
  kas.stop('test');
  while (!ended) {
    await clock.advanceAsync(100);
    await turn();
  }
  kas = undefined;
}

/** Replaces file by file, as certificate managers do. */
async function renew(name: string): Promise<void> {
  const { certPem, keyPem } = selfSignedCertificate([name, '127.0.0.1'], Date.now());
  for (const [file, text] of [
    ['tls.crt', certPem],
    ['tls.key', keyPem],
  ] as const) {
    await writeFile(join(folder, `${file}.new`), text);
    await rename(join(folder, `${file}.new`), join(folder, file));
  }
}

const pair = 'certificate_file: tls.crt, key_file: tls.key';
async function start(): Promise<RunningKas> {
  const configurationFile = join(folder, 'kas.yaml');
  await writeFile(
    configurationFile,
    `standalone: { file: gitlab.yaml }
agent:
  listen: { address: "127.0.0.1:0", ${pair} }
  kubernetes_api: { listen: { address: "127.0.0.1:0", ${pair} } }
observability: { listen: { address: "127.0.0.1:0", ${pair} } }
api: { listen: { address: "127.0.0.1:0", authentication_secret_file: secret, ${pair} } }
private_api: { listen: { address: "127.0.0.1:0", authentication_secret_file: secret, ${pair} } }
`,
  );
  const environment = { OWN_PRIVATE_API_URL: 'grpcs://kas:1', OWN_PRIVATE_API_HOST: 'kas.example' };
  kas = await runKas({ configurationFile, environment, clock, logLevel: 'error' });
  return kas;
}

/** A handshake; the socket, or why there was none. */
function shakeHands(port: number, options: ConnectionOptions = {}): Promise<TLSSocket | string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', (error) => resolve(error.message));
  });
}

/** Whose certificate new connections get. */
async function nameAt(port: number): Promise<string> {
  const socket = await shakeHands(port, { ALPNProtocols: ['h2', 'http/1.1'] });
  if (typeof socket === 'string') return socket;
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await clock.advanceAsync(100);
}

const portsOf = ({ ports }: RunningKas) => Object.values(ports);

it('a renewed certificate is shown to those who come, and those who are there stay', async () => {
  await renew('old.example');
  const ports = portsOf(await start());
  const before = await Promise.all(ports.map((port) => shakeHands(port)));
  await renew('new.example');
  for (const port of ports) await until(async () => (await nameAt(port)) === 'new.example');
  for (const socket of before) {
    if (typeof socket === 'string') throw new Error(socket);
    expect(socket.destroyed).toBe(false);
    expect(socket.getPeerCertificate().subject.CN).toBe('old.example');
    socket.destroy();
  }
});

it('a broken certificate changes nothing until it is mended, and is told', async () => {
  await renew('old.example');
  const running = await start();
  await writeFile(join(folder, 'tls.crt'), 'nonsense');
  const rejected = async () => {
    const response = await fetchInsecurely(running.ports.observability, '/metrics');
    return /^kas_credential_files_rejected (\d+)$/m.exec(response)?.[1];
  };
  await until(async () => (await rejected()) === '5');
  for (const port of portsOf(running)) expect(await nameAt(port)).toBe('old.example');
  const state = await fetchInsecurely(running.ports.observability, '/state');
  expect(state).toMatch(
    /"agent\.listen\.certificate_file":"[^"]*tls\.crt[^"]*holds no certificate in PEM form/,
  );
  await renew('new.example');
  for (const port of portsOf(running)) await until(async () => (await nameAt(port)) === 'new.example');
  await until(async () => (await rejected()) === '0');
});

describe('a handshake', () => {
  it.each([
    ['of TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }],
    ['without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES256-GCM-SHA384' }],
    ['with CBC', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256' }],
  ] as const)('%s is refused by every listener', async (_, options) => {
    await renew('kas.example');
    for (const port of portsOf(await start()))
      expect(await shakeHands(port, options)).toMatch(/alert|version|cipher/);
  });

  it.each([
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
  ])('of TLS 1.2 with %s is taken by every listener', async (ciphers) => {
    await renew('kas.example');
    for (const port of portsOf(await start())) {
      const socket = await shakeHands(port, { maxVersion: 'TLSv1.2', ciphers });
      if (typeof socket === 'string') throw new Error(socket);
      expect(socket.getCipher().name).toBe(ciphers);
      socket.destroy();
    }
  });
});

it('files that cannot be used are all told at start, by key', async () => {
  await renew('kas.example');
  await writeFile(join(folder, 'tls.key'), 'nonsense');
  await expect(start()).rejects.toThrow(
    /agent\.listen\.certificate_file: .*holds no key.*; agent\.kubernetes_api\.listen\.certificate_file: .*holds no key/,
  );
});

/** A body over HTTPS, whoever the server is. */
async function fetchInsecurely(port: number, path: string): Promise<string> {
  const socket = await shakeHands(port);
  if (typeof socket === 'string') throw new Error(socket);
  socket.end(`GET ${path} HTTP/1.0\r\n\r\n`);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}
