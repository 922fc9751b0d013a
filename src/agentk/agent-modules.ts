/**
 * The modules of agentk, who of the replicas runs those of the leader, and what they have of the cluster and of GitLab.
 */
import { availableParallelism } from 'node:os';
import type { AnyActorLogic } from 'xstate';
import { WorkerPool, type MakeManifestWorkers } from '../actors/index.ts';
import type { SupervisorEnv } from '../supervisor/index.ts';
import { AgentIdentityKeeper } from './agent-identity.ts';
import type { AgentLog } from './agent-log.ts';
import { agentName } from './build-info.ts';
import { createFluxModule } from './flux/index.ts';
import { createSyncReporting, type SyncReporting } from './gitops-report/index.ts';
import { createGitopsModule, gitopsLimits } from './gitops/index.ts';
import { GitlabAccess } from './gitlab-access.ts';
import type { KasCaller } from './kas-caller.ts';
import { CallGate, ClusterClient, clusterLimits, type ApiServer } from './kubernetes/index.ts';
import { createLeaderElectionLogic, leaderElectionName } from './leader/index.ts';
import type { LinkBoard } from './link/index.ts';
import { createObservabilityModule, ModuleHost, type AgentModule } from './modules/index.ts';
import { createNotIncludedModule, createScanPoliciesModule } from './not-included/index.ts';
import type { AgentkOptions } from './options.ts';

export interface AgentModulesDeps {
  readonly options: AgentkOptions;
  readonly server: ApiServer;
  readonly log: AgentLog;
  readonly env: SupervisorEnv;
  readonly board: LinkBoard;
  readonly caller: KasCaller;
  /** Modules that are more than modules, made elsewhere. */
  readonly own: readonly AgentModule[];
  /** How manifests are read; in threads unless told. */
  readonly manifestWorkers: MakeManifestWorkers | undefined;
}

export interface AgentModules {
  readonly modules: ModuleHost;
  readonly identity: AgentIdentityKeeper;
  readonly election: AnyActorLogic;
  /** What becomes of manifest projects, told to kas and to the cluster. */
  readonly reporting: SyncReporting;
}

export function buildModules({
  options,
  server,
  log,
  env,
  board,
  caller,
  own,
  manifestWorkers,
}: AgentModulesDeps): AgentModules {
  const { clock, random, metrics, setLogLevel } = options.ports;
  const { build, pod, kubernetesCallMsMax } = options;
  const gate = new CallGate(clusterLimits.callsMax, clusterLimits.callsWaitingMax);
  const client = new ClusterClient(
    { target: server.target, userAgent: agentName(build), clock, callMsMax: kubernetesCallMsMax },
    gate,
  );
  const gitlab = new GitlabAccess('starboard_vulnerability', board, caller);
  const common = { env, clock, random, metrics };
  const reporting = createSyncReporting({
    ...common,
    client,
    board,
    caller,
    log: log.child({ mod_name: 'gitops-manifest' }),
  });
  const modules = new ModuleHost({
    modules: [
      createObservabilityModule(setLogLevel),
      ...own,
      createFluxModule({ ...common, client, board, caller, log: log.child({ mod_name: 'flux' }) }),
      createGitopsModule({
        ...common,
        client,
        board,
        caller,
        log: log.child({ mod_name: 'gitops-manifest' }),
        workers: new WorkerPool({
          clock,
          metrics,
          log,
          threads: Math.min(availableParallelism(), gitopsLimits.workerThreadsMax),
          make: manifestWorkers,
        }),
        agentId: () => identity.agentId,
        reporter: reporting.reporter,
        guard: options.gitopsGuard ?? { holdsEmptiness: true, deletionsMax: Infinity },
      }),
      createNotIncludedModule(log),
      createScanPoliciesModule({
        ...common,
        gitlab,
        log: log.child({ mod_name: 'starboard_vulnerability' }),
      }),
    ],
    registry: env.registry,
    random,
    log,
  });
  const identity = new AgentIdentityKeeper((agentId) => {
    log.identify(agentId);
    const event = { type: 'agent.identified', agentId: String(agentId) };
    env.registry.send(leaderElectionName, event);
  });
  const election = createLeaderElectionLogic({
    client,
    pod,
    agentId: () => identity.agentId,
    onLeading: (leads) => modules.lead(leads),
    idle: () => modules.idle(),
    clock,
    random,
    log,
  });
  measure(options, gate, modules);
  return { modules, identity, election, reporting };
}

function measure({ ports: { metrics } }: AgentkOptions, gate: CallGate, modules: ModuleHost): void {
  const shown: ReadonlyArray<readonly [string, string, () => number]> = [
    ['agentk_leader', '1 while this replica leads.', () => Number(modules.leads)],
    ['agentk_cluster_calls_running', "agentk's own calls to the API server under way.", () => gate.running],
    ['agentk_cluster_calls_waiting', "agentk's own calls to the API server that wait.", () => gate.waiting],
  ];
  for (const [name, help, read] of shown) metrics.observed({ name, help }, read);
}
