/** Whether this kas has a dashboard, and what it is made of. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentSessions, Requests, Tunnel, TunnelDirectory } from '../actors/index.ts';
import type { FlightRecorder } from '../inspect/index.ts';
import type { Registry } from '../supervisor/index.ts';
import type { KasConfiguration } from './configuration/index.ts';
import { Dashboard, dashboardLimits, type PollerSources } from './dashboard/index.ts';
import type { ServerDeps } from './server-deps.ts';
import type { SyncReports } from './sync-reports/index.ts';
import type { Tree } from './tree.ts';

/** Not said: a kas without GitLab has one, since it has no other pages. */
export function isDashboardOn({ observability, standalone }: KasConfiguration): boolean {
  return observability.dashboard.enabled ?? standalone !== undefined;
}

export function makeDashboard(
  { configuration, credentials, folder, clock, registry: { metrics }, ownUrl }: ServerDeps,
  parts: {
    readonly registry: Registry;
    readonly recorder: FlightRecorder;
    readonly sessions: AgentSessions;
    readonly tunnels: TunnelDirectory<Tunnel>;
    readonly requests: Requests;
    readonly reports: SyncReports;
    readonly pollers: PollerSources;
    readonly tree: Tree['view'];
  },
): Dashboard {
  const { pages } = configuration.observability.dashboard;
  const dashboard = new Dashboard({
    clock,
    registry: parts.registry,
    recorder: parts.recorder,
    find: (sessionId) => parts.sessions.get(sessionId),
    tunnels: parts.tunnels,
    requests: () => parts.requests,
    projects: (agentId) => parts.reports.ofAgent(agentId),
    objects: (agentId, project) => parts.reports.projectOf(agentId, project),
    pollers: parts.pollers,
    tree: parts.tree,
    token: credentials.secrets.dashboard,
    pagesFolder: pages === undefined ? shippedPages() : resolve(folder, pages),
    kasName: ownUrl?.url ?? 'this kas',
  });
  metrics.observed(
    {
      name: 'kas_dashboard_watchers',
      help: `Open streams of the dashboard, at most ${dashboardLimits.watchersMax}`,
    },
    () => dashboard.feed.watchers,
  );
  metrics.observed(
    {
      name: 'kas_dashboard_agents',
      help: 'Agents the dashboard lists, those gone within the last hour included',
    },
    () => dashboard.rows,
  );
  metrics.observed(
    {
      name: 'kas_recorder_sampled_out',
      help: 'Transitions of requests and tunnels the flight recorder left out',
    },
    () => parts.recorder.sampledOut,
  );
  return dashboard;
}

/** `dist/web`, from the sources as from `dist`. */
function shippedPages(): string {
  const up = import.meta.url.endsWith('.ts') ? '../../dist/web' : '../../web';
  return fileURLToPath(new URL(up, import.meta.url));
}
