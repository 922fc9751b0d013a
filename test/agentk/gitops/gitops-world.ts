/** A project that is synchronised with a cluster, simulated or real. */
import {
  type ClusterClient,
  Discovery,
  type KubeObject,
  type ResourceType,
} from '../../../src/agentk/kubernetes/index.ts';
import {
  SyncRunner,
  type SyncEvent,
  type SyncInput,
  type SyncOptions,
  type SyncResult,
} from '../../../src/agentk/gitops/index.ts';
import { systemClock } from '../../../src/host/index.ts';
import type { Manifest } from '../../../src/manifests/index.ts';
import { DynamicSupervisor, Registry } from '../../../src/supervisor/index.ts';
import { SeededRandom } from '../../fakes/seeded-random.ts';
import { RecordingLog } from '../../gitlab/recording-log.ts';
import type { Cluster } from '../../fakes/kube-apiserver.ts';
import { clusterUnderTest, configMaps, namespaces } from '../kubernetes/cluster-under-test.ts';

export type Json = Readonly<Record<string, unknown>>;

export function manifestOf(object: Json, index = 0): Manifest {
  const metadata = (object['metadata'] ?? {}) as Json;
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  return {
    file: 'manifests.yaml',
    document: index + 1,
    line: index + 1,
    apiVersion: text(object['apiVersion']),
    kind: text(object['kind']),
    namespace: text(metadata['namespace']),
    name: text(metadata['name']),
    json: Buffer.from(JSON.stringify(object)),
  };
}

export const usual: SyncOptions = {
  defaultNamespace: 'default',
  prune: true,
  dryRun: 'none',
  reconcileTimeoutMs: 30_000,
  pruneTimeoutMs: 30_000,
  propagation: 'Background',
  policy: 'must_match',
  guard: { holdsEmptiness: false, deletionsMax: Infinity },
};

export interface Synced {
  readonly result: SyncResult;
  readonly events: readonly SyncEvent[];
  /** `apply v1/ConfigMap/a Successful`: what happened to objects, in order. */
  readonly lines: readonly string[];
}

export function lineOf(event: SyncEvent): string[] {
  if (event.type !== 'apply' && event.type !== 'prune' && event.type !== 'wait') return [];
  if (event.type === 'wait' && event.status === 'Pending') return [];
  return [`${event.type} ${event.id.kind}/${event.id.name} ${event.status}`];
}

export class Project {
  readonly runner: SyncRunner;
  readonly #ids: { readonly agentId: bigint; readonly projectId: bigint };
  readonly #options: SyncOptions;
  #commits = 0;

  constructor(
    runner: SyncRunner,
    ids: { readonly agentId: bigint; readonly projectId: bigint },
    options: SyncOptions,
  ) {
    this.runner = runner;
    this.#ids = ids;
    this.#options = options;
  }

  get inventoryId(): string {
    return `${this.#ids.agentId}-${this.#ids.projectId}`;
  }

  async sync(
    objects: readonly Json[],
    options: Partial<SyncOptions> = {},
    more: {
      readonly signal?: AbortSignal;
      readonly tell?: (event: SyncEvent) => void;
      readonly commitId?: string;
    } = {},
  ): Promise<Synced> {
    this.#commits += 1;
    const input: SyncInput = {
      ...this.#ids,
      commitId: more.commitId ?? `commit-${this.#commits}`,
      manifests: objects.map(manifestOf),
      options: { ...this.#options, ...options },
    };
    const events: SyncEvent[] = [];
    const tell = (event: SyncEvent) => {
      events.push(event);
      more.tell?.(event);
    };
    const signal = more.signal ?? new AbortController().signal;
    const result = await this.runner.run(input, { signal, tell });
    return { result, events, lines: events.flatMap(lineOf) };
  }
}

export interface GitopsWorld {
  readonly cluster: Cluster;
  readonly client: ClusterClient;
  readonly log: RecordingLog;
  readonly supervisor: DynamicSupervisor;
  /** A project whose default namespace is a fresh one. */
  project(
    options?: Partial<SyncOptions>,
    token?: string,
  ): Promise<Project & { readonly namespace: string; readonly calls: Map<string, number> }>;
  names(type: ResourceType, namespace?: string): Promise<readonly string[]>;
  live(type: ResourceType, name: string, namespace?: string): Promise<KubeObject | undefined>;
  inventoryKeys(project: Project & { readonly namespace: string }): Promise<readonly string[]>;
  stop(): Promise<void>;
}

export async function gitopsWorld(
  users: Readonly<Record<string, { readonly username: string; readonly groups: readonly string[] }>> = {},
): Promise<GitopsWorld> {
  const under = await clusterUnderTest(users);
  const { client } = under;
  const random = new SeededRandom(11);
  const log = new RecordingLog();
  const reports: string[] = [];
  const supervisor = new DynamicSupervisor(
    { id: 'gitops', maxChildren: 1_000, intensity: 100, periodMs: 60_000 },
    { clock: systemClock, random, registry: new Registry(), report: ({ kind }) => reports.push(kind) },
  );
  await supervisor.start();
  let projects = 0;
  const list = async (type: ResourceType, namespace?: string) => {
    const found = await client.list(type, { namespace, limit: 100_000 });
    if (found.kind !== 'ok') throw new Error(JSON.stringify(found));
    return found.value.items;
  };
  return {
    cluster: under.cluster,
    client,
    log,
    supervisor,
    project: async (options = {}, token) => {
      projects += 1;
      const namespace = await under.namespace(`project-${projects}`);
      const calls = new Map<string, number>();
      const own = counted(token === undefined ? client : under.clientOf(token), calls);
      const deps = { client: own, discovery: new Discovery(own, systemClock), supervisor };
      const runner = new SyncRunner({ ...deps, name: namespace, clock: systemClock, random, log });
      const ids = { agentId: 7n, projectId: BigInt(projects) };
      const project = new Project(runner, ids, { ...usual, defaultNamespace: namespace, ...options });
      return Object.assign(project, { namespace, calls });
    },
    names: async (type, namespace) => (await list(type, namespace)).map(({ metadata }) => metadata.name),
    live: async (type, name, namespace) => {
      const found = await client.get(type, { namespace, name });
      return found.kind === 'ok' ? found.value : undefined;
    },
    inventoryKeys: async ({ namespace, inventoryId }) => {
      const inventory = await client.get(configMaps, { namespace, name: `inventory-${inventoryId}` });
      if (inventory.kind !== 'ok') throw new Error(JSON.stringify(inventory));
      return Object.keys(inventory.value['data'] ?? {}).sort();
    },
    stop: async () => {
      await supervisor.stop();
      await under.stop();
    },
  };
}

/** A client whose calls are counted by verb. */
export function counted(client: ClusterClient, calls: Map<string, number>): ClusterClient {
  return new Proxy(client, {
    get: (target, verb: keyof ClusterClient) => {
      calls.set(verb, (calls.get(verb) ?? 0) + 1);
      return target[verb].bind(target);
    },
  });
}

export { configMaps, namespaces };

export const cm = (name: string, data: Json = {}, metadata: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});

export const deployments: ResourceType = {
  group: 'apps',
  version: 'v1',
  plural: 'deployments',
  kind: 'Deployment',
  namespaced: true,
};
