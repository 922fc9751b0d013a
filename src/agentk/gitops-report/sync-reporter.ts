/** What the work on manifest projects tells the reporter. */
import type { SyncEvent, SyncResult } from '../gitops/sync.ts';

/** The ConfigMap on which a run leaves its Kubernetes Events. */
export interface InventoryName {
  readonly namespace: string;
  readonly name: string;
}

export interface ReportedProject {
  /** Full path. */
  readonly id: string;
}

/** All calls return at once and never throw. What is said of a project that is not followed is not told. */
export interface SyncReporter {
  /** These projects are worked on from now on, and no others. */
  follow(projects: readonly ReportedProject[]): void;
  /** The files of a commit cannot be read; the commit before stays in force. */
  rejected(project: ReportedProject, commitId: string, reason: string): void;
  /** Something happened in the run of this commit; the first after an end begins the next run. */
  note(project: ReportedProject, commitId: string, event: SyncEvent): void;
  /** The run ended. Without an inventory no Kubernetes Event is written. */
  ended(project: ReportedProject, commitId: string, result: SyncResult, inventory?: InventoryName): void;
}
