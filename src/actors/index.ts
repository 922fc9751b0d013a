/** The kas actors: statecharts given their hands. */
export { AgentConnections } from './agent-connection.actor.ts';
export { type Arrival, type ArrivalDesk, Arrivals } from './arrival.actor.ts';
export type { AgentSession } from './agent-session.actor.ts';
export { AgentSessions } from './agent-sessions.ts';
export { ConfigWatches } from './config-watch.actor.ts';
export { withDeadline } from './deadline-signal.ts';
export { FluxStreams } from './flux-stream.actor.ts';
export { gitFailureText } from './git-failure-text.ts';
export { actorLimits, actorTimes } from './limits.ts';
export { createListenerLogic, type Front } from './listener.actor.ts';
export { ProjectPushes } from './project-pushes.ts';
export {
  Requests,
  type Authorization,
  type EndedRequest,
  type Exchange,
  type ForwardResult,
  type SeenRequest,
} from './request.actor.ts';
export type { SeenPoller } from './seen-poller.ts';
export { type Tunnel, Tunnels } from './tunnel.actor.ts';
export { TunnelDirectory } from './tunnel-directory.ts';
export { createKasLogic, type KasTree } from './kas.actor.ts';
export { WorkerPool, type MakeManifestWorkers } from './worker-pool.actor.ts';
export { createUsageReporterLogic } from './usage-reporter.actor.ts';
export { UsageTracker } from './usage-tracker.ts';
