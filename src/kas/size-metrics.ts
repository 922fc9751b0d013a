/** How near each population is to its bound: read when the metrics are scraped. */
import {
  actorLimits,
  type AgentConnections,
  type Arrivals,
  type AgentSessions,
  type ConfigWatches,
  type FluxStreams,
  type ProjectPushes,
  type Requests,
  type Tunnel,
  type TunnelDirectory,
  type Tunnels,
} from '../actors/index.ts';
import type { Metrics } from '../ports/index.ts';
import type { Registry } from '../supervisor/index.ts';
import type { Credentials } from './credentials.ts';

export function observeSizes(
  metrics: Metrics,
  parts: {
    readonly arrivals: Arrivals;
    readonly connections: AgentConnections;
    readonly sessions: AgentSessions;
    readonly watches: ConfigWatches;
    readonly tunnels: Tunnels;
    readonly requests: Requests;
    readonly directory: TunnelDirectory<Tunnel>;
    readonly registry: Registry;
    readonly pushes: ProjectPushes;
    readonly credentials: Credentials;
    readonly fluxStreams: FluxStreams;
  },
): void {
  const size = (name: string, help: string, read: () => number, max?: number) => {
    metrics.observed({ name, help }, read);
    if (max !== undefined) metrics.observed({ name: `${name}_max`, help: `Bound of ${name}` }, () => max);
  };
  const {
    arrivals,
    connections,
    sessions,
    watches,
    tunnels,
    requests,
    directory,
    registry,
    pushes,
    fluxStreams,
  } = parts;
  size('kas_agent_connections', 'Agent connections', () => connections.count, actorLimits.connectionsMax);
  size(
    'kas_agent_connections_strangers',
    'Agent connections on which no agent was accepted yet',
    () => connections.strangers,
    actorLimits.strangersMax,
  );
  size(
    'kas_agent_arrivals',
    'Connections that have not spoken yet',
    () => arrivals.count,
    actorLimits.arrivalsMax,
  );
  size('kas_agent_sessions', 'Agent sessions of this kas', () => sessions.count, actorLimits.sessionsMax);
  // With Redis it has counted the agents of all kas by now, and the first to give a metric its name keeps it.
  size('connected_agents_count', 'Agents connected to this kas', () => sessions.count);
  size('kas_config_watches', 'Configuration streams', () => watches.count, actorLimits.watchesMax);
  size('kas_flux_streams', 'Streams of pushes for Flux', () => fluxStreams.count, actorLimits.fluxStreamsMax);
  size('kas_tunnels', 'Tunnels, idle or not', () => tunnels.count, actorLimits.tunnelsMax);
  size('kas_tunnels_idle', 'Tunnels nobody uses', () => directory.idleTunnels);
  size(
    'kas_requests_pending',
    'Requests to clusters under way',
    () => requests.count,
    actorLimits.requestsMax,
  );
  size('kas_requests_waiting', 'Requests waiting for a tunnel', () => directory.waiting);
  size('kas_push_subscriptions', 'Who waits for news of a push, per project and stream', () => pushes.count);
  size(
    'kas_credential_files_rejected',
    'Certificates and secrets whose files cannot be used as they are now; the last good ones are in force',
    () => [...parts.credentials.files.values()].filter(({ problem }) => problem !== '').length,
  );
  size('kas_dead_letters', 'Events sent to names nobody held', () => registry.deadLetters);
}
