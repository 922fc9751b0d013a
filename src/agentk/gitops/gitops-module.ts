/**
 * The module `gitops-manifest` (`spec/agentk.md §5.1`): one watch and one synchronisation per manifest project of the configuration,
 * on the replica that leads. Leaving the configuration deletes nothing in the cluster.
 */
import { fromPromise, type AnyActorLogic } from 'xstate';
import type { WorkerPool } from '../../actors/index.ts';
import type { AgentConfiguration } from '../../protocol/index.ts';
import {
  DynamicSupervisor,
  guarded,
  Supervisor,
  type ChildSpec,
  type SupervisorEnv,
} from '../../supervisor/index.ts';
import type { Metrics } from '../../ports/index.ts';
import {
  gitopsSyncDelays,
  manifestProjectsDelays,
  manifestProjectsMachine,
} from '../../../statecharts/index.ts';
import { Discovery, type ClusterClient } from '../kubernetes/index.ts';
import type { AgentModule, RunningModule } from '../modules/index.ts';
import { createGitopsSyncLogic, type GitopsSyncDeps } from './gitops-sync.actor.ts';
import { DriftWatch } from './drift-watch.actor.ts';
import { gitopsLimits } from './limits.ts';
import { manifestProjectsOf, sameProject, type ManifestProject } from './manifest-project.ts';
import { createManifestWatchLogic, type ManifestWatchDeps } from './manifest-watch.actor.ts';
import { projectCluster } from './project-cluster.ts';
import { ProjectWork } from './project-work.ts';
import type { ProjectCluster } from './project-work.ts';
import { SyncRunner } from './sync-runner.ts';
import type { PruneGuard } from './sync.ts';

export type GitopsModuleDeps = ManifestWatchDeps &
  Omit<GitopsSyncDeps, 'workers'> & {
    readonly workers: WorkerPool;
    readonly guard: PruneGuard;
    readonly client: ClusterClient;
    readonly env: SupervisorEnv;
    readonly metrics: Metrics;
  };

const changesName = 'manifest-project-changes';

export function createGitopsModule(deps: GitopsModuleDeps): AgentModule {
  let latest: RunningGitops | undefined;
  measure(deps.metrics, () => latest);
  return {
    name: 'gitops-manifest',
    leaderOnly: true,
    check: (configuration) => {
      const found = manifestProjectsOf(configuration, deps.guard);
      if (found.kind === 'invalid') return found.reason;
      return found.projects.length > gitopsLimits.projectsMax
        ? `more than ${gitopsLimits.projectsMax} manifest projects`
        : undefined;
    },
    wanted: (configuration) => (configuration?.gitops?.manifestProjects.length ?? 0) > 0,
    start: async (failed, _signal, configuration) => {
      const running = new RunningGitops(deps);
      latest = running;
      await running.start(failed);
      running.configure(configuration);
      return running;
    },
  };
}

class RunningGitops implements RunningModule {
  readonly #deps: GitopsModuleDeps;
  readonly #works = new Map<string, ProjectWork>();
  readonly #watchLogic: AnyActorLogic;
  readonly #syncLogic: AnyActorLogic;
  readonly #root: Supervisor;
  #projects: DynamicSupervisor | undefined;
  /** What runs and drift watches start. */
  #watches: DynamicSupervisor | undefined;
  /** What the newest configuration wants. */
  #wanted: readonly ManifestProject[] = [];

