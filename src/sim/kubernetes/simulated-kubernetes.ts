/**
 * The composition of the simulated cluster: store, controllers and HTTP front on one address.
 *
 * M1. `stop` ends every watch, log and exec session, then the server; no timer of the cluster is left.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { selfSignedCertificate } from '../certificate/index.ts';
import { AuditLog, type AuditEntry } from './audit.ts';
import { ExecSessions } from './exec.ts';
import { createFront } from './front.ts';
import { GarbageCollector } from './garbage.ts';
import type { TokenUser } from './identity.ts';
import { KindRegistry } from './kinds.ts';
import { Kubelet } from './kubelet.ts';
import { PodLogs } from './pod-log.ts';
import { EventRecorder } from './recorder.ts';
import { Resources } from './resources.ts';
import { seedCluster, seedDemo, seedNode } from './seed.ts';
import { Store } from './store.ts';
import { WatchHub } from './watch.ts';
import { startWorkloadController } from './workload-controller.ts';

export type SimulatedUser = TokenUser;

export interface SimulatedKubernetesOptions {
  readonly clock: Clock;
  /** Makes uids and generated names repeatable; real randomness unless told. */
  readonly random?: Random;
  readonly log: Log;
  /** 127.0.0.1 unless told. */
  readonly host?: string;
  /** 0 (any free port) unless told. */
  readonly port?: number;
  /** Bearer tokens that are known besides the administrator's. */
  readonly tokens?: Readonly<Record<string, SimulatedUser>>;
  /** Fills the cluster with a small life to look at. */
  readonly seedDemo?: boolean;
  /** Serves HTTPS with a certificate made for the occasion; plain HTTP unless told. */
  readonly tls?: boolean;
}

export interface SimulatedKubernetes {
  readonly url: string;
  /** The authority to trust; undefined for plain HTTP. */
  readonly caPem: string | undefined;
  /** A token of `system:masters`. */
  readonly adminToken: string;
  /** A kubeconfig of the administrator. */
  kubeconfig(): string;
  /** The last requests, oldest first. */
  requests(): readonly AuditEntry[];
  stop(): Promise<void>;
}

/** Characters of generated names: none that could be mistaken or spell words. */
const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789';

function uidOf(random: Random): string {
  const hex = (
    random.int63().toString(16).padStart(16, '0') + random.int63().toString(16).padStart(16, '0')
  ).slice(0, 32);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

function suffixOf(random: Random | undefined): string {
  const letter = () => {
    const at = random === undefined ? (randomBytes(1)[0] ?? 0) : Math.floor(random.next() * 256);
    return suffixLetters[at % suffixLetters.length] ?? 'b';
  };
  return Array.from({ length: 5 }, letter).join('');
}

/**
 * A kubeconfig as JSON, which is YAML too. kubectl sends a token over TLS only; over plain HTTP the token goes as the
 * password in the URL.
 */
function kubeconfigText(url: string, token: string, caPem: string | undefined): string {
  const trust =
    caPem === undefined ? {} : { 'certificate-authority-data': Buffer.from(caPem).toString('base64') };
  const server = caPem === undefined ? url.replace('//', `//admin:${token}@`) : url;
  const file = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'simulated', cluster: { server, ...trust } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'simulated', context: { cluster: 'simulated', user: 'admin', namespace: 'default' } }],
    'current-context': 'simulated',
  };
  return `${JSON.stringify(file, undefined, 2)}\n`;
}

/** The cluster behind the front: its objects, and all that lives in it by itself. */
function startLife({ clock, random, seedDemo: demo }: SimulatedKubernetesOptions) {
  const store = new Store();
  const kinds = new KindRegistry();
  store.subscribe((change) => {
    if (change.collection !== 'apiextensions.k8s.io/customresourcedefinitions') return;
    if (change.type === 'DELETED') kinds.undefine(change.object.metadata.name);
    else kinds.define(change.object);
  });
  const newUid = random === undefined ? randomUUID : () => uidOf(random);
  const resources = new Resources({ store, kinds, clock, newUid, nameSuffix: () => suffixOf(random) });
  const recorder = new EventRecorder(resources, kinds, clock);
  const stopController = startWorkloadController({ store, kinds, resources, clock, recorder });
  const garbage = new GarbageCollector({ store, kinds, resources, clock });
  const kubelet = new Kubelet({ store, kinds, resources, clock, recorder });
  const seeding = { resources, kinds, nowMs: () => clock.now() };
  seedCluster(seeding);
  seedNode(seeding);
  if (demo === true) seedDemo(seeding);
  const stop = (): void => {
    stopController();
    garbage.stop();
    kubelet.stop();
  };
  return { store, kinds, resources, newUid, stop };
}

/** Starts a cluster; resolves when it answers. Rejects when the address cannot be had. */
export async function startSimulatedKubernetes(
  options: SimulatedKubernetesOptions,
): Promise<SimulatedKubernetes> {
  const { clock, log } = options;
  const { stop, ...life } = startLife(options);
  const adminToken = `admin-${randomBytes(12).toString('hex')}`;
  const tokens = new Map<string, TokenUser>(Object.entries(options.tokens ?? {}));
  tokens.set(adminToken, { username: 'admin', groups: ['system:masters'] });
  const watches = new WatchHub(life.store, clock);
  const logs = new PodLogs(life.store, clock);
  const exec = new ExecSessions(clock);
  const audit = new AuditLog();
  const host = options.host ?? '127.0.0.1';
  // Real time: its readers live outside the simulated clock.
  const certificate =
    options.tls === true ? selfSignedCertificate(['127.0.0.1', 'localhost', host], Date.now()) : undefined;
  const server = createFront({ ...life, watches, logs, exec, clock, tokens, log, audit, certificate });

  const stopLife = (): void => {
    stop();
    watches.stop();
    logs.stop();
    exec.stop();
  };
  try {
    await listen(server, options.port ?? 0, host);
  } catch (error) {
    stopLife();
    throw error;
  }
  const { address, port, family } = server.address() as AddressInfo;
  const scheme = certificate === undefined ? 'http' : 'https';
  const url = `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
  log.info('simulated kubernetes is up', { url });
  return {
    url,
    caPem: certificate?.certPem,
    adminToken,
    kubeconfig: () => kubeconfigText(url, adminToken, certificate?.certPem),
    requests: () => audit.recent(),
    stop: () =>
      new Promise((resolve) => {
        stopLife();
        server.close(() => resolve()); // M1
        server.closeAllConnections();
      }),
  };
}

function listen(server: ReturnType<typeof createFront>, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
}
