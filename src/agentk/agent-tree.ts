/**
 * The supervision tree of agentk, in start order; stopping goes backwards, so what uses the link ends before the link:
 *
 *   agentk (rest_for_one)
 *   ├─ agent-link             the connection to kas
 *   ├─ leader-election        whether this replica leads; above the modules, so that it gives the Lease back after they end
 *   ├─ modules (one_for_one)  observability, kubernetes_api; flux while leading
 *   ├─ registration
 *   ├─ sync-reports (one_for_one)  sync-reporter, sync-notes: what becomes of manifest projects, to kas and to the cluster
 *   ├─ tunnels (one_for_all)  the population of tunnels, what wakes it, and the pool that fills it
 *   └─ configuration-watch
 */
import type { MakeManifestWorkers } from '../actors/index.ts';
import { DeadlineWheel, Supervisor } from '../supervisor/index.ts';
import type { BackoffPolicy, SupervisorEnv } from '../supervisor/index.ts';
import type { AgentLog } from './agent-log.ts';
import { buildModules } from './agent-modules.ts';
import { agentName } from './build-info.ts';
import { createConfigurationWatchLogic } from './configuration-watch.actor.ts';
import { createKasCaller } from './kas-caller.ts';
import type { ApiServer } from './kubernetes/index.ts';
import { leaderElectionName } from './leader/index.ts';
import { agentkLimits } from './limits.ts';
import {
  authorityOf,
  createAgentLinkLogic,
  KasSockets,
  LinkBoard,
  LinkJournal,
  type KasTarget,
  type KasWay,
} from './link/index.ts';
import { createKubernetesApi } from './modules/index.ts';
import type { AgentkOptions } from './options.ts';
import { agentMeta, createRegistrationLogic } from './registration.actor.ts';
import { TunnelHerd } from './tunnels/index.ts';
import type { Metadata } from '../protocol/index.ts';
import { leaderElectionDelays } from '../../statecharts/index.ts';

export interface AgentTreeDeps {
  readonly options: AgentkOptions;
  readonly target: KasTarget;
  readonly headers: Metadata;
  readonly server: ApiServer;
  readonly log: AgentLog;
  readonly env: SupervisorEnv;
  readonly onIdentityChanged: (reason: string) => void;
  /** By the network of this machine unless told. */
  readonly way?: KasWay | undefined;
  readonly manifestWorkers?: MakeManifestWorkers | undefined;
}

export interface AgentTree {
  readonly root: Supervisor;
  readonly sockets: KasSockets;
  readonly board: LinkBoard;
  readonly herd: TunnelHerd;
}

const wheelTickMs = 50;

/** What a crashed actor waits before it is started again: a bug must not become a dial loop. */
const afterCrash: BackoffPolicy = { initMs: 1_000, factor: 2, maxMs: 60_000, jitter: 1, resetMs: 600_000 };

export function buildAgentTree(deps: AgentTreeDeps): AgentTree {
  const { options, target, headers, server, log, env } = deps;
  const { clock, random, metrics } = options.ports;
  const { build, pod } = options;
  const drainMs = options.drainMs ?? agentkLimits.drainMs;
  const board = new LinkBoard();
  const sockets = new KasSockets(target, deps.way);
  const caller = createKasCaller({
    token: options.token,
    headers,
    authority: authorityOf(target),
    userAgent: agentName(build),
    clock,
    log,
    metrics,
  });
  const api = createKubernetesApi({ server, agentName: agentName(build), clock, log, metrics });
  const { modules, identity, election, reporting } = buildModules({
    options,
    server,
    log,
    env,
    board,
    caller,
    own: [api.module],
    manifestWorkers: deps.manifestWorkers,
  });
  const herd = new TunnelHerd({
    board,
    caller,
    services: api.services,
    serve: api.serve,
    clock,
    random,
    log,
    metrics,
    drainMs: drainMs * agentkLimits.tunnelDrainShare,
    env,
    wheel: new DeadlineWheel(clock, wheelTickMs),
  });
  const link = createAgentLinkLogic({
    sockets,
    board,
    journal: new LinkJournal(log, target.address.shown),
    random,
  });
  const registration = createRegistrationLogic({
    board,
    caller,
    build,
    pod,
    podId: random.int63(),
    kubernetesVersion: (signal) => server.version(signal),
    clock,
    random,
    log,
  });
  const configuration = createConfigurationWatchLogic({
    board,
    caller,
    meta: agentMeta(build, pod, undefined),
    identity,
    modules,
    onIdentityChanged: deps.onIdentityChanged,
    clock,
    random,
    log,
  });
  const startDelayMs = random.next() * (options.startDelayMsMax ?? agentkLimits.startDelayMsMax);
  const root = new Supervisor(
    {
      id: 'agentk-tree',
      strategy: 'rest_for_one',
      intensity: 3,
      periodMs: 60_000,
      children: [
        { id: 'agent-link', logic: link, input: { startDelayMs }, backoff: afterCrash },
        {
          id: leaderElectionName,
          name: leaderElectionName,
          logic: election,
          input: { identity: pod.name },
          shutdown: leaderElectionDelays.releaseMs + 1_000,
          backoff: afterCrash,
        },
        {
          id: 'modules',
          supervisor: () =>
            new Supervisor(
              {
                id: 'modules',
                strategy: 'one_for_one',
                intensity: 3,
                periodMs: 60_000,
                children: modules.children(),
              },
              env,
            ),
        },
        {
          id: 'registration',
          logic: registration,
          input: { registrationId: 'registration' },
          backoff: afterCrash,
        },
        { ...reporting.child, backoff: afterCrash },
        {
          id: 'tunnels',
          supervisor: () =>
            new Supervisor({ id: 'tunnel-tree', strategy: 'one_for_all', children: herd.children() }, env),
        },
        {
          id: 'configuration-watch',
          logic: configuration,
          input: { watchId: 'configuration-watch' },
          restart: 'transient',
          backoff: afterCrash,
        },
      ],
    },
    env,
  );
  measureLink(options, board, sockets);
  return { root, sockets, board, herd };
}

function measureLink({ ports: { metrics } }: AgentkOptions, board: LinkBoard, sockets: KasSockets): void {
  metrics.observed(
    { name: 'agentk_kas_connected', help: '1 while a connection to kas takes new calls.' },
    () => Number(board.current !== undefined),
  );
  metrics.observed(
    { name: 'agentk_kas_connections_retired', help: 'Old connections to kas that finish their calls.' },
    () => sockets.retiredCount,
  );
}
