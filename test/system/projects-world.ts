/**
 * Several manifest projects of one agent, each with an entry of its own in `config.yaml`, a repository, and a namespace of its name. Real
 * kas, agentk and repositories; a real kube-apiserver where its binaries are (`KUBEBUILDER_ASSETS`), the simulated one elsewhere.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BareRepository } from '../git/bare-repository.ts';
import { startCluster, type Cluster } from '../fakes/kube-apiserver.ts';
import { ClusterView } from './cluster-view.ts';
import { until, World, type TestProcess } from './world.ts';

const waitMs = 120_000;
const firstId = 11;

export class ProjectsWorld<Project extends string> {
  readonly cluster: Cluster;
  readonly view: ClusterView;
  readonly names: readonly Project[];
  readonly #world: World;
  readonly #repositories = new Map<Project, BareRepository>();
  #agentk: TestProcess | undefined;

  private constructor(cluster: Cluster, world: World, names: readonly Project[]) {
    this.cluster = cluster;
    this.view = new ClusterView(cluster);
    this.#world = world;
    this.names = names;
  }

  /** Everything but kas and agentk. @param entries lines of each project's entry */
  static async prepare<Project extends string>(
    entries: Readonly<Record<Project, readonly string[]>>,
  ): Promise<ProjectsWorld<Project>> {
    const names = Object.keys(entries) as Project[];
    const cluster = await startCluster();
    const configuration = configurationOf(entries);
    const world = await World.prepare({ kubeconfig: cluster.kubeconfigPath, configuration });
    const projects = new ProjectsWorld(cluster, world, names);
    await projects.#prepare();
    return projects;
  }

  async #prepare(): Promise<void> {
    const { folder } = this.#world.data;
    const listed = this.names.map(
      (name) =>
        `  - { id: ${this.idOf(name)}, path: demo/${name}, repository: repositories/${name}.git, groups: [10], public: true }\n`,
    );
    const file = join(folder, 'gitlab.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('groups:\n', `${listed.join('')}groups:\n`));
    // agentk's own namespace is `demo`.
    for (const name of ['demo', ...this.names]) {
      const metadata = { name };
      await this.view.ask('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata });
    }
    for (const name of this.names) {
      const repository = await BareRepository.init(join(folder, 'repositories', `${name}.git`));
      this.#repositories.set(name, repository);
    }
  }

  async start(): Promise<void> {
    await this.#world.startKas();
    this.#agentk = this.#world.startAgentk();
  }

  idOf(project: Project): number {
    return firstId + this.names.indexOf(project);
  }

  /** Adds a commit and answers its id. */
  commit(project: Project, files: Parameters<BareRepository['commit']>[0]): Promise<string> {
    return this.#repositories.get(project)?.commit(files) ?? Promise.reject(new Error(project));
  }

  get log(): string {
    return this.#agentk?.log ?? '';
  }

  /** Waits until agentk has ended a run of this commit. */
  async synchronized(project: Project, commitId: string): Promise<void> {
    const marks = ['"Objects synchronized"', `"demo/${project}"`, commitId];
    const ended = () => this.#agentk?.lines.some((line) => marks.every((mark) => line.includes(mark)));
    await until(`agentk to synchronize ${project}`, waitMs, () => (ended() ? true : undefined)).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}\n${this.log}`);
      },
    );
  }

  async close(): Promise<void> {
    await this.#world.close();
    await this.view.close();
    await this.cluster.stop();
  }
}

function configurationOf(entries: Readonly<Record<string, readonly string[]>>): string {
  const listed = Object.entries(entries).map(
    ([name, lines]) =>
      `    - ${[`id: demo/${name}`, `default_namespace: ${name}`, ...lines].join('\n      ')}\n`,
  );
  return `gitops:\n  manifest_projects:\n${listed.join('')}`;
}
