/**
 * What the work on manifest projects tells the reporter. The shapes are the part of a run's own that is read here, so that neither knows the
 * other's files.
 */

export interface ReportedObject {
  /** Empty for the core group. */
  readonly group: string;
  readonly kind: string;
  /** Empty for cluster-wide objects. */
  readonly namespace: string;
  readonly name: string;
}

export interface ReportedCounts {
  readonly applied: number;
  readonly pruned: number;
  readonly skipped: number;
  readonly failed: number;
  readonly unreconciled: number;
}

export type ReportedPhase = 'planning' | 'applying' | 'waiting' | 'pruning' | 'storing';
export type ReportedOutcome = 'Successful' | 'Skipped' | 'Failed' | 'Pending' | 'Timeout';

export type ReportedEvent =
  | { readonly type: 'phase'; readonly phase: ReportedPhase }
  | { readonly type: 'group' }
  | {
      readonly type: 'apply' | 'prune' | 'wait';
      readonly id: ReportedObject;
      readonly status: ReportedOutcome;
      readonly error: string | undefined;
    }
  | {
      readonly type: 'status';
      readonly id: ReportedObject;
      readonly status: string;
      readonly message: string;
    }
  | { readonly type: 'warning'; readonly reason: string };

export type ReportedResult =
  | { readonly kind: 'synced'; readonly counts: ReportedCounts }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly counts: ReportedCounts;
      readonly firstFailure: { readonly id: ReportedObject; readonly error: string } | undefined;
    }
  | { readonly kind: 'held'; readonly reason: string; readonly counts: ReportedCounts }
  | { readonly kind: 'cancelled' };

/** The ConfigMap on which a run leaves its Kubernetes Events. */
export interface InventoryName {
  readonly namespace: string;
  readonly name: string;
}

export interface ReportedProject {
  /** Full path. */
  readonly id: string;
}

/** All calls return at once and never throw. */
export interface SyncReporter {
  /** These projects are worked on from now on, and no others. */
  follow(projects: readonly ReportedProject[]): void;
  /** The files of a commit cannot be read; the commit before stays in force. */
  rejected(project: ReportedProject, commitId: string, reason: string): void;
  /** Something happened in the run of this commit; the first after an end begins the next run. */
  note(project: ReportedProject, commitId: string, event: ReportedEvent): void;
  /** The run ended. Without an inventory no Kubernetes Event is written. */
  ended(project: ReportedProject, commitId: string, result: ReportedResult, inventory?: InventoryName): void;
}
