/** One manifest project while it is worked on: what came of it, what it shows, and who is told. */
import type { AnyActorRef } from 'xstate';
import { CommitSlot, type ReceivedCommit } from './commit-slot.ts';
import type { ManifestProject } from './manifest-project.ts';
import type { SyncEvent, SyncInput, SyncResult } from './sync.ts';

/** The cluster as one project needs it: one run at a time, and news of drift after a run. */
export interface ProjectCluster {
  run(
    input: SyncInput,
    options: { readonly signal: AbortSignal; readonly tell: (event: SyncEvent) => void },
  ): Promise<SyncResult>;
  /** Calls `noticed` when somebody changed what the last run applied, until the signal aborts. */
  watchDrift(signal: AbortSignal, noticed: (what: string) => void): void;
}

/** The run under way. */
export interface CurrentRun {
  readonly run: number;
  readonly controller: AbortController;
}

export class ProjectWork {
  readonly project: ManifestProject;
  readonly cluster: ProjectCluster;
  readonly slot = new CommitSlot();
  /** The actor that synchronises it, in its present life. */
  sync: AnyActorRef | undefined;
  run: CurrentRun | undefined;
  /** Ends the watching for drift. */
  unwatch: (() => void) | undefined;
  /** The commit whose deletions the last run held. */
  held: string | undefined;

  constructor(project: ManifestProject, cluster: ProjectCluster) {
    this.project = project;
    this.cluster = cluster;
  }

  received(commit: ReceivedCommit): void {
    this.slot.receive(commit);
    if (this.sync?.getSnapshot().status !== 'active') return;
    this.sync.send({ type: 'commit.received', commitId: commit.commitId });
  }
}
