/**
 * The supervision tree of kas and the fronts that stand in it. Start order; it stops in reverse: watched files,
 * shared store, observability, usage reporter, connections, arrivals, sessions, configuration watches, manifest workers,
 * repository pollers, streams of manifests, tunnels, requests, private API, API, agent API, Kubernetes API.
 */
import type { AnyActorLogic } from 'xstate';
import {
  actorLimits,
  createListenerLogic,
  type AgentConnections,
  type Arrivals,
  type Front,
  type KasTree,
  type Requests,
} from '../actors/index.ts';
import { watchedFilesChildren } from '../files/index.ts';
import { gitopsLimits } from '../actors/gitops/index.ts';
import type { Probe } from '../inspect/index.ts';
import {
  DynamicSupervisor,
  HotSupervisor,
  Supervisor,
  type BackoffPolicy,
  type SomeChildSpec,
  type SupervisorEnv,
} from '../supervisor/index.ts';
import { AgentApiFront } from './agent-api/front.ts';
import type { GrpcServer } from '../pipe/grpc/index.ts';
import type { ListeningFront } from './outside.ts';
import type { KasConfiguration } from './configuration/index.ts';
import type { Authorizer } from './kubernetes-api/authorizer.ts';
import { dashboardLimits, liveFeedName, supervisorTree, type Dashboard } from './dashboard/index.ts';
import { KubernetesApiFront } from './kubernetes-api/front.ts';
import { parseListenAddress } from './listen.ts';
import { ObservabilityFront } from './observability-front.ts';
import type { RpcApis } from './rpc-apis.ts';
import type { ServerDeps } from './server-deps.ts';

/** The populations of the present life of the tree: ask for one each time, a restart makes a new one. */
export interface Populations {
  connections: DynamicSupervisor;
  arrivals: HotSupervisor;
  apiConnections: DynamicSupervisor;
  privateApiConnections: DynamicSupervisor;
  sessions: DynamicSupervisor;
  watches: DynamicSupervisor;
  pollers: DynamicSupervisor;
  gitopsStreams: DynamicSupervisor;
  fluxStreams: DynamicSupervisor;
  tunnels: HotSupervisor;
  requests: HotSupervisor;
}

/** What the workers wait before they are started again. */
const afterCrash: BackoffPolicy = { initMs: 1_000, factor: 2, maxMs: 60_000, jitter: 1, resetMs: 600_000 };
/** The chart ends by itself sooner (`statecharts/usage-reporter.ts` U3). */
const usageReporterStopMs = 15_000;

const makers = {
  connections: (env: SupervisorEnv) =>
    new DynamicSupervisor({ id: 'connections', maxChildren: actorLimits.connectionsMax }, env),
  arrivals: (env: SupervisorEnv) =>
    new HotSupervisor({ id: 'arrivals', maxChildren: actorLimits.arrivalsMax }, env),
  apiConnections: (env: SupervisorEnv) =>
    new DynamicSupervisor({ id: 'api-connections', maxChildren: actorLimits.rpcConnectionsMax }, env),
  privateApiConnections: (env: SupervisorEnv) =>
    new DynamicSupervisor({ id: 'private-api-connections', maxChildren: actorLimits.rpcConnectionsMax }, env),
  sessions: (env: SupervisorEnv) =>
    new DynamicSupervisor({ id: 'sessions', maxChildren: actorLimits.sessionsMax }, env),
  watches: (env: SupervisorEnv) =>
    new DynamicSupervisor({ id: 'watches', maxChildren: actorLimits.watchesMax }, env),
  pollers: (env: SupervisorEnv) =>
    new DynamicSupervisor({ id: 'pollers', maxChildren: gitopsLimits.pollersMax }, env),
  gitopsStreams: (env: SupervisorEnv) =>
    new DynamicSupervisor({ id: 'gitops-streams', maxChildren: gitopsLimits.streamsMax }, env),
  fluxStreams: (env: SupervisorEnv) =>
    new DynamicSupervisor({ id: 'flux-streams', maxChildren: actorLimits.fluxStreamsMax }, env),
  tunnels: (env: SupervisorEnv) =>
    new HotSupervisor({ id: 'tunnels', maxChildren: actorLimits.tunnelsMax }, env),
  requests: (env: SupervisorEnv) =>
    new HotSupervisor({ id: 'requests', maxChildren: actorLimits.requestsMax }, env),
} as const;

