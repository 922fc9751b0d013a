/**
 * The decisions of a supervisor as pure functions: given how a child ended and who its siblings are, what is stopped, what
 * is started, what is forgotten. The shell in `supervisor.ts` only carries them out (OTP: `supervisor.erl`).
 *
 * S1. `permanent` is always started again, `transient` after a crash, `temporary` never.
 * S2. Stops go in the reverse of the start order, starts in the start order.
 * S3. A temporary sibling stopped on the way is forgotten; a transient one is started again even if it had ended
 *     normally before.
 */
import type { AutoShutdown, Restart } from './child-spec.ts';
import { isAbnormal, type Exit } from './exit.ts';

export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one';

/** A child as the decisions see it. */
export interface PlannedChild {
  readonly id: string;
  readonly restart: Restart;
  readonly significant: boolean;
  /** Running, starting, or between two lives. */
  readonly alive: boolean;
}

/** `keep`: over, but a restart of its group starts it again. `forget`: its spec is gone too. */
export type AfterExit = 'restart' | 'keep' | 'forget';

/** What becomes of a child that ended by itself. */
export function afterExit(restart: Restart, exit: Exit): AfterExit {
  if (restart === 'permanent') return 'restart'; // S1
  if (restart === 'temporary') return 'forget';
  return isAbnormal(exit) ? 'restart' : 'keep';
}

/** Whether the end (without restart) of a significant child ends the whole supervisor. `others` are its siblings. */
export function endsSupervisor(autoShutdown: AutoShutdown, others: readonly PlannedChild[]): boolean {
  switch (autoShutdown) {
    case 'never':
      return false;
    case 'any_significant':
      return true;
    case 'all_significant':
      return !others.some((child) => child.significant && child.alive);
  }
}

export interface RestartPlan {
  /** Ids to stop, in this order, one after the other. */
  readonly stops: readonly string[];
  /** Ids whose spec goes away once they are stopped. */
  readonly forgets: readonly string[];
  /** Ids to start, in this order, each when the one before is ready. */
  readonly starts: readonly string[];
}

/**
 * The restart of `failedId` among `children` (in start order). The same plan serves for a child that failed to start
 * during an earlier restart.
 */
export function planRestart(
  strategy: Strategy,
  children: readonly PlannedChild[],
  failedId: string,
): RestartPlan {
  const failedIndex = children.findIndex((child) => child.id === failedId);
  if (failedIndex === -1) return { stops: [], forgets: [], starts: [] };
  const group = children.filter((_, index) => {
    if (strategy === 'one_for_all') return true;
    return strategy === 'rest_for_one' ? index >= failedIndex : index === failedIndex;
  });
  const siblings = group.filter((child) => child.id !== failedId);
  const forgets = siblings.filter((child) => child.restart === 'temporary').map((child) => child.id); // S3
  return {
    stops: siblings
      .filter((child) => child.alive)
      .map((child) => child.id)
      .reverse(), // S2
    forgets,
    starts: group.map((child) => child.id).filter((id) => !forgets.includes(id)),
  };
}
