/**
 * kas in the place of the original: real processes of kas and agentk with a configuration file as GitLab's packages write
 * it, a GitLab and a Gitaly that answer as the real ones do, and a real Redis. The agent's project is in Git behind
 * Gitaly, requests are those of a CI job and of a person in a browser.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPort } from '../../src/cli/demo/ports.ts';
import { makeBareRepository } from '../../src/cli/demo/sample-repositories.ts';
import { selfSignedCertificate } from '../../src/sim/certificate/index.ts';
import { FakeGitaly } from '../fakes/gitaly/fake-gitaly.ts';
import { startCluster, type Cluster } from '../fakes/kube-apiserver.ts';
import { FakeRails } from '../fakes/rails/index.ts';
import { startRedisServer, type RedisServer } from '../fakes/redis-server.ts';
import { run, TestProcess, until } from './world.ts';

const origin = 'https://gitlab.example.com';
const prefix = '/-/kubernetes-agent/k8s-proxy';

let folder: string;
let cluster: Cluster;
let redis: RedisServer;
let gitaly: FakeGitaly;
let rails: FakeRails;
let ports: Record<'agents' | 'proxy' | 'observability' | 'api' | 'privateApi', number>;
let kas: TestProcess;
let agentk: TestProcess;
let dispatcher: Agent;

/** As the package for one machine writes it: Redis on a socket, everything on localhost, WebSockets for agents. */
const configuration = () => `---
agent:
  listen:
    network: "tcp"
    address: "localhost:${ports.agents}"
    websocket: true
    certificate_file: ""
    key_file: ""
  kubernetes_api:
    listen:
      address: "localhost:${ports.proxy}"
      certificate_file: "${join(folder, 'proxy.crt')}"
      key_file: "${join(folder, 'proxy.key')}"
    url_path_prefix: "${prefix}/"
  configuration:
    poll_period: "20s"
  info_cache_ttl: "300s"
gitlab:
  address: "${rails.url}"
  external_url: "${origin}"
  authentication_secret_file: "${join(folder, 'authentication_secret_file')}"
observability:
  listen:
    address: "localhost:${ports.observability}"
  usage_reporting_period: 60s
  logging:
    level: info
  sentry:
    dsn: ""
redis:
  network: "unix"
  server:
    address: "${redis.address}"
api:
  listen:
    network: "tcp"
    address: "localhost:${ports.api}"
    authentication_secret_file: "${join(folder, 'authentication_secret_file')}"
private_api:
  listen:
    network: "tcp"
    address: "localhost:${ports.privateApi}"
    authentication_secret_file: "${join(folder, 'private_api_authentication_secret_file')}"
`;

const agentConfiguration = `ci_access:
  projects:
    - id: group/app
      access_as: { ci_job: {} }
user_access:
  access_as: { user: {} }
  projects: [{ id: group/app }]
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kastor-drop-in-'));
  await makeBareRepository(join(folder, 'repositories', '@hashed/7.git'), {
    '.gitlab/agents/prod/config.yaml': agentConfiguration,
  });
  cluster = await startCluster();
  redis = await startRedisServer({ unixSocket: true });
  gitaly = await FakeGitaly.start({
    storages: { default: join(folder, 'repositories') },
    token: 'gitaly-token',
    listen: `unix:${join(folder, 'gitaly.socket')}`,
  });
  rails = await FakeRails.start();
  const project = rails.world.projects[0];
  if (project !== undefined) project.gitaly = { address: gitaly.address, token: 'gitaly-token' };
  const port = async () => (await findPort(0)).port;
  ports = {
    agents: await port(),
    proxy: await port(),
    observability: await port(),
    api: await port(),
    privateApi: await port(),
  };
  await writeFile(join(folder, 'authentication_secret_file'), rails.secret.toString('base64'));
  await writeFile(
    join(folder, 'private_api_authentication_secret_file'),
    `${Buffer.alloc(32, 9).toString('base64')}\n`,
  );
  const { certPem, keyPem } = selfSignedCertificate(['localhost'], Date.now());
  dispatcher = new Agent({ connect: { ca: certPem } });
  await writeFile(join(folder, 'proxy.crt'), certPem);
  await writeFile(join(folder, 'proxy.key'), keyPem);
  await writeFile(join(folder, 'gitlab-kas-config.yml'), configuration());
  await writeFile(join(folder, 'token'), 'agent-token\n');
  kas = new TestProcess('kas', ['--configuration-file', join(folder, 'gitlab-kas-config.yml')], {});
  await kas.said(/Kubernetes API endpoint is up/);
  agentk = new TestProcess(
    'agentk',
    [
      '--kas-address',
      `ws://localhost:${ports.agents}`,
      '--token-file',
      join(folder, 'token'),
      '--kubeconfig',
      cluster.kubeconfigPath,
      '--observability-listen-address',
      '127.0.0.1:0',
    ],
    { POD_NAMESPACE: 'demo', POD_NAME: 'agentk-under-test' },
  );
  await until('the cluster to answer', 60_000, async () =>
    (await asJob('/version')).status === 200 ? true : undefined,
  );
}, 180_000);

