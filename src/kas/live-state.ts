/** What `/state` shows: every agent with the state of its chart, the populations, and the latest transitions. No secrets. */
import type { AgentSessions, Requests, Tunnel, TunnelDirectory, Tunnels } from '../actors/index.ts';
import type { FlightRecorder } from '../inspect/index.ts';
import { buildInfo } from './build-info.ts';
import type { Credentials } from './credentials.ts';
import type { SyncReports } from './sync-reports/index.ts';

const agentsShownMax = 1_000;
const transitionsShownMax = 200;

export function liveState(parts: {
  readonly sessions: AgentSessions;
  readonly tunnels: Tunnels;
  readonly requests: Requests;
  readonly directory: TunnelDirectory<Tunnel>;
  readonly recorder: FlightRecorder;
  readonly reports: SyncReports;
  readonly directoryFile: () => unknown;
  readonly credentials: Credentials;
}): unknown {
  const agents: unknown[] = [];
  for (const session of parts.sessions.all()) {
    if (agents.length >= agentsShownMax) break;
    agents.push({
      session: session.sessionId,
      agentId: session.agent?.agentId,
      agentName: session.agent?.agentName,
      peer: session.connection.peer,
      connectedAt: session.connectedAt,
      podName: session.pod?.meta?.podName,
      version: session.pod?.meta?.version,
      state: session.ref?.getSnapshot().value,
    });
  }
  return {
    version: buildInfo.version,
    agents,
    agentsHidden: Math.max(0, parts.sessions.count - agentsShownMax),
    tunnels: { open: parts.tunnels.count, idle: parts.directory.idleTunnels },
    requests: { pending: parts.requests.count, waiting: parts.directory.waiting },
    directoryFile: parts.directoryFile(),
    credentials: Object.fromEntries(
      [...parts.credentials.files].map(([key, { problem }]) => [key, problem === '' ? 'in force' : problem]),
    ),
    gitops: parts.reports.shown(),
    transitions: parts.recorder.latest(transitionsShownMax),
  };
}
