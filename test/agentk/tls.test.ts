import { ServerCredentials } from '@grpc/grpc-js';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { AgentUnderTest, FakeApiServer, until } from './agent-under-test.ts';
import { FakeKas } from './fake-kas.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kastor-tls-'));
const path = (name: string) => join(scratch, name);
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: scratch, stdio: 'ignore' });

let kas: FakeKas;
let api: FakeApiServer;
let agent: AgentUnderTest | undefined;

beforeAll(() => {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  for (const name of ['ca', 'other']) {
    openssl(
      'req',
      '-x509',
      ...curve,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
      '-subj',
      `/CN=${name}`,
    );
  }
  openssl('req', ...curve, '-keyout', 'kas.key', '-out', 'kas.csr', '-subj', '/CN=kas');
  writeFileSync(path('san'), 'subjectAltName=DNS:kas.example.com');
  openssl(
    ...'x509 -req -in kas.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out kas.crt -days 2 -extfile san'.split(
      ' ',
    ),
  );
});

beforeEach(async () => {
  const pair = { private_key: readFileSync(path('kas.key')), cert_chain: readFileSync(path('kas.crt')) };
  kas = await FakeKas.start(ServerCredentials.createSsl(null, [pair]));
  api = await FakeApiServer.start();
});

afterEach(async () => {
  await agent?.agentk.stop();
  agent = undefined;
  kas.stop();
  api.stop();
});

afterAll(() => rmSync(scratch, { recursive: true }));

async function start(more: { kasCaFile?: string; kasServerName?: string; kasSkipVerify?: boolean }) {
  const kasAddress = `grpcs://127.0.0.1:${kas.port}`;
  agent = await AgentUnderTest.start(kas.port, api.port, { kasAddress, ...more });
  return agent;
}

const lossOf = (running: AgentUnderTest) =>
  running.said('No connection to kas, trying again')[0]?.fields['reason'] as string | undefined;

test('kas with a certificate of the given CA and the given name is trusted', async () => {
  await start({ kasCaFile: path('ca.crt'), kasServerName: 'kas.example.com' });
  await until(() => kas.open.length === 2, 'tunnels');
});

test.each([
  ['no CA file', {}, /unable to verify|unable to get local issuer/],
  [
    'a CA file of somebody else',
    { kasCaFile: path('other.crt') },
    /unable to verify|unable to get local issuer/,
  ],
  ['another name', { kasCaFile: path('ca.crt'), kasServerName: 'elsewhere' }, /elsewhere/],
  ['the address as name', { kasCaFile: path('ca.crt'), kasServerName: undefined }, /127\.0\.0\.1/],
  ['a CA file that is gone', { kasCaFile: path('gone.crt') }, /ENOENT/],
])('with %s kas is not trusted, and the log says why', async (_, more, reason) => {
  const { kasServerName, ...rest } = { kasServerName: 'kas.example.com', ...more };
  const running = await start(kasServerName === undefined ? rest : { ...rest, kasServerName });
  await until(() => lossOf(running) !== undefined, 'a line');
  expect(lossOf(running)).toMatch(reason);
  expect(kas.tunnels).toHaveLength(0);
});

test('verification can be switched off', async () => {
  await start({ kasSkipVerify: true });
  await until(() => kas.open.length === 2, 'tunnels');
});

test('a CA file that appears later is used by the next dial', async () => {
  const running = await start({ kasCaFile: path('late.crt'), kasServerName: 'kas.example.com' });
  await until(() => lossOf(running) !== undefined, 'a failed dial');
  writeFileSync(path('late.crt'), readFileSync(path('ca.crt')));
  await until(() => kas.open.length === 2, 'tunnels');
});
