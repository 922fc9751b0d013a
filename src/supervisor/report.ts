/**
 * What a supervisor tells the outside: one flat record per start, end, restart and give-up. The composition root logs and
 * counts them; nothing else may depend on their being read.
 */
import type { Log, LogFields } from '../ports/index.ts';

export type ReportKind =
  /** A child runs (and is ready, if it had to be). */
  | 'started'
  | 'startFailed'
  /** A child ended by itself. */
  | 'exited'
  /** A child ended because its supervisor asked, or was killed when its budget was spent. */
  | 'stopped'
  /** A child crashed while it was being stopped. */
  | 'stopFailed'
  | 'restarting'
  /** Too many restarts: the supervisor ends with `shutdown` and its parent decides. */
  | 'gaveUp'
  /** An observer or the report function itself threw; after some times it is unplugged. */
  | 'observerFailed';

export interface SupervisorReport {
  readonly kind: ReportKind;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly supervisor: string;
  readonly childId: string | undefined;
  readonly reason: string;
  /** Restarts of this child so far; 0 in its first life. */
  readonly attempt: number;
  /** Pause before the next start; only `restarting` has one. */
  readonly waitMs?: number;
  readonly error?: unknown;
}

const levels = {
  started: 'debug',
  startFailed: 'error',
  exited: 'debug',
  stopped: 'debug',
  stopFailed: 'warn',
  restarting: 'warn',
  gaveUp: 'error',
  observerFailed: 'error',
} as const satisfies Readonly<Record<ReportKind, 'debug' | 'warn' | 'error'>>;

const messages: Readonly<Record<ReportKind, string>> = {
  started: 'Child started',
  startFailed: 'Child failed to start',
  exited: 'Child ended',
  stopped: 'Child stopped',
  stopFailed: 'Child crashed while stopping',
  restarting: 'Restarting child',
  gaveUp: 'Supervisor gave up',
  observerFailed: 'Observer failed',
};

/** A report function that writes each record as one structured line. */
export function reportsToLog(log: Log): (report: SupervisorReport) => void {
  return (report) => {
    const level = report.kind === 'exited' && report.error !== undefined ? 'warn' : levels[report.kind];
    const fields: LogFields = {
      supervisor: report.supervisor,
      child: report.childId,
      reason: report.reason,
      attempt: report.attempt,
      ...(report.waitMs === undefined ? {} : { wait_ms: Math.round(report.waitMs) }),
      ...(report.error instanceof Error ? { error: report.error } : {}),
    };
    log[level](messages[report.kind], fields);
  };
}
