/** The supervision tree as people see it: who runs, how often it was restarted, how near its supervisor is to giving up. */
import type { StateValue } from 'xstate';
import {
  stateName,
  type ChildInfo,
  type SupervisorHealth,
  type SupervisorReport,
} from '../../supervisor/index.ts';
import { shown } from './agent-condition.ts';
import { dashboardLimits } from './limits.ts';
import type { SupervisorNode, SupervisorsView } from './wire.ts';

/** Remembers what went wrong under supervisors. */
export class SupervisorNews {
  readonly #reports: SupervisorsView['reports'][number][] = [];

  hear(report: SupervisorReport): void {
    if (!isNews(report)) return;
    const { kind, at, supervisor, childId, reason, attempt } = report;
    this.#reports.push({ at, kind, supervisor, child: childId ?? '', reason: shown(reason), attempt });
    if (this.#reports.length > dashboardLimits.reportsMax) this.#reports.shift();
  }

  /** Newest first. */
  latest(): SupervisorsView['reports'] {
    return this.#reports.toReversed();
  }
}

/** Starts and orderly ends are not. */
export function isNews({ kind, error }: SupervisorReport): boolean {
  return kind !== 'started' && kind !== 'stopped' && (kind !== 'exited' || error !== undefined);
}

export function supervisorTree(
  id: string,
  health: SupervisorHealth,
  children: readonly ChildInfo[],
): SupervisorNode {
  return nodeOf({ id, kind: 'supervisor', status: 'running', restarts: 0, ref: undefined, children, health });
}

function nodeOf({ id, kind, status, restarts, ref, children = [], health }: ChildInfo): SupervisorNode {
  const shownChildren = children.slice(0, dashboardLimits.childrenShownMax);
  return {
    id,
    kind,
    status,
    state: health?.state ?? stateOf(ref),
    restarts,
    ...(health === undefined
      ? {}
      : {
          strategy: health.strategy,
          restartsInWindow: health.restartsInWindow,
          intensity: health.intensity,
          periodMs: health.periodMs,
        }),
    ...(health?.population === undefined
      ? {}
      : { population: health.population.count, populationMax: health.population.max }),
    children: shownChildren.map(nodeOf),
    hidden: children.length - shownChildren.length,
  };
}

function stateOf(ref: ChildInfo['ref']): string {
  const snapshot: unknown = ref?.getSnapshot();
  if (typeof snapshot !== 'object' || snapshot === null || !('value' in snapshot)) return '';
  return stateName(snapshot.value as StateValue);
}
