/**
 * A Kubernetes cluster for tests: a real kube-apiserver with its etcd where `KUBEBUILDER_ASSETS` names their folder, the
 * simulated one elsewhere. Both behind one interface, so that one test runs against either.
 *
 * The real one has no kubelet and no controllers: pods never run and owners are not collected.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, fetch } from 'undici';
import { createLog, systemClock } from '../../src/host/index.ts';
import { selfSignedCertificate } from '../../src/sim/certificate/index.ts';
import { startSimulatedKubernetes } from '../../src/sim/kubernetes/index.ts';

export interface ClusterUser {
  readonly username: string;
  readonly groups: readonly string[];
}

export interface ClusterOptions {
  /** Bearer tokens and whose they are, besides the administrator's. */
  readonly users?: Readonly<Record<string, ClusterUser>>;
}

export interface Cluster {
  readonly kind: 'real' | 'simulated';
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  /** The authority to trust. */
  readonly caPem: string;
  /** A kubeconfig file of the administrator; it goes with the cluster. */
  readonly kubeconfigPath: string;
  /** A token of `system:masters`. */
  readonly adminToken: string;
  /** All tokens, the administrator's too. */
  readonly tokens: Readonly<Record<string, ClusterUser>>;
  stop(): Promise<void>;
}

const startMs = 300_000;
const stopMs = 10_000;

function kubeconfig(cluster: Pick<Cluster, 'url' | 'caPem'>, token: string): string {
  const authority = Buffer.from(cluster.caPem).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: cluster.url, 'certificate-authority-data': authority } }],
    users: [{ name: 'test', user: { token } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'default' } }],
    'current-context': 'test',
  });
}

/** Writes a kubeconfig for one of the cluster's tokens. */
export async function writeKubeconfig(
  cluster: Pick<Cluster, 'url' | 'caPem'>,
  token: string,
  path: string,
): Promise<string> {
  await writeFile(path, kubeconfig(cluster, token), { mode: 0o600 });
  return path;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

interface Daemon {
  readonly child: ChildProcess;
  /** The end of what it said, for the error that tells why it did not start. */
  lastWords(): string;
}

function daemon(program: string, args: readonly string[]): Daemon {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-4_000);
  });
  child.once('error', (error) => (words += error.message));
  return { child, lastWords: () => words };
}

async function stopDaemon({ child }: Daemon): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await exited;
  clearTimeout(late);
}

/** Asks until the server says that it is ready. */
async function untilReady(url: string, caPem: string, token: string, server: Daemon): Promise<void> {
  const dispatcher = new Agent({ connect: { ca: caPem } });
  const deadline = Date.now() + startMs;
  try {
    for (;;) {
      const answer = await fetch(`${url}/readyz`, {
        dispatcher,
        headers: { authorization: `Bearer ${token}` },
      })
        .then(async (response) => ({ status: response.status, text: await response.text() }))
        .catch(() => undefined);
      if (answer?.status === 200) return;
      if (server.child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`kube-apiserver did not become ready: ${server.lastWords()}`);
      }
      await delay(100);
    }
  } finally {
    await dispatcher.close();
  }
}

/** kube-apiserver gives up when there is no etcd within some seconds of its start. */
async function untilHealthy(url: string, etcd: Daemon): Promise<void> {
  const deadline = Date.now() + startMs;
  for (;;) {
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    await answer?.text();
    if (answer?.status === 200) return;
    if (etcd.child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`etcd did not become healthy: ${etcd.lastWords()}`);
    }
    await delay(50);
  }
}

function apiserverArgs(folder: string, etcdPort: number, port: number): readonly string[] {
  return [
    '--etcd-servers',
    `http://127.0.0.1:${etcdPort}`,
    '--cert-dir',
    folder,
    '--tls-cert-file',
    join(folder, 'serving.crt'),
    '--tls-private-key-file',
    join(folder, 'serving.key'),
    '--secure-port',
    String(port),
    '--insecure-port',
    '0',
    '--bind-address',
    '127.0.0.1',
    '--anonymous-auth=false',
    '--authorization-mode',
    'RBAC',
    '--token-auth-file',
    join(folder, 'tokens.csv'),
    '--service-cluster-ip-range',
    '10.0.0.0/24',
    '--disable-admission-plugins',
    'ServiceAccount',
    '--service-account-issuer',
    'https://kubernetes.default.svc',
    '--service-account-key-file',
    join(folder, 'sa.pub'),
    '--service-account-signing-key-file',
    join(folder, 'sa.key'),
  ];
}

