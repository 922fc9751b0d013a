/** A kas, an agentk, a repository of manifests and a cluster (real where `KUBEBUILDER_ASSETS` names one) for `bench/gitops.ts`. */
import { BareRepository } from '../test/git/bare-repository.ts';
import { startCluster, type Cluster } from '../test/fakes/kube-apiserver.ts';
import { ClusterView } from '../test/system/cluster-view.ts';
import { until, World, type TestProcess } from '../test/system/world.ts';

/** For a machine that is busy with much else. */
const waitMs = 120_000;
const configuration = `gitops:
  manifest_projects:
    - id: demo/manifests
      default_namespace: demo
      prune_propagation_policy: background
`;

export class GitopsScene {
  readonly cluster: Cluster;
  readonly view: ClusterView;
  readonly world: World;
  readonly repository: BareRepository;
  agentk: TestProcess;

  private constructor(cluster: Cluster, view: ClusterView, world: World) {
    this.cluster = cluster;
    this.view = view;
    this.world = world;
    this.repository = new BareRepository(world.data.repositories.manifests);
    this.agentk = world.startAgentk();
  }

  static async start(): Promise<GitopsScene> {
    const cluster = await startCluster();
    const view = new ClusterView(cluster);
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } };
    await view.ask('POST', '/api/v1/namespaces', namespace);
    const world = await World.prepare({ kubeconfig: cluster.kubeconfigPath, configuration });
    await world.startKas();
    const scene = new GitopsScene(cluster, view, world);
    await scene.synchronized(1);
    return scene;
  }

  /** Waits until the running agentk has ended so many synchronisations well. */
  async synchronized(times: number): Promise<void> {
    await until(`synchronisation ${times} of agentk`, waitMs, () =>
      this.synchronisations >= times ? true : undefined,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.agentk.log}`);
    });
  }

  get synchronisations(): number {
    return this.agentk.lines.filter((line) => line.includes('"Objects synchronized"')).length;
  }

  async stop(): Promise<void> {
    await this.world.close();
    await this.view.close();
    await this.cluster.stop();
  }
}

export function configMap(name: string, round: number): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, labels: {round: "${round}"}}\ndata: {value: "${round}"}\n`;
}
