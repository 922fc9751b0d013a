/**
 * The doctor of agents names the hop that is broken: each failure is staged with real parts on this machine, and everything
 * before it is told to be good.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTls } from 'node:tls';
import { ServerCredentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPort } from '../../src/cli/demo/ports.ts';
import { compareVersions } from '../../src/doctor/agent/greeting.ts';
import { Report } from '../../src/doctor/finding.ts';
import { selfSignedCertificate } from '../../src/sim/certificate/index.ts';
import { BadNetwork } from '../agentk/bad-network.ts';
import { FakeKas } from '../agentk/fake-kas.ts';
import { WebSocketDoor } from '../agentk/front-doors.ts';
import { PrivateCa } from '../fakes/private-ca.ts';
import { ShiftedClock } from '../fakes/shifted-clock.ts';
import { KasUnderTest, tokens } from '../kas/kas-under-test.ts';
import { startNginx, startSquid } from '../system/programs.ts';
import { ApiServer, examine, secretToken, type Circumstances } from './agent-doctor.ts';

let folder: string;
let ca: PrivateCa;
let kas: KasUnderTest;
let api: ApiServer;
let nginx: Awaited<ReturnType<typeof startNginx>>;
const closing: (() => unknown)[] = [];

const freePort = async () => (await findPort(0)).port;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kastor-doctor-'));
  ca = new PrivateCa(folder);
  kas = await KasUnderTest.start({ agentListen: 'websocket: true' });
  api = await ApiServer.start();
  const pair = ca.issue('front', ['127.0.0.1']);
  const port = await freePort();
  nginx = await startNginx({ folder, port, ...pair, kasPort: kas.ports.agents, readTimeout: '1s' });
}, 120_000);

afterAll(async () => {
  for (const close of closing) await close();
  await nginx.close();
  api[Symbol.dispose]();
  await kas[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
}, 60_000);

const direct = () => ['--kas-address', `grpc://127.0.0.1:${kas.ports.agents}`];
const front = (path: string) => [
  '--kas-address',
  `wss://127.0.0.1:${nginx.port}${path}`,
  '--kas-ca-cert-file',
  ca.file,
];
const look = (args: readonly string[], more: Circumstances = {}) =>
  examine(args, { apiPort: api.port, ...more });

describe('when nothing is broken', () => {
  it('every rung is good, with what was seen', async () => {
    const found = await look(front('/-/kubernetes-agent/'));
    expect(found.broken).toEqual([]);
    const good = found.findings.filter(({ verdict }) => verdict === 'good').map(({ rung }) => rung);
    expect(good.join(', ')).toBe(
      'settings, TCP, TLS, WebSocket, HTTP/2, authentication, registration, configuration, ' +
        'address, TCP, credentials, RBAC, RBAC, RBAC, version, clock, clock',
    );
    expect(found.of('TLS')?.details).toEqual([
      expect.stringMatching(/^0: front, issued by ca, valid .* for 127\.0\.0\.1$/),
    ]);
    expect(found.of('configuration')?.observed).toMatch(/^agent 1 of demo\/agents, commit [0-9a-f]{12}$/);
    expect(found.of('version')?.observed).toBe('v1.33.1');
  });

  it('no secret is in what it says', async () => {
    const found = await look([...direct(), '--kas-header', 'X-Key: very-secret']);
    expect(JSON.stringify(found.findings)).not.toMatch(new RegExp(`${secretToken}|kube-token|very-secret`));
  });

  it('without a token what comes before authentication is looked at', async () => {
    const found = await look(direct(), { token: undefined });
    expect(found.broken).toEqual([]);
    expect(found.of('HTTP/2')?.verdict).toBe('good');
    expect(found.of('authentication')?.verdict).toBe('skipped');
  });
});

describe('it names', () => {
  it('1: a wrong name', async () => {
    const { trouble } = await look(['--kas-address', 'grpc://kas.nowhere.invalid:8150']);
    expect(trouble).toMatchObject({
      part: 'kas',
      rung: 'DNS',
      observed: expect.stringContaining('kas.nowhere.invalid'),
    });
    expect(trouble.remedy).toMatch(/DNS/);
  }, 30_000);

  it('2: a port where nobody listens', async () => {
    const { trouble } = await look(['--kas-address', `grpc://127.0.0.1:${await freePort()}`]);
    expect(trouble).toMatchObject({
      part: 'kas',
      rung: 'TCP',
      observed: expect.stringContaining('ECONNREFUSED'),
    });
    expect(trouble.remedy).toMatch(/Nothing listens there/);
  });

  it('3: a proxy that wants a password', async () => {
    const proxy = await startSquid({
      folder,
      port: await freePort(),
      user: 'agent',
      password: 'proxy-secret',
    });
    closing.push(() => proxy.program.close());
    const env = (who: string) => ({ HTTPS_PROXY: `http://${who}127.0.0.1:${proxy.program.port}` });
    const address = ['--kas-address', `grpc://kas.example.com:${kas.ports.agents}`];
    const { trouble, of } = await look(address, { env: env('agent:wrong-secret@') });
    expect(of('TCP')?.observed).toMatch(/^the proxy at 127\.0\.0\.1:\d+ accepts$/);
    expect(trouble).toMatchObject({
      part: 'kas',
      rung: 'HTTP proxy',
      observed: expect.stringContaining('407'),
    });
    expect(trouble.remedy).toMatch(/user and password/);
    expect(JSON.stringify(trouble)).not.toContain('wrong-secret');
  }, 120_000);

  it('4: an authority it does not know, and which one is missing', async () => {
    const { trouble } = await look(front('/-/kubernetes-agent/').slice(0, 2));
    expect(trouble).toMatchObject({ part: 'kas', rung: 'TLS' });
    expect(trouble.remedy).toMatch(/--kas-ca-cert-file/);
    expect(trouble.details).toEqual([
      expect.stringMatching(/^0: front, issued by ca/),
      expect.stringContaining('the certificate of its issuer, ca, has to be trusted'),
      expect.stringMatching(/^the clock of this machine says \d{4}/),
    ]);
  });

  it('5: a certificate that has expired', async () => {
    const twentyYears = 20 * 365 * 24 * 3_600_000;
    const { certPem, keyPem } = selfSignedCertificate(['127.0.0.1'], Date.now() - twentyYears);
    writeFileSync(join(folder, 'old.crt'), certPem);
    const server = createTls({ cert: certPem, key: keyPem, ALPNProtocols: ['h2'] }, (socket) =>
      socket.destroy(),
    );
    server.on('tlsClientError', () => {});
    const port = await listening(server);
    const { trouble } = await look([
      '--kas-address',
      `grpcs://127.0.0.1:${port}`,
      '--kas-ca-cert-file',
      join(folder, 'old.crt'),
    ]);
    expect(trouble).toMatchObject({ part: 'kas', rung: 'TLS', observed: expect.stringContaining('expired') });
    expect(trouble.remedy).toMatch(/Renew the certificate.*clock/);
  });

  it('6: a path that leads to a web page', async () => {
    const { trouble } = await look(front('/'));
    expect(trouble).toMatchObject({
      part: 'kas',
      rung: 'WebSocket',
      observed: expect.stringContaining('HTML page'),
    });
    expect(trouble.remedy).toMatch(/check the path/);
  });

  it('7: a redirect, followed or not', async () => {
    const followed = await look(front('/-/kubernetes-agent'));
    expect(followed.broken).toEqual([]);
    const note = followed.findings.find(({ verdict }) => verdict === 'note');
    expect(note).toMatchObject({
      rung: 'WebSocket',
      observed: expect.stringContaining('/-/kubernetes-agent/'),
    });

    const door = await WebSocketDoor.to(kas.ports.agents);
    closing.push(() => door.close());
    door.instead = () => ({ status: 301, headers: { Location: 'https://gitlab.example.com/login' } });
    const { trouble } = await look(['--kas-address', `ws://127.0.0.1:${door.port}/kas`]);
    expect(trouble).toMatchObject({
      part: 'kas',
      rung: 'WebSocket',
      observed: expect.stringContaining('answered 301 to https://gitlab'),
    });
  });

  it('8: a middlebox that speaks only HTTP/1.1', async () => {
    const { trouble, of } = await look([
      '--kas-address',
      `grpcs://127.0.0.1:${nginx.port}`,
      '--kas-ca-cert-file',
      ca.file,
    ]);
    expect(of('TCP')?.verdict).toBe('good');
    expect(trouble).toMatchObject({ part: 'kas', rung: 'TLS' });
    expect(trouble.remedy).toMatch(/does not speak HTTP\/2: use wss:/);

    const door = await WebSocketDoor.to(kas.ports.agents);
    closing.push(() => door.close());
    const plain = await look(['--kas-address', `grpc://127.0.0.1:${door.port}`]);
    expect(plain.trouble).toMatchObject({ part: 'kas', rung: 'HTTP/2' });
    expect(plain.trouble.remedy).toMatch(/only HTTP\/1\.1.*wss:\/\//);
  });

  it('9: a middlebox that cuts what is idle, and after how long', async () => {
    const { trouble } = await look([...front('/-/kubernetes-agent/'), '--idle', '5m']);
    expect(trouble).toMatchObject({ part: 'kas', rung: 'idle' });
    expect(trouble.observed).toMatch(/^an idle connection was cut after \d+\.\d s: /);
    expect(trouble.remedy).toMatch(/must allow 60 s/);
  }, 60_000);

  it('a middlebox that loses what is idle without a word', async () => {
    const network = await BadNetwork.to(kas.ports.agents);
    closing.push(() => network.close());
    const { trouble } = await look(['--kas-address', `grpc://127.0.0.1:${network.port}`, '--idle', '1s'], {
      clock: new HastyClock(),
      onFinding: ({ rung }) => (network.blackHole ||= rung === 'configuration'),
    });
    expect(trouble).toMatchObject({ part: 'kas', rung: 'idle' });
    expect(trouble.observed).toMatch(/is dead after .*a ping was not answered/);
  });

  it('10: a clock that is wrong', async () => {
    const clock = new ShiftedClock();
    clock.shift(3_600_000);
    const { findings } = await look(front('/-/kubernetes-agent/'), { clock });
    const wrong = findings.filter(({ verdict }) => verdict === 'bad');
    expect(wrong.map(({ rung, observed }) => `${rung}: ${observed.replace(/^\d+/, 'N')}`)).toEqual([
      'clock: N s ahead of kas',
      'clock: N s ahead of the API server',
    ]);
  });

  it('11: a wrong token', async () => {
    const { trouble } = await look(direct(), { token: 'somebody-else-entirely-9876' });
    expect(trouble).toMatchObject({
      part: 'kas',
      rung: 'authentication',
      observed: 'rpc error: code = Unauthenticated desc = unauthenticated',
    });
    expect(trouble.remedy).toMatch(/wrong, was revoked, or belongs to another GitLab/);
  });

  it('12: a token that was revoked', async () => {
    await using own = await KasUnderTest.start();
    const address = ['--kas-address', `grpc://127.0.0.1:${own.ports.agents}`];
    expect((await look(address)).broken).toEqual([]);
    await own.writeDirectory([tokens.spare]);
    let found = await look(address);
    while (found.isGood) {
      await own.clock.advanceAsync(10_000);
      found = await look(address);
    }
    expect(found.trouble).toMatchObject({ part: 'kas', rung: 'authentication' });
    expect(found.trouble.remedy).toMatch(/revoked/);
  }, 60_000);

  it('13: a kas that is stopping', async () => {
    await using own = await KasUnderTest.start();
    const found = await look(['--kas-address', `grpc://127.0.0.1:${own.ports.agents}`, '--idle', '5m'], {
      onFinding: ({ rung }) => {
        if (rung !== 'configuration') return;
        own.requestStop();
        void own.end();
      },
    });
    expect(found.trouble).toMatchObject({ part: 'kas', rung: 'HTTP/2' });
    expect(found.trouble.observed).toMatch(/it is stopping/);
  }, 60_000);

  it('14: an agent that is too old for kas', async () => {
    const strange = await FakeKas.start(ServerCredentials.createInsecure());
    closing.push(() => strange.stop());
    strange.refusal = { code: status.INVALID_ARGUMENT, details: 'validation error: agent_meta.version' };
    const { trouble } = await look(['--kas-address', `grpc://127.0.0.1:${strange.port}`]);
    expect(trouble).toMatchObject({ part: 'kas', rung: 'registration' });
    expect(trouble.remedy).toMatch(/too far apart.*version of GitLab/);
  });

  it('15: an API server that refuses', async () => {
    const { trouble } = await examine(direct(), { apiPort: await freePort() });
    expect(trouble).toMatchObject({
      part: 'cluster',
      rung: 'TCP',
      observed: expect.stringContaining('ECONNREFUSED'),
    });

    using own = await ApiServer.start();
    own.status = 401;
    const refused = await examine(direct(), { apiPort: own.port });
    expect(refused.trouble).toMatchObject({ part: 'cluster', rung: 'credentials' });

    own.status = undefined;
    own.refused.add('update leases').add('impersonate users');
    const forbidden = await examine(direct(), { apiPort: own.port });
    expect(forbidden.trouble).toMatchObject({
      part: 'cluster',
      rung: 'RBAC',
      observed: 'leader election: not allowed are update leases',
    });
    expect(
      forbidden.findings.filter(({ verdict }) => verdict === 'note').map(({ observed }) => observed),
    ).toEqual(['access_as other than agent: not allowed are impersonate users']);
  });

  it('a silent peer by the hop at which it is silent', async () => {
    const server = createTcp((socket) => socket.on('error', () => {}));
    const port = await listening(server);
    const { trouble } = await look(['--kas-address', `grpc://127.0.0.1:${port}`], {
      clock: new HastyClock(),
    });
    expect(trouble).toMatchObject({
      rung: 'HTTP/2',
      observed: 'kas did not answer the HTTP/2 handshake in time',
    });
  });
});

/** Whose timers are ten times as fast. */
class HastyClock extends ShiftedClock {
  override setTimeout(fn: () => void, delayMs: number): unknown {
    return super.setTimeout(fn, delayMs / 10);
  }
}

async function listening(server: ReturnType<typeof createTcp>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('versions, where the server says its own', () => {
  it.each([
    ['v17.5.1', 'gitlab-kas/v17.5.0/abc', 'good', undefined],
    ['v17.4.0', 'gitlab-kas/v17.5.0/abc', 'good', undefined],
    ['v16.11.0', 'gitlab-kas/v17.5.0/abc', 'note', /older than kas/],
    ['v17.6.0', 'gitlab-kas/v17.5.0/abc', 'note', /newer than kas/],
    ['v0.0.0', 'gitlab-kas/v17.5.0/abc', 'good', undefined],
  ])('agentk %s at %s is %s', (own, server, verdict, remedy) => {
    const report = new Report(() => {});
    compareVersions(own, server, report);
    const [found] = report.findings;
    expect(found?.verdict).toBe(verdict);
    if (remedy !== undefined) expect(found?.remedy).toMatch(remedy);
  });

  it('are not compared where a proxy answers in its name', () => {
    const report = new Report(() => {});
    compareVersions('v17.5.0', 'nginx', report);
    expect(report.findings).toEqual([]);
  });
});