async function writeSecrets(folder: string, tokens: Cluster['tokens']): Promise<string> {
  const { keyPem, certPem } = selfSignedCertificate(['127.0.0.1', 'localhost'], Date.now());
  const signing = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  const lines = Object.entries(tokens).map(
    ([token, user]) => `${token},${user.username},${user.username},"${user.groups.join(',')}"`,
  );
  await writeFile(join(folder, 'serving.key'), keyPem, { mode: 0o600 });
  await writeFile(join(folder, 'serving.crt'), certPem);
  await writeFile(join(folder, 'sa.pub'), signing.publicKey);
  await writeFile(join(folder, 'sa.key'), signing.privateKey, { mode: 0o600 });
  await writeFile(join(folder, 'tokens.csv'), `${lines.join('\n')}\n`, { mode: 0o600 });
  return certPem;
}

const newAdminToken = () => `admin-${randomBytes(12).toString('hex')}`;
const withAdmin = (options: ClusterOptions, adminToken: string): Cluster['tokens'] => ({
  [adminToken]: { username: 'admin', groups: ['system:masters'] },
  ...options.users,
});

/** Starts a real kube-apiserver and etcd from the folder `KUBEBUILDER_ASSETS`. Takes about ten seconds. */
export async function startKubeApiServer(options: ClusterOptions = {}): Promise<Cluster> {
  const assets = process.env['KUBEBUILDER_ASSETS'] ?? '';
  for (const program of ['etcd', 'kube-apiserver']) {
    if (!existsSync(join(assets, program))) throw new Error(`KUBEBUILDER_ASSETS holds no ${program}`);
  }
  const folder = await mkdtemp(join(tmpdir(), 'kastor-kube-'));
  const adminToken = newAdminToken();
  const tokens = withAdmin(options, adminToken);
  const caPem = await writeSecrets(folder, tokens);
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const client = `http://127.0.0.1:${etcdPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const etcd = daemon(join(assets, 'etcd'), [
    '--data-dir',
    join(folder, 'etcd'),
    '--listen-client-urls',
    client,
    '--advertise-client-urls',
    client,
    '--listen-peer-urls',
    peer,
    '--initial-advertise-peer-urls',
    peer,
    '--initial-cluster',
    `default=${peer}`,
  ]);
  let server: Daemon | undefined;
  const stop = async (): Promise<void> => {
    if (server !== undefined) await stopDaemon(server);
    await stopDaemon(etcd);
    await rm(folder, { recursive: true, force: true });
  };
  const url = `https://127.0.0.1:${port}`;
  try {
    await untilHealthy(client, etcd);
    server = daemon(join(assets, 'kube-apiserver'), apiserverArgs(folder, etcdPort, port));
    await untilReady(url, caPem, adminToken, server);
    const kubeconfigPath = await writeKubeconfig({ url, caPem }, adminToken, join(folder, 'kubeconfig'));
    return { kind: 'real', url, caPem, kubeconfigPath, adminToken, tokens, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Starts the simulated cluster behind TLS, on the real clock. */
export async function startSimulatedCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const simulated = await startSimulatedKubernetes({
    clock: systemClock,
    log: createLog({ level: 'warn' }).log,
    tls: true,
    ...(options.users === undefined ? {} : { tokens: options.users }),
  });
  const { url, adminToken, caPem = '' } = simulated;
  const folder = await mkdtemp(join(tmpdir(), 'kastor-kube-'));
  const kubeconfigPath = await writeKubeconfig({ url, caPem }, adminToken, join(folder, 'kubeconfig'));
  return {
    kind: 'simulated',
    url,
    caPem,
    kubeconfigPath,
    adminToken,
    tokens: withAdmin(options, adminToken),
    stop: async () => {
      await simulated.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The real cluster where there is one, the simulated one elsewhere; says which. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const real = (process.env['KUBEBUILDER_ASSETS'] ?? '') !== '';
  process.stdout.write(`cluster for tests: ${real ? 'real kube-apiserver' : 'simulated'}\n`);
  return real ? startKubeApiServer(options) : startSimulatedCluster(options);
}
