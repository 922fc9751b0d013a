/**
 * Builds everything a kas is made of from its configuration and ports. No life is started here but by `tree.start`; what
 * must be asked before that (the directory file) is asked while building, so that a bad file is an error at start.
 */
import {
  actorLimits,
  actorTimes,
  AgentConnections,
  Arrivals,
  AgentSessions,
  ConfigWatches,
  FluxStreams,
  ProjectPushes,
  Requests,
  TunnelDirectory,
  Tunnels,
  type Tunnel,
  createUsageReporterLogic,
  UsageTracker,
} from '../actors/index.ts';
import { charts } from '../../statecharts/index.ts';
import { FlightRecorder, inspectLimits } from '../inspect/index.ts';
import { GrpcServer } from '../pipe/grpc/index.ts';
import { WebSocketStream } from '../pipe/websocket/index.ts';
import type { Metrics } from '../ports/index.ts';
import { methods } from '../protocol/index.ts';
import {
  DeadlineWheel,
  inspectorOf,
  Registry,
  reportsToLog,
  type ActorInspector,
  type SupervisorEnv,
  type TransitionObserver,
} from '../supervisor/index.ts';
import { connectHandler } from './agent-api/connect.ts';
import { getConfigurationHandler } from './agent-api/get-configuration.ts';
import { makeRequestHandler } from './agent-api/make-request.ts';
import { reconcileProjectsHandler } from './agent-api/reconcile-projects.ts';
import { registerHandler } from './agent-api/register.ts';
import { reportHandler } from './agent-api/report.ts';
import type { Dashboard } from './dashboard/index.ts';
import { makeGit } from './git.ts';
import { openGitLab } from './gitlab-port.ts';
import { makeGitops } from './gitops.ts';
import { isDashboardOn, makeDashboard } from './make-dashboard.ts';
import { grpcServerMetrics } from './grpc-metrics.ts';
import { Authorizer } from './kubernetes-api/authorizer.ts';
import { makeRpcApis } from './rpc-apis.ts';
import type { ServerDeps } from './server-deps.ts';
import { makeFronts, makePopulations, makeTree, type Tree } from './tree.ts';
import { liveState } from './live-state.ts';
import { openSharedStore } from './shared-store.ts';
import { observeSizes } from './size-metrics.ts';
import { SyncReports } from './sync-reports/index.ts';

const wheelTickMs = 50;
const hotMachines = new Set(charts.flatMap(({ machine, hot }) => (hot === true ? [machine.id] : [])));

/** The bound ports; 0 for what is not configured or listens on a socket path. */
export interface ServerPorts {
  readonly agents: number;
  readonly kubernetesApi: number;
  readonly observability: number;
  readonly api: number;
  readonly privateApi: number;
}

export interface ServerParts {
  readonly connections: AgentConnections;
  readonly sessions: AgentSessions;
  readonly directory: TunnelDirectory<Tunnel>;
  readonly tunnels: Tunnels;
  readonly requests: Requests;
}

export interface Server {
  readonly tree: Tree;
  readonly inspect: ActorInspector;
  ports(): ServerPorts;
  /** Who lives here now, for judges of a simulation. */
  readonly parts: ServerParts;
  /** Closes what is not in the tree: the directory file and the store. */
  close(): Promise<void>;
}