afterAll(async () => {
  await Promise.all([kas?.stop(), agentk?.stop(), dispatcher?.destroy()]);
  await Promise.all([rails?.stop(), gitaly?.[Symbol.asyncDispose](), redis?.stop(), cluster?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

async function ask(path: string, headers: Readonly<Record<string, string>>) {
  const {
    statusCode,
    body,
    headers: answered,
  } = await request(`https://localhost:${ports.proxy}${prefix}${path}`, {
    headers,
    dispatcher,
  });
  return { status: statusCode, text: await body.text(), headers: answered };
}

const asJob = (path: string) => ask(path, { authorization: 'Bearer ci:5:job-token' });
const asBrowser = (path: string, more: Readonly<Record<string, string>> = {}) =>
  ask(path, {
    cookie: '_gitlab_kas=cookie-ada',
    'gitlab-agent-id': '5',
    'x-csrf-token': 'csrf-ada',
    origin,
    ...more,
  });

describe('a kas with the file of the original', () => {
  it('serves kubectl of a CI job, who is the job in the cluster', async (context) => {
    const group = await asJob('/apis/authentication.k8s.io/v1');
    context.skip(!group.text.includes('selfsubjectreviews'), 'this API server does not tell who one is');
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, jobKubeconfig());
    const { code, stdout, stderr } = await run('kubectl', [
      '--kubeconfig',
      kubeconfig,
      '--cache-dir',
      join(folder, 'cache'),
      'auth',
      'whoami',
      '-o',
      'jsonpath={.status.userInfo.username}',
    ]);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'gitlab:ci_job:3', stderr: '' });
  });

  it('serves a person in a browser, from the origin of GitLab only', async () => {
    const answer = await asBrowser('/api/v1/namespaces');
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ kind: 'NamespaceList' });
    expect(answer.headers['access-control-allow-origin']).toBe(origin);
    expect((await asBrowser('/version', { origin: 'https://elsewhere.example' })).status).toBe(403);
    expect((await asBrowser('/version', { 'x-csrf-token': 'wrong' })).status).toBe(401);
  });

  it('told GitLab what the configuration file says, read from Gitaly', async () => {
    await rails.arrived(1, 'agent_configuration');
    expect(rails.requests('agent_configuration')[0]?.json).toMatchObject({
      agent_id: '5',
      agent_config: { ci_access: { projects: [{ id: 'group/app' }] } },
    });
    expect(gitaly.calls.map(({ method }) => method)).toContain('TreeEntry');
  });

  it('keeps the agent in Redis where every kas finds it', async () => {
    const keys = (await redis.keys()).map((key) => key.toString('latin1').replace(/:[^:]*$/, ''));
    expect(keys).toContain('gitlab-kas:agent_tracker2:conn_by_agent_id');
  });

  it('is ready, and says so by the names of the original', async () => {
    const readiness = await request(`http://localhost:${ports.observability}/readiness`);
    expect([readiness.statusCode, await readiness.body.text()]).toEqual([200, '']);
  });

  it('logs JSON lines on stderr that begin with level, time and msg', () => {
    for (const line of kas.lines)
      expect(line).toMatch(/^\{"level":"(info|warn|error)","time":"[^"]+","msg":"/);
    for (const endpoint of ['Agentk API', 'API', 'Private API', 'Kubernetes API', 'Observability'])
      expect(kas.log).toContain(`"msg":"${endpoint} endpoint is up"`);
    expect(kas.log).toContain('"msg":"Using own private API URL"');
    for (const secret of ['agent-token', 'job-token', 'cookie-ada', 'csrf-ada', 'gitaly-token'])
      expect(kas.log).not.toContain(secret);
  });
});

it('goes on without Redis, is not ready meanwhile, and is again when Redis is back', async () => {
  await redis.kill();
  const readiness = async () => {
    const { statusCode, body } = await request(`http://localhost:${ports.observability}/readiness`);
    return { status: statusCode, text: await body.text() };
  };
  await until('readiness to fail', 60_000, async () =>
    (await readiness()).status === 500 ? true : undefined,
  );
  expect((await readiness()).text).toMatch(/^redis: /);
  expect((await asJob('/version')).status).toBe(200);
  await redis.start();
  await until('readiness to be back', 60_000, async () =>
    (await readiness()).status === 200 ? true : undefined,
  );
}, 130_000);

it('stops when asked, with exit code 0 and not another word', async () => {
  agentk.kill('SIGTERM');
  await agentk.exited;
  const said = kas.lines.length;
  kas.kill('SIGTERM');
  await kas.said(/"msg":"Stopping"/);
  kas.kill('SIGTERM'); // cuts the graces short
  await until('kas to stop', 60_000, () => (kas.child.exitCode === null ? undefined : true));
  expect(kas.child.exitCode).toBe(0);
  expect(kas.lines.slice(said).filter((line) => !line.startsWith('{'))).toEqual([]);
});

it('does not start without Redis, and says so in one line', async () => {
  await redis.stop();
  const lonely = new TestProcess('kas', ['--configuration-file', join(folder, 'gitlab-kas-config.yml')], {});
  expect((await lonely.exited).code).toBe(1);
  expect(lonely.lines.filter((line) => !line.startsWith('{'))).toEqual([
    expect.stringMatching(/^Program aborted: .*Redis at .*redis\.sock cannot be reached/),
  ]);
});

/** As GitLab gives it to CI jobs. */
function jobKubeconfig(): string {
  return `apiVersion: v1
kind: Config
clusters:
  - name: gitlab
    cluster: { server: "https://localhost:${ports.proxy}${prefix}", certificate-authority: "${join(folder, 'proxy.crt')}" }
users:
  - name: agent:5
    user: { token: "ci:5:job-token" }
contexts:
  - name: group/agents:prod
    context: { cluster: gitlab, user: "agent:5", namespace: default }
current-context: group/agents:prod
`;
}
