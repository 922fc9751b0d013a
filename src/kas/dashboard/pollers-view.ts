/** Who asks repositories again and again: for manifests, shared by all agents that want them, and for each agent's configuration. */
import type { SeenPoller } from '../../actors/index.ts';
import { shown } from './agent-condition.ts';
import { dashboardLimits } from './limits.ts';
import type { PollerLine, PollersView } from './wire.ts';

export interface PollerSource {
  readonly count: number;
  seen(limit: number): readonly SeenPoller[];
}

export type PollerSources = Readonly<Record<PollerLine['kind'], PollerSource>>;

export function pollersView({ manifests, configuration }: PollerSources, now: number): PollersView {
  const linesMax = dashboardLimits.pollersShownMax;
  const lines = [
    ...manifests.seen(linesMax).map((poller) => lineOf('manifests', poller)),
    ...configuration.seen(linesMax).map((poller) => lineOf('configuration', poller)),
  ];
  const counts = { manifests: manifests.count, configuration: configuration.count };
  return { now, counts, pollers: lines, hidden: counts.manifests + counts.configuration - lines.length };
}

function lineOf(kind: PollerLine['kind'], poller: SeenPoller): PollerLine {
  const { pollerId, project, ref, state, commitId, listeners, agentId, askedAt, attempt, reason } = poller;
  return {
    id: shown(pollerId),
    kind,
    project: shown(project),
    ref: shown(ref),
    state,
    commit: commitId,
    listeners,
    agentId: agentId === undefined ? null : String(agentId),
    askedAt: askedAt ?? null,
    attempt,
    reason: shown(reason),
  };
}