export async function buildServer(deps: ServerDeps): Promise<Server> {
  const { configuration, clock, random, log } = deps;
  const { metrics } = deps.registry;
  const { agent } = configuration;
  const recorder = new FlightRecorder({ clock, entriesMax: inspectLimits.recordedMax, hotMachines });
  const watched: { dashboard?: Dashboard } = {};
  const record = observer(recorder, metrics);
  const { outside } = deps;
  const isRecorded = configuration.observability.flight_recorder.enabled;
  const isWatched = isRecorded || isDashboardOn(configuration) || outside !== undefined;
  const look: TransitionObserver = (transition) => {
    if (isRecorded) record(transition);
    outside?.observe(transition);
    watched.dashboard?.observe(transition);
  };
  const observe = isWatched ? look : undefined;
  const toLog = reportsToLog(log);
  const env: SupervisorEnv = {
    clock,
    random,
    registry: new Registry(),
    report: (report) => {
      toLog(report);
      watched.dashboard?.report(report);
    },
    observe,
  };
  const git = await makeGit(deps, observe);
  const shared = await openSharedStore(deps);
  const { store, pushEvents } = shared;
  const gitlabPort = await openGitLab(deps, { git, sharedErrors: store.sharedErrors, observe });
  const { gitlab } = gitlabPort;
  const pushes = new ProjectPushes({
    pushEvents,
    log,
    ...(configuration.standalone?.watch_repositories === true && {
      watchRefs: (repository, heard) => git.watchRefs(repository, heard),
    }),
  });
  const populations = makePopulations(env);
  const wheel = new DeadlineWheel(clock, wheelTickMs);
  const directory = new TunnelDirectory<Tunnel>({ waitersPerAgentMax: actorLimits.waitersPerAgentMax });
  const connections = new AgentConnections({
    supervisor: () => populations.connections,
    clock,
    random,
    log,
    metrics,
    ageMsMax: agent.listen.max_connection_age,
  });
  const sessions = new AgentSessions({
    supervisor: () => populations.sessions,
    connections,
    gitlab,
    store,
    clock,
    random,
    log,
    metrics,
    registrationTtlMs: agent.redis_conn_info_ttl,
    refreshMs: agent.redis_conn_info_refresh,
    callsPerTokenPerMinuteMax: agent.listen.connections_per_token_per_minute,
  });
  const watches = new ConfigWatches({
    supervisor: () => populations.watches,
    gitlab,
    git,
    pushes,
    clock,
    random,
    log,
    pollMs: agent.configuration.poll_period,
    fileBytesMax: agent.configuration.max_configuration_file_size,
    gitlabExternalUrl: configuration.gitlab.external_url ?? '',
  });
  const isUsageReported = configuration.observability.usage_reporting_period > 0;
  const usage = new UsageTracker({ metrics, isReported: isUsageReported });
  const gitops = makeGitops({
    configuration: agent.gitops,
    populations,
    sessions,
    gitlab,
    git,
    pushes,
    clock,
    random,
    log,
    metrics,
    onDelivered: () => usage.count('gitops_sync'),
    makeWorkers: outside?.manifestWorkers,
  });
  const fluxStreams = new FluxStreams({
    supervisor: () => populations.fluxStreams,
    gitlab,
    pushes,
    usage,
    clock,
    log,
    metrics,
  });
  const reports = new SyncReports({
    clock,
    log,
    metrics,
    onOutcome: (outcome) => watched.dashboard?.projectEnded(outcome),
  });
  const tunnels: Tunnels = new Tunnels({
    supervisor: () => populations.tunnels,
    directory,
    wheel,
    observe,
    log,
    reuse: agent.listen.tunnel_reuse,
    onClaimLost: (requestId, tunnelId) => requests.claimLost(requestId, tunnelId),
  });
  const requests = new Requests({
    supervisor: () => populations.requests,
    directory,
    tunnels: () => tunnels,
    wheel,
    observe,
    clock,
    findMsMax: actorTimes.findMsMax,
    onEnded: (ended) => watched.dashboard?.ended(ended),
    routingSeconds: metrics.histogram({
      name: 'k8s_api_proxy_routing_duration_seconds',
      help: 'Time from the search for a tunnel to its claim',
      labelNames: ['status'],
      buckets: [0.001, 0.004, 0.016, 0.064, 0.256, 1.024, 4.096, 16.384],
    }),
  });
  const grpcMetrics = grpcServerMetrics(metrics);
  const grpc = new GrpcServer({ strangers: true, clock, log: deps.grpcLog, observer: grpcMetrics });
  grpc.onSession = (session, peer, carrier) =>
    connections.accept(session, peer, () => {
      grpc.trust(session);
      if (carrier instanceof WebSocketStream) carrier.trust();
    });
  grpc.onAbuse = (session, abuse) => connections.abused(session, abuse);
  const arrivals = new Arrivals({
    supervisor: () => populations.arrivals,
    wheel,
    observe,
    metrics,
    http2: (stream, peer) => grpc.serve(stream, peer),
  });
  observeSizes(metrics, {
    arrivals,
    connections,
    sessions,
    watches,
    tunnels,
    requests,
    directory,
    registry: env.registry,
    pushes,
    credentials: deps.credentials,
    fluxStreams,
  });
  grpc.handle(methods.connect.path, connectHandler({ sessions, tunnels }));
  grpc.handle(methods.getConfiguration.path, getConfigurationHandler({ sessions, watches, random }));
  grpc.handle(methods.register.path, registerHandler(sessions));
  grpc.handle(methods.reconcileProjects.path, reconcileProjectsHandler({ sessions, fluxStreams }));
  grpc.handle(methods.gitlabRequest.path, makeRequestHandler({ sessions, gitlab, clock, metrics }));
  grpc.handle(methods.report.path, reportHandler(sessions, reports));
  const rpcApis = makeRpcApis(deps, {
    supervisors: {
      api: () => populations.apiConnections,
      privateApi: () => populations.privateApiConnections,
    },
    observer: grpcMetrics,
    store,
    git,
    pushEvents,
  });
  grpc.handle(methods.getObjectsToSynchronize.path, gitops.getObjects);
  if (isDashboardOn(configuration)) {
    watched.dashboard = makeDashboard(deps, {
      registry: env.registry,
      recorder,
      sessions,
      tunnels: directory,
      requests,
      reports,
      pollers: { manifests: gitops.pollers, configuration: watches },
      tree: () => tree.view(),
    });
  }
  const fronts = makeFronts(deps, {
    grpc,
    arrivals,
    rpcApis,
    connections,
    requests,
    authorizer: new Authorizer({ gitlab, usage, clock, log }),
    probes: shared.probes,
    dashboard: watched.dashboard,
    state: () =>
      liveState({
        sessions,
        tunnels,
        requests,
        directory,
        recorder,
        reports,
        directoryFile: gitlabPort.directoryFile,
        credentials: deps.credentials,
      }),
  });
  const usageReporter = isUsageReported
    ? createUsageReporterLogic({ tracker: usage, gitlab, clock, random, log })
    : undefined;
  const tree: Tree = makeTree(env, populations, fronts, deps, {
    store: shared.children(env),
    manifestWorkers: gitops.workers.logic,
    usageReporter,
    dashboard: watched.dashboard,
  });
  return {
    tree,
    parts: { connections, sessions, directory, tunnels, requests },
    inspect: inspectorOf(look, undefined),
    ports: () => ({
      agents: fronts.agents.port,
      kubernetesApi: fronts.kubernetesApi?.port ?? 0,
      observability: fronts.observability.port,
      api: fronts.api?.port ?? 0,
      privateApi: fronts.privateApi?.port ?? 0,
    }),
    close: async () => {
      await gitlabPort.close();
      await git.close();
      await store.close();
    },
  };
}

/** Every transition goes to the recorder and is counted by machine. */
function observer(recorder: FlightRecorder, metrics: Metrics): TransitionObserver {
  metrics.observed(
    { name: 'kas_statechart_transitions', help: 'Transitions of all statecharts so far' },
    () => recorder.recorded,
  );
  return ({ actorId, machine, from, to, event }) => recorder.record(actorId, machine, from, to, event);
}
