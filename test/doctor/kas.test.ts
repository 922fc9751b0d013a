/** The doctor of kas: a set-up as GitLab's packages write it, with one thing broken at a time. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findPort } from '../../src/cli/demo/ports.ts';
import { examineKas, type Finding } from '../../src/doctor/index.ts';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { selfSignedCertificate } from '../../src/sim/certificate/index.ts';
import { FakeRails } from '../fakes/rails/index.ts';
import { startRedisServer, type RedisServer } from '../fakes/redis-server.ts';
import { PrivateCa } from '../fakes/private-ca.ts';
import { silentLog } from '../gitlab/recording-log.ts';
import { run } from '../system/world.ts';

let folder: string;
let redis: RedisServer;
let rails: FakeRails;
let ca: PrivateCa;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kastor-doctor-kas-'));
  redis = await startRedisServer({ args: ['--requirepass', 'redis-secret'], password: 'redis-secret' });
  rails = await FakeRails.start();
  ca = new PrivateCa(folder);
  ca.issue('kas', ['kas.example.com']);
  writeFileSync(join(folder, 'redis.password'), 'redis-secret');
}, 120_000);
afterAll(async () => {
  await redis.stop();
  await rails.stop();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  for (const name of ['api', 'private-api'])
    writeFileSync(join(folder, `${name}.secret`), Buffer.alloc(32, 7).toString('base64'));
  writeFileSync(join(folder, 'gitlab.secret'), rails.secret.toString('base64'));
});

interface Parts {
  readonly listen?: string;
  readonly privateListen?: string;
  readonly redisAddress?: string;
  readonly redisPassword?: string;
  readonly gitlab?: string;
}

function write({
  listen = 'address: "127.0.0.1:0", certificate_file: kas.crt, key_file: kas.key',
  privateListen = '',
  redisAddress = redis.address,
  redisPassword = 'redis.password',
  gitlab = rails.url,
}: Parts = {}): string {
  const file = join(folder, 'kas.yaml');
  writeFileSync(
    file,
    `agent:
  listen: { ${listen} }
observability:
  listen: { address: "127.0.0.1:0" }
gitlab: { address: "${gitlab}", authentication_secret_file: gitlab.secret }
redis:
  server: { address: "${redisAddress}" }
  password_file: ${redisPassword}
api:
  listen: { address: "127.0.0.1:0", authentication_secret_file: api.secret }
private_api:
  listen: { address: "127.0.0.1:0", authentication_secret_file: private-api.secret${privateListen} }
`,
  );
  return file;
}

async function examine(parts: Parts = {}, environment: Readonly<Record<string, string>> = {}) {
  return examineFile(write(parts), environment);
}

async function examineFile(configurationFile: string, environment: Readonly<Record<string, string>> = {}) {
  const report = await examineKas({
    configurationFile,
    environment: { OWN_PRIVATE_API_URL: 'grpc://127.0.0.1:8155', ...environment },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    onFinding: () => {},
  });
  return report.findings;
}

const badOf = (findings: readonly Finding[]) => findings.filter(({ verdict }) => verdict === 'bad');
const whereOf = (findings: readonly Finding[]) => findings.map(({ part, rung }) => `${part}: ${rung}`);

describe('a set-up that works', () => {
  it('is good in all its parts, and says what cannot be known', async () => {
    const findings = await examine();
    expect(badOf(findings)).toEqual([]);
    expect(whereOf(findings).slice(1)).toEqual([
      'files: gitlab.authentication_secret_file',
      'files: api.listen.authentication_secret_file',
      'files: private_api.listen.authentication_secret_file',
      'files: agent.listen.certificate_file',
      'listeners: agent.listen',
      'listeners: api.listen',
      'listeners: private_api.listen',
      'listeners: observability.listen',
      'own URL: OWN_PRIVATE_API_*',
      'Redis: Redis',
      'GitLab: GitLab',
      'Gitaly: Gitaly',
    ]);
    expect(findings.at(-1)).toMatchObject({
      verdict: 'skipped',
      observed: expect.stringContaining('per agent'),
    });
    const secrets = [rails.secret.toString('base64'), 'redis-secret', Buffer.alloc(32, 7).toString('base64')];
    for (const secret of secrets) expect(JSON.stringify(findings)).not.toContain(secret);
  });

  it('leaves nothing behind in Redis', async () => {
    await examine();
    expect(await redis.text('DBSIZE')).toBe('0');
  });

  it('may do without GitLab', async () => {
    writeFileSync(join(folder, 'directory.yaml'), 'agents: []\nprojects: []\n');
    const file = join(folder, 'alone.yaml');
    writeFileSync(
      file,
      'standalone: { file: directory.yaml }\nagent: { listen: { address: "127.0.0.1:0" } }\n' +
        'observability: { listen: { address: "127.0.0.1:0" } }\n',
    );
    const findings = await examineFile(file);
    expect(badOf(findings)).toEqual([]);
    expect(findings.at(-1)).toMatchObject({ rung: 'directory file', verdict: 'good' });
  });
});

describe('it names', () => {
  const only = (findings: readonly Finding[]): Finding => {
    const [first, ...more] = badOf(findings);
    if (first === undefined || more.length > 0) throw new Error(JSON.stringify(findings, undefined, 1));
    return first;
  };

  it('everything that is wrong in the file', async () => {
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, 'agent: { lisen: {} }\ngitlab: { address: nowhere }\n');
    const { part, details } = only(await examineFile(file));
    expect(part).toBe('configuration');
    expect(details?.join('\n')).toMatch(/lisen/);
    expect(details?.length).toBeGreaterThan(1);
  });

  it('secret files that are missing or no secrets', async () => {
    rmSync(join(folder, 'api.secret'));
    writeFileSync(join(folder, 'private-api.secret'), 'not base64!');
    const bad = badOf(await examine());
    expect(whereOf(bad)).toEqual([
      'files: api.listen.authentication_secret_file',
      'files: private_api.listen.authentication_secret_file',
    ]);
    expect(bad[0]?.observed).toMatch(/does not exist/);
  });

  it('a key that belongs to another certificate', async () => {
    ca.issue('other', ['kas.example.com']);
    const listen = 'address: "127.0.0.1:0", certificate_file: kas.crt, key_file: other.key';
    expect(only(await examine({ listen }))).toMatchObject({
      rung: 'agent.listen.certificate_file',
      observed: expect.stringContaining('is not that of the first certificate'),
    });
  });

  it.each([
    ['has expired', -20],
    ['is not valid yet', 1],
  ])('a certificate that %s', async (words, years) => {
    const made = selfSignedCertificate(['kas.example.com'], Date.now() + years * 365 * 24 * 3_600_000);
    writeFileSync(join(folder, 'dated.crt'), made.certPem);
    writeFileSync(join(folder, 'dated.key'), made.keyPem);
    const listen = 'address: "127.0.0.1:0", certificate_file: dated.crt, key_file: dated.key';
    expect(only(await examine({ listen })).observed).toMatch(new RegExp(`^${words}`));
  });

  it('a certificate for another name than that of all kas', async () => {
    const privateListen = ', certificate_file: kas.crt, key_file: kas.key';
    const environment = { OWN_PRIVATE_API_HOST: 'kas.internal' };
    const bad = only(await examine({ privateListen }, environment));
    expect(bad).toMatchObject({ rung: 'private_api.listen.certificate_file' });
    expect(bad.observed).toMatch(/is for kas\.example\.com, not for OWN_PRIVATE_API_HOST/);
  });

  it('a port that is taken', async () => {
    const server = createServer();
    const { port } = await findPort(0);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const bad = only(await examine({ listen: `address: "127.0.0.1:${port}"` }));
    server.close();
    expect(bad).toMatchObject({
      part: 'listeners',
      rung: 'agent.listen',
      observed: expect.stringContaining('EADDRINUSE'),
    });
  });

  it('an own URL whose name does not exist', async () => {
    const bad = only(await examine({}, { OWN_PRIVATE_API_URL: 'grpc://kas.nowhere.invalid:8155' }));
    expect(bad).toMatchObject({ part: 'own URL', observed: expect.stringContaining('kas.nowhere.invalid') });
  }, 30_000);

  it('a Redis that is not there', async () => {
    const { port } = await findPort(0);
    expect(only(await examine({ redisAddress: `127.0.0.1:${port}` }))).toMatchObject({
      part: 'Redis',
      observed: expect.stringContaining('ECONNREFUSED'),
    });
  }, 30_000);

  it('a password Redis does not take', async () => {
    writeFileSync(join(folder, 'wrong.password'), 'another');
    const bad = only(await examine({ redisPassword: 'wrong.password' }));
    expect(bad).toMatchObject({ part: 'Redis', observed: expect.stringContaining('password_file') });
  }, 30_000);

  it('a secret GitLab does not share', async () => {
    writeFileSync(join(folder, 'gitlab.secret'), Buffer.alloc(32, 9).toString('base64'));
    const bad = only(await examine());
    expect(bad).toMatchObject({ part: 'GitLab', observed: expect.stringContaining('signature') });
    expect(bad.remedy).toMatch(/gitlab_kas_secret/);
  });

  it('a GitLab that is not there, and one at another path', async () => {
    const { port } = await findPort(0);
    const gone = only(await examine({ gitlab: `http://127.0.0.1:${port}` }));
    expect(gone).toMatchObject({ part: 'GitLab', observed: expect.stringContaining('ECONNREFUSED') });
    rails.trouble('agent_info', { kind: 'status', status: 404 }, { kind: 'status', status: 404 });
    expect(only(await examine())).toMatchObject({
      part: 'GitLab',
      remedy: expect.stringContaining('relative URL root'),
    });
  });
});

describe('the command', () => {
  const kastor = new URL('../../src/cli/kastor.ts', import.meta.url).pathname;
  const doctor = (...args: readonly string[]) => run(process.execPath, [kastor, 'doctor', ...args]);

  it('prints what it finds and ends with 1 when something is broken', async () => {
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, 'agent: { lisen: {} }\n');
    const { code, stdout } = await doctor('kas', '--configuration-file', file);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^configuration\n {2}✗ .*wrong\.yaml/);
    expect(stdout).toMatch(/\nBroken: configuration: .*wrong\.yaml\n$/);
  });

  it('prints JSON and ends with 0 when nothing is', async () => {
    const file = join(folder, 'alone.yaml');
    const { code, stdout } = await doctor('kas', '--configuration-file', file, '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, findings: expect.arrayContaining([]) });
    expect(code).toBe(0);
  });

  it('of agents takes the flags of agentk, and says so', async () => {
    const { code, stdout } = await doctor('agent', '--help');
    expect(code).toBe(0);
    for (const flag of ['--kas-address', '--kubeconfig', '--idle', '-o, --output'])
      expect(stdout).toContain(flag);
    const wrong = await doctor('agent', '--kas-adress', 'x');
    expect([wrong.code, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toMatch(/^kastor: doctor agent: unknown option '--kas-adress'/);
  });
});