export function makePopulations(env: SupervisorEnv): Populations {
  return {
    connections: makers.connections(env),
    arrivals: makers.arrivals(env),
    apiConnections: makers.apiConnections(env),
    privateApiConnections: makers.privateApiConnections(env),
    sessions: makers.sessions(env),
    watches: makers.watches(env),
    pollers: makers.pollers(env),
    gitopsStreams: makers.gitopsStreams(env),
    fluxStreams: makers.fluxStreams(env),
    tunnels: makers.tunnels(env),
    requests: makers.requests(env),
  };
}

export interface Fronts extends RpcApis {
  readonly agents: ListeningFront;
  readonly kubernetesApi: KubernetesApiFront | undefined;
  readonly observability: ListeningFront;
}

export function makeFronts(
  { configuration, credentials: { tls }, clock, log, registry, serving, outside }: ServerDeps,
  parts: {
    readonly grpc: GrpcServer;
    readonly arrivals: Arrivals;
    readonly connections: AgentConnections;
    readonly requests: Requests;
    readonly authorizer: Authorizer;
    readonly rpcApis: RpcApis;
    readonly probes: Readonly<Record<string, Probe>>;
    readonly state: () => unknown;
    readonly dashboard: Dashboard | undefined;
  },
): Fronts {
  const { agent, observability, gitlab } = configuration;
  const proxy = agent.kubernetes_api;
  const agents =
    outside?.agentFront(parts) ??
    new AgentApiFront({
      address: parseListenAddress(agent.listen.network, agent.listen.address),
      tls: tls.agents,
      webSocket: agent.listen.websocket,
      arrivals: parts.arrivals,
      connections: parts.connections,
      clock,
      log,
    });
  const kubernetesApi =
    proxy === undefined
      ? undefined
      : new KubernetesApiFront({
          address: parseListenAddress(proxy.listen.network, proxy.listen.address),
          listen: outside?.listen,
          tls: tls.kubernetesApi,
          urlPathPrefix: proxy.url_path_prefix,
          allowedOrigin: gitlab.external_url,
          requests: parts.requests,
          authorizer: parts.authorizer,
          clock,
          log,
          metrics: registry.metrics,
        });
  const { api, privateApi } = parts.rpcApis;
  const ready = (yes: boolean) => (yes ? undefined : 'not ready yet');
  return {
    agents,
    kubernetesApi,
    api,
    privateApi,
    observability:
      outside?.observabilityFront ??
      new ObservabilityFront({
        address: parseListenAddress(observability.listen.network, observability.listen.address),
        tls: tls.observability,
        paths: {
          metrics: observability.prometheus.url_path,
          liveness: observability.liveness_probe.url_path,
          readiness: observability.readiness_probe.url_path,
        },
        readinessProbes: {
          ...parts.probes,
          agentServer: () => ready(agents.port > 0),
          ...(api === undefined ? {} : { apiServer: () => ready(api.listening) }),
          ...(privateApi === undefined ? {} : { privateApiServer: () => ready(privateApi.listening) }),
          kas: () => (serving() ? undefined : 'starting or stopping'),
        },
        exposeMetrics: () => registry.expose(),
        state: parts.state,
        dashboard: parts.dashboard,
        clock,
        log,
      }),
  };
}

export interface Tree extends KasTree {
  /** Resolves with the reason when the tree ended by itself or was stopped. */
  readonly broken: Promise<string>;
  /** As people see it. */
  readonly view: () => ReturnType<typeof supervisorTree>;
}

