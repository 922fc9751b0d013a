/**
 * The parts of kas a request passes, composed as the server composes them: the agent listener with its connections, sessions
 * and tunnels, and the Kubernetes API proxy with its requests, each under its supervisor. What is not on that way
 * (configuration, GitOps, dashboard, stores of others) is left out.
 */
import {
  actorLimits,
  actorTimes,
  AgentConnections,
  AgentSessions,
  Arrivals,
  createListenerLogic,
  Requests,
  TunnelDirectory,
  Tunnels,
  UsageTracker,
  type EndedRequest,
  type Tunnel,
} from '../../actors/index.ts';
import { AgentApiFront, connectHandler, registerHandler } from '../../kas/agent-api/index.ts';
import { Authorizer, KubernetesApiFront } from '../../kas/kubernetes-api/index.ts';
import { parseListenAddress } from '../../kas/index.ts';
import { GrpcServer } from '../../pipe/grpc/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { methods } from '../../protocol/index.ts';
import { memoryStore } from '../../store/memory/index.ts';
import {
  DeadlineWheel,
  DynamicSupervisor,
  HotSupervisor,
  Registry,
  reportsToLog,
  Supervisor,
  type SupervisorEnv,
} from '../../supervisor/index.ts';
import { noMetrics } from './quiet-ports.ts';
import { simulatedGitLab } from './simulated-gitlab.ts';

export const kasPorts = { agents: 8150, kubernetesApi: 8154 } as const;

export interface SimulatedKasDeps {
  /** The place where it listens. */
  readonly place: string;
  readonly agents: number;
  readonly reuse: boolean;
  readonly connectionAgeMsMax: number;
  readonly listenGraceMs: number;
  readonly shutdownGraceMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly onEnded: (ended: EndedRequest) => void;
}

/** What is alive in it, by population. */
export type Sizes = Readonly<Record<string, number>>;

export interface SimulatedKas {
  start(): Promise<void>;
  /** As SIGTERM: idle work ends, what runs may finish. */
  drain(): Promise<void>;
  /** Cuts what the drain waits for. */
  kill(): Promise<void>;
  sizes(): Sizes;
}

export function composeKas(deps: SimulatedKasDeps): SimulatedKas {
  const { clock, random, log } = deps;
  const metrics = noMetrics;
  const env: SupervisorEnv = { clock, random, registry: new Registry(), report: reportsToLog(log) };
  const observe = () => {};
  const wheel = new DeadlineWheel(clock, 50);
  const store = memoryStore({ clock });
  const gitlab = simulatedGitLab({ agents: deps.agents, sharedErrors: store.sharedErrors, clock, log });
  const populations = {
    connections: new DynamicSupervisor({ id: 'connections', maxChildren: actorLimits.connectionsMax }, env),
    arrivals: new HotSupervisor({ id: 'arrivals', maxChildren: actorLimits.arrivalsMax }, env),
    sessions: new DynamicSupervisor({ id: 'sessions', maxChildren: actorLimits.sessionsMax }, env),
    tunnels: new HotSupervisor({ id: 'tunnels', maxChildren: actorLimits.tunnelsMax }, env),
    requests: new HotSupervisor({ id: 'requests', maxChildren: actorLimits.requestsMax }, env),
  };
  const directory = new TunnelDirectory<Tunnel>({ waitersPerAgentMax: actorLimits.waitersPerAgentMax });
  const connections = new AgentConnections({
    supervisor: () => populations.connections,
    clock,
    random,
    log,
    metrics,
    ageMsMax: deps.connectionAgeMsMax,
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
    registrationTtlMs: 300_000,
    refreshMs: 240_000,
    callsPerTokenPerMinuteMax: 40_000,
  });
  const tunnels: Tunnels = new Tunnels({
    supervisor: () => populations.tunnels,
    directory,
    wheel,
    observe,
    log,
    reuse: deps.reuse,
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
    onEnded: deps.onEnded,
    routingSeconds: metrics.histogram({ name: 'routing', help: '', buckets: [] }),
  });
  const grpc = new GrpcServer({ strangers: true, clock, log });
  grpc.onSession = (session, peer) => connections.accept(session, peer, () => grpc.trust(session));
  grpc.onAbuse = (session, abuse) => connections.abused(session, abuse);
  grpc.handle(methods.connect.path, connectHandler({ sessions, tunnels }));
  grpc.handle(methods.register.path, registerHandler(sessions));
  const arrivals = new Arrivals({
    supervisor: () => populations.arrivals,
    wheel,
    observe,
    metrics,
    http2: (stream, peer) => grpc.serve(stream, peer),
  });
  const listenAt = (port: number) => parseListenAddress('tcp', `${deps.place}:${port}`);
  const agentApi = new AgentApiFront({
    address: listenAt(kasPorts.agents),
    tls: undefined,
    webSocket: false,
    arrivals,
    connections,
    clock,
    log,
  });
  const usage = new UsageTracker({ metrics, isReported: false });
  const kubernetesApi = new KubernetesApiFront({
    address: listenAt(kasPorts.kubernetesApi),
    tls: undefined,
    urlPathPrefix: '/',
    allowedOrigin: undefined,
    requests,
    authorizer: new Authorizer({ gitlab, usage, clock, log }),
    clock,
    log,
    metrics,
  });
  const { listenGraceMs, shutdownGraceMs } = deps;
  const listener = (name: string, graceMs: number) => ({
    id: `listener:${name}`,
    logic: createListenerLogic({
      fronts: new Map<string, AgentApiFront | KubernetesApiFront>([
        ['agent-api', agentApi],
        ['kubernetes-api', kubernetesApi],
      ]),
      log,
    }),
    input: { name, listenGraceMs, shutdownGraceMs: graceMs },
    ready: 'tag' as const,
    shutdown: 'infinity' as const,
  });
  const { requests: pending, ...others } = populations;
  const root = new Supervisor(
    {
      id: 'kas',
      strategy: 'one_for_one',
      intensity: 5,
      periodMs: 30_000,
      children: [
        ...Object.entries(others).map(([id, population]) => ({ id, supervisor: () => population })),
        { id: 'requests', supervisor: () => pending },
        listener('agent-api', deps.connectionAgeMsMax),
        listener('kubernetes-api', shutdownGraceMs),
      ],
    },
    env,
  );
  return {
    start: () => root.start(),
    drain: () => root.stop('kas is stopping'),
    kill: async () => {
      await Promise.all([kubernetesApi.cut(), agentApi.cut()]);
    },
    sizes: () => ({
      arrivals: arrivals.count,
      connections: connections.count,
      sessions: sessions.count,
      tunnels: tunnels.count,
      requests: requests.count,
      waiting: directory.waiting,
      'idle tunnels': directory.idleTunnels,
    }),
  };
}
