/**
 * A Kubernetes cluster for tests: a real kube-apiserver with its etcd where `KUBEBUILDER_ASSETS` names their folder, the
 * simulated one elsewhere. Both behind one interface, so that one test runs against either.
 *
 * The real one has no kubelet and no scheduler: pods are made and never run. Where the folder has a kube-controller-manager too, it
 * runs beside: dependants go with their owners, namespaces come to an end, workloads get their parts.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, fetch } from 'undici';
import { createLog, systemClock } from '../../src/host/index.ts';
import { selfSignedCertificate } from '../../src/sim/certificate/index.ts';
import { startSimulatedKubernetes } from '../../src/sim/kubernetes/index.ts';
import { Daemon } from './daemon.ts';
import { kubeAssets, type KubeAssets, takesCustomObjects } from './kube-assets.ts';

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
  /** Somebody does what controllers do: garbage, namespaces that end, Deployments, ReplicaSets, StatefulSets. */
  readonly controllers: boolean;
  /** False: writing a custom object ends the API server. */
  readonly takesCustomObjects: boolean;
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

/** Asks over TLS, as the administrator. */
async function askAdmin(url: string, { caPem, adminToken }: Pick<Cluster, 'caPem' | 'adminToken'>) {
  const dispatcher = new Agent({ connect: { ca: caPem } });
  try {
    const response = await fetch(url, { dispatcher, headers: { authorization: `Bearer ${adminToken}` } });
    return { ok: response.ok, text: await response.text() };
  } finally {
    await dispatcher.close();
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

function etcdArgs(folder: string, client: string, peer: string): readonly string[] {
  return [
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
  ];
}

/** Those whose work GitOps relies on; there are no nodes to care for. */
const controllers = ['garbagecollector', 'namespace', 'deployment', 'replicaset', 'statefulset'];

function controllerManagerArgs(folder: string, kubeconfigPath: string, port: number): readonly string[] {
  return [
    '--kubeconfig',
    kubeconfigPath,
    '--controllers',
    controllers.join(),
    '--leader-elect=false',
    '--bind-address',
    '127.0.0.1',
    '--secure-port',
    String(port),
    '--tls-cert-file',
    join(folder, 'serving.crt'),
    '--tls-private-key-file',
    join(folder, 'serving.key'),
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

/** Starts a real kube-apiserver with what the folder `KUBEBUILDER_ASSETS` has beside it. Takes about ten seconds. */
export async function startKubeApiServer(options: ClusterOptions = {}): Promise<Cluster> {
  const assets = kubeAssets();
  const folder = await mkdtemp(join(tmpdir(), 'kastor-kube-'));
  const daemons: Daemon[] = [];
  const start = (...of: ConstructorParameters<typeof Daemon>): Daemon => {
    const daemon = new Daemon(...of);
    daemons.unshift(daemon);
    return daemon;
  };
  const stop = async (): Promise<void> => {
    for (const daemon of daemons) await daemon.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return { ...(await startPrograms(assets, folder, options, start)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startPrograms(
  { etcd, apiServer, controllerManager }: KubeAssets,
  folder: string,
  options: ClusterOptions,
  start: (...of: ConstructorParameters<typeof Daemon>) => Daemon,
): Promise<Omit<Cluster, 'stop'>> {
  const adminToken = newAdminToken();
  const tokens = withAdmin(options, adminToken);
  const caPem = await writeSecrets(folder, tokens);
  const ask = (url: string) => askAdmin(url, { caPem, adminToken });
  const [etcdPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const client = `http://127.0.0.1:${etcdPort}`;
  const store = start('etcd', etcd, etcdArgs(folder, client, `http://127.0.0.1:${peerPort}`));
  // kube-apiserver gives up when there is no etcd within some seconds of its start.
  await store.untilReady(async () => (await (await fetch(`${client}/health`)).text()).includes('true'));
  const url = `https://127.0.0.1:${port}`;
  const server = start('kube-apiserver', apiServer, apiserverArgs(folder, etcdPort, port));
  await server.untilReady(async () => (await ask(`${url}/readyz`)).ok);
  const kubeconfigPath = await writeKubeconfig({ url, caPem }, adminToken, join(folder, 'kubeconfig'));
  if (controllerManager !== undefined) {
    const healthPort = await freePort();
    const args = controllerManagerArgs(folder, kubeconfigPath, healthPort);
    const manager = start('kube-controller-manager', controllerManager, args);
    await manager.untilReady(async () => (await ask(`https://127.0.0.1:${healthPort}/healthz`)).ok);
  }
  const { goVersion } = JSON.parse((await ask(`${url}/version`)).text) as { goVersion: string };
  return {
    kind: 'real',
    controllers: controllerManager !== undefined,
    takesCustomObjects: await takesCustomObjects(apiServer, goVersion),
    url,
    caPem,
    kubeconfigPath,
    adminToken,
    tokens,
  };
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
    controllers: true,
    takesCustomObjects: true,
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