export function makeTree(
  env: SupervisorEnv,
  populations: Populations,
  fronts: Fronts,
  { configuration, credentials, clock, log }: ServerDeps,
  parts: {
    /** What the shared store needs to live. */
    readonly store: readonly SomeChildSpec[];
    readonly manifestWorkers: AnyActorLogic;
    /** Tells GitLab what was used; nothing when that is switched off. */
    readonly usageReporter: AnyActorLogic | undefined;
    readonly dashboard: Dashboard | undefined;
  },
): Tree {
  const { agent, api, private_api: privateApi } = configuration;
  const named = new Map<string, Front>([
    ['observability', fronts.observability],
    ['agent-api', fronts.agents],
  ]);
  if (fronts.kubernetesApi !== undefined) named.set('kubernetes-api', fronts.kubernetesApi);
  if (fronts.api !== undefined) named.set('api', fronts.api);
  if (fronts.privateApi !== undefined) named.set('private-api', fronts.privateApi);
  const logic = createListenerLogic({ fronts: named, log });
  const listener = (name: string, listenGraceMs: number, shutdownGraceMs: number) => ({
    id: `listener:${name}`,
    logic,
    input: { name, listenGraceMs, shutdownGraceMs },
    ready: 'tag' as const,
    shutdown: 'infinity' as const,
  });
  const proxy = agent.kubernetes_api?.listen;
  // A grace counts from the request to stop. The listeners of agents and clients stop first, and have had theirs by then.
  const graceBeforeMs = agent.listen.listen_grace_period + (proxy?.listen_grace_period ?? 0);
  const rpcListener = (name: string, section: KasConfiguration['api'] | KasConfiguration['private_api']) =>
    section === undefined
      ? []
      : [
          listener(
            name,
            Math.max(0, section.listen.listen_grace_period - graceBeforeMs),
            section.listen.max_connection_age,
          ),
        ];
  const root = new Supervisor(
    {
      id: 'kas',
      strategy: 'one_for_one',
      intensity: 5,
      periodMs: 30_000,
      children: [
        {
          id: 'files',
          supervisor: () =>
            new Supervisor(
              {
                id: 'files',
                strategy: 'one_for_one',
                children: watchedFilesChildren(credentials.files, { clock, log }),
              },
              env,
            ),
        },
        ...parts.store,
        ...(parts.dashboard === undefined
          ? []
          : [
              {
                id: liveFeedName,
                name: liveFeedName,
                logic: parts.dashboard.feed.logic,
                input: { pulseMs: dashboardLimits.pulseMs },
              },
            ]),
        listener('observability', 0, 1_000),
        ...(parts.usageReporter === undefined
          ? []
          : [
              {
                id: 'usage-reporter',
                logic: parts.usageReporter,
                input: { periodMs: configuration.observability.usage_reporting_period },
                shutdown: usageReporterStopMs,
              },
            ]),
        { id: 'connections', supervisor: () => (populations.connections = makers.connections(env)) },
        { id: 'arrivals', supervisor: () => (populations.arrivals = makers.arrivals(env)) },
        { id: 'sessions', supervisor: () => (populations.sessions = makers.sessions(env)) },
        { id: 'watches', supervisor: () => (populations.watches = makers.watches(env)) },
        { id: 'manifest-workers', logic: parts.manifestWorkers, ready: 'tag' as const, backoff: afterCrash },
        { id: 'pollers', supervisor: () => (populations.pollers = makers.pollers(env)) },
        {
          id: 'gitops-streams',
          supervisor: () => (populations.gitopsStreams = makers.gitopsStreams(env)),
        },
        { id: 'flux-streams', supervisor: () => (populations.fluxStreams = makers.fluxStreams(env)) },
        { id: 'tunnels', supervisor: () => (populations.tunnels = makers.tunnels(env)) },
        { id: 'requests', supervisor: () => (populations.requests = makers.requests(env)) },
        {
          id: 'api-connections',
          supervisor: () => (populations.apiConnections = makers.apiConnections(env)),
        },
        {
          id: 'private-api-connections',
          supervisor: () => (populations.privateApiConnections = makers.privateApiConnections(env)),
        },
        ...rpcListener('private-api', privateApi),
        ...rpcListener('api', api),
        listener('agent-api', agent.listen.listen_grace_period, agent.listen.max_connection_age),
        ...(proxy === undefined
          ? []
          : [listener('kubernetes-api', proxy.listen_grace_period, proxy.shutdown_grace_period)]),
      ],
    },
    env,
  );
  return {
    view: () => supervisorTree(root.id, root.health(), root.whichChildren()),
    start: () => root.start(),
    drain: () => root.stop('kas is stopping'),
    kill: async () => {
      await Promise.all([
        fronts.kubernetesApi?.cut(),
        fronts.agents.cut(),
        fronts.api?.cut(),
        fronts.privateApi?.cut(),
        fronts.observability.cut(),
      ]);
    },
    broken: root.exit.then((exit) =>
      exit.kind === 'shutdown'
        ? exit.reason
        : exit.kind === 'crashed'
          ? String(exit.error)
          : 'the tree ended',
    ),
  };
}
