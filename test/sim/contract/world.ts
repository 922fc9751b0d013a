/** What every part of the contract works with: the cluster, a client per user, a fresh namespace per part. */
import type { Cluster } from '../../fakes/kube-apiserver.ts';
import { KubeClient, type Answer } from '../kube-client.ts';

export const users = {
  'jane-token': { username: 'jane', groups: ['developers'] },
  'mallory-token': { username: 'mallory', groups: ['guests'] },
  'agent-token': { username: 'agentk', groups: ['agents'] },
} as const;

export interface World {
  readonly cluster: Cluster;
  readonly admin: KubeClient;
  readonly jane: KubeClient;
  readonly mallory: KubeClient;
  readonly agent: KubeClient;
  readonly stranger: KubeClient;
}

export function worldOf(cluster: Cluster): World & { close(): Promise<void> } {
  const clients = {
    admin: new KubeClient(cluster, cluster.adminToken),
    jane: new KubeClient(cluster, 'jane-token'),
    mallory: new KubeClient(cluster, 'mallory-token'),
    agent: new KubeClient(cluster, 'agent-token'),
    stranger: new KubeClient(cluster, undefined),
  };
  return {
    cluster,
    ...clients,
    close: async () => {
      await Promise.all(Object.values(clients).map((client) => client.close()));
    },
  };
}

/** Creates a namespace and answers the path of its core resources. */
export async function freshNamespace(admin: KubeClient, name: string): Promise<string> {
  const created = await admin.post('/api/v1/namespaces', { metadata: { name } });
  if (created.status !== 201) throw new Error(`namespace ${name}: ${created.text}`);
  return `/api/v1/namespaces/${name}`;
}

export const configMap = (name: string, data: Record<string, string> = {}, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...more },
  data,
});

export const deployment = (name: string, image = 'web:1', more: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, ...more },
  spec: {
    // None: controllers, where there are any, then leave it alone.
    replicas: 0,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'web', image, env: [{ name: 'A', value: '1' }] }] },
    },
  },
});

/** The message of a Status. */
export function messageOf(answer: Answer): string {
  return (answer.json as { message?: string }).message ?? '';
}

interface Shown {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly continue?: string;
    readonly managedFields?: readonly { readonly manager: string; readonly operation: string }[];
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly items?: readonly Shown[];
}

/** A body read as an object or list; tests assert what they rely on. */
export function shown(answer: Answer): Shown {
  return answer.json as Shown;
}

export const namesOf = (answer: Answer) => (shown(answer).items ?? []).map((item) => item.metadata.name);