  constructor(deps: GitopsModuleDeps) {
    this.#deps = deps;
    this.#watchLogic = createManifestWatchLogic(deps, (id) => this.#workOf(id));
    this.#syncLogic = createGitopsSyncLogic(deps, (id) => this.#workOf(id));
    const { env, workers } = deps;
    this.#root = new Supervisor(
      {
        id: 'gitops',
        strategy: 'one_for_one',
        children: [
          { id: 'manifest-workers', logic: workers.logic, ready: 'tag' },
          { id: 'cluster-watches', supervisor: () => (this.#watches = this.#watchPopulation()) },
          { id: 'manifest-projects', supervisor: () => (this.#projects = this.#population()) },
          { id: changesName, name: changesName, logic: this.#changesLogic() },
        ],
      },
      env,
    );
  }

  async start(failed: (reason: string) => void): Promise<void> {
    await this.#root.start();
    void this.#root.exit.then(() => failed('its actors crashed too often'));
  }

  configure(configuration: AgentConfiguration | undefined): void {
    const found = manifestProjectsOf(configuration, this.#deps.guard);
    if (found.kind === 'invalid') return; // `check` has told.
    this.#wanted = found.projects;
    this.#deps.env.registry.send(changesName, { type: 'projects.changed' });
  }

  /** Projects worked on, and what is watched in the cluster for them. */
  get sizes(): { readonly projects: number; readonly watches: number } {
    return { projects: this.#works.size, watches: this.#watches?.count() ?? 0 };
  }

  async stop(): Promise<void> {
    for (const id of this.#works.keys()) this.#deps.log.info('Stopping worker', { worker_id: id });
    await this.#root.stop();
    for (const id of this.#works.keys()) this.#sayStopped(id);
    this.#works.clear();
    this.#deps.reporter.follow([]);
  }

  #changesLogic(): AnyActorLogic {
    const change = fromPromise<void>(({ signal }) => this.#change(this.#wanted, signal));
    const { log, random } = this.#deps;
    const { retryMs, retryJitter } = manifestProjectsDelays;
    return guarded(
      manifestProjectsMachine.provide({
        actors: { change },
        actions: {
          reportFailure: (_, { reason }) =>
            log.error('Failed to apply manifest projects configuration', { reason }),
        },
        delays: { retry: () => retryMs * (1 + random.next() * retryJitter) },
      }),
    );
  }

  async #change(projects: readonly ManifestProject[], signal: AbortSignal): Promise<void> {
    const wanted = new Map(projects.map((project) => [project.id, project]));
    for (const [id, work] of this.#works) {
      const next = wanted.get(id);
      if (next !== undefined && sameProject(next, work.project)) continue;
      const message =
        next === undefined ? 'Stopping worker' : 'Configuration has been updated, restarting worker';
      this.#deps.log.info(message, { worker_id: id });
      await this.#end(id);
      if (signal.aborted) return;
      this.#sayStopped(id);
    }
    for (const project of projects) if (!this.#works.has(project.id)) this.#begin(project);
    this.#deps.reporter.follow(projects);
  }

  #begin(project: ManifestProject): void {
    const population = this.#projects;
    if (population === undefined) return;
    this.#deps.log.info('Starting worker', { worker_id: project.id });
    const work = new ProjectWork(project, this.#clusterFor(project.id));
    this.#works.set(project.id, work);
    const sync = population.startChild({
      id: `gitops-sync:${project.id}`,
      logic: this.#syncLogic,
      input: { syncId: `gitops-sync:${project.id}` },
      shutdown: gitopsSyncDelays.stopMs + 1_000,
      restart: 'temporary',
    });
    if (sync.kind === 'started') work.sync = sync.ref;
    const watching = population.startChild({
      id: `manifest-watch:${project.id}`,
      logic: this.#watchLogic,
      input: { watchId: `manifest-watch:${project.id}` },
      restart: 'temporary',
    });
    for (const started of [sync, watching]) {
      if (started.kind !== 'refused') continue;
      this.#deps.log.error('Failed to start worker', { worker_id: project.id, reason: started.reason });
    }
  }

  /** Absence is not deletion: who takes a project out reads here that its objects stay. */
  #sayStopped(id: string): void {
    this.#deps.log.info('Stopped worker; nothing was deleted from the cluster', { worker_id: id });
  }

  async #end(id: string): Promise<void> {
    const population = this.#projects;
    await population?.terminateChild(`manifest-watch:${id}`);
    await population?.terminateChild(`gitops-sync:${id}`);
    this.#works.delete(id);
  }

  #clusterFor(projectId: string): ProjectCluster {
    const { client, clock, random, log } = this.#deps;
    const supervisor = {
      startChild: (spec: ChildSpec): ReturnType<DynamicSupervisor['startChild']> =>
        this.#watches?.startChild(spec) ?? { kind: 'refused', reason: 'stopping' },
      terminateChild: async (id: string) => this.#watches?.terminateChild(id),
    };
    const watching = { client, supervisor, name: `gitops:${projectId}`, clock, random, log };
    const discovery = new Discovery(client, clock);
    return projectCluster(new SyncRunner({ ...watching, discovery }), new DriftWatch(watching));
  }

  #watchPopulation(): DynamicSupervisor {
    const { env } = this.#deps;
    return new DynamicSupervisor({ id: 'cluster-watches', maxChildren: gitopsLimits.clusterWatchesMax }, env);
  }

  #population(): DynamicSupervisor {
    return new DynamicSupervisor(
      { id: 'manifest-projects', maxChildren: 2 * gitopsLimits.projectsMax },
      this.#deps.env,
    );
  }

  /** Ids of the actors are `kind:project`. */
  #workOf(actorId: string): ProjectWork | undefined {
    return this.#works.get(actorId.slice(actorId.indexOf(':') + 1));
  }
}

function measure(metrics: Metrics, running: () => RunningGitops | undefined): void {
  const shown: ReadonlyArray<readonly [string, string, () => number]> = [
    ['agentk_gitops_projects', 'Manifest projects worked on.', () => running()?.sizes.projects ?? 0],
    ['agentk_gitops_projects_max', 'Bound of agentk_gitops_projects.', () => gitopsLimits.projectsMax],
    [
      'agentk_gitops_cluster_watches',
      'Waits, and watches of kinds in the cluster, for manifest projects.',
      () => running()?.sizes.watches ?? 0,
    ],
    [
      'agentk_gitops_cluster_watches_max',
      'Bound of agentk_gitops_cluster_watches.',
      () => gitopsLimits.clusterWatchesMax,
    ],
  ];
  for (const [name, help, read] of shown) metrics.observed({ name, help }, read);
}
