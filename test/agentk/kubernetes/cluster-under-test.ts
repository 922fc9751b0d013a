/** A cluster, simulated or real, and agentk's client of it. */
import {
  CallGate,
  ClusterClient,
  openApiServer,
  type ResourceType,
} from '../../../src/agentk/kubernetes/index.ts';
import { systemClock } from '../../../src/host/index.ts';
import { startCluster, type Cluster } from '../../fakes/kube-apiserver.ts';

export const configMaps: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};

export const namespaces: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};

export const noTls = {
  ca: undefined,
  cert: undefined,
  key: undefined,
  serverName: undefined,
  skipVerify: false,
};

export interface ClusterUnderTest {
  readonly cluster: Cluster;
  readonly client: ClusterClient;
  clientOf(token: string): ClusterClient;
  namespace(name: string): Promise<string>;
  stop(): Promise<void>;
}

export async function clusterUnderTest(
  users: Readonly<Record<string, { readonly username: string; readonly groups: readonly string[] }>> = {},
): Promise<ClusterUnderTest> {
  const cluster = await startCluster({ users });
  const servers: ReturnType<typeof openApiServer>[] = [];
  const clientOf = (token: string) => {
    const access = {
      server: new URL(cluster.url),
      tls: { ...noTls, ca: cluster.caPem },
      authorize: () => `Bearer ${token}`,
      impersonation: undefined,
    };
    const server = openApiServer(access, systemClock);
    servers.push(server);
    const deps = { target: server.target, userAgent: 'agentk-test', clock: systemClock };
    return new ClusterClient(deps, new CallGate(16, 100));
  };
  const client = clientOf(cluster.adminToken);
  return {
    cluster,
    client,
    clientOf,
    namespace: async (name) => {
      const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      const made = await client.create(namespaces, undefined, body);
      if (made.kind !== 'ok') throw new Error(JSON.stringify(made));
      return name;
    },
    stop: async () => {
      await Promise.all(servers.map((server) => server.close()));
      await cluster.stop();
    },
  };
}

export function configMap(name: string, data: Record<string, string> = {}, metadata: object = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}
