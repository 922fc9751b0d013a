/** Gives `statecharts/gitops-sync.ts` its hands: reading commits in worker threads, runs against the cluster, watching for drift. */
import type { AnyActorLogic, AnyActorRef } from 'xstate';
import {
  gitopsSyncBackoffMs,
  gitopsSyncDelays,
  gitopsSyncMachine,
  type SyncVerdict,
} from '../../../statecharts/index.ts';
import type { WorkerPool } from '../../actors/index.ts';
import { faultText, type Manifest } from '../../manifests/index.ts';
import type { Clock, Log, Random } from '../../ports/index.ts';
import { guarded } from '../../supervisor/index.ts';
import { inventoryIdLabel } from './annotations.ts';
import type { SyncReporter } from '../gitops-report/index.ts';
import type { ReadCommit } from './commit-slot.ts';
import type { ProjectWork } from './project-work.ts';
import type { SyncEvent, SyncResult } from './sync.ts';
import { SyncJournal } from './sync-journal.ts';

export interface GitopsSyncDeps {
  readonly workers: Pick<WorkerPool, 'read'>;
  readonly agentId: () => bigint | undefined;
  readonly reporter: SyncReporter;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** One logic for all projects; its input is `{ syncId }`, and `find` answers the project of a sync. */
export function createGitopsSyncLogic(
  deps: GitopsSyncDeps,
  find: (syncId: string) => ProjectWork | undefined,
): AnyActorLogic {
  const hands = new SyncHands(deps);
  const { random } = deps;
  return guarded(
    gitopsSyncMachine.provide({
      actions: {
        readCommit: ({ self }, { syncId, commitId }) => {
          const work = find(syncId);
          if (work !== undefined) void hands.read(work, commitId, self);
        },
        startRun: ({ self }, { syncId, run }) => {
          const work = find(syncId);
          if (work !== undefined) void hands.run(work, run, self);
        },
        cancelRun: ({ self }, { syncId, run }) => {
          const current = find(syncId)?.run;
          if (current?.run === run) current.controller.abort();
          // Nothing is under way: nothing is waited for.
          else self.send({ type: 'run.ended', run, verdict: 'cancelled', atMs: deps.clock.monotonic() });
        },
        watchDrift: ({ self }, { syncId }) => {
          const work = find(syncId);
          if (work !== undefined) hands.watchDrift(work, self);
        },
        unwatchDrift: (_, { syncId }) => {
          const work = find(syncId);
          work?.unwatch?.();
          if (work !== undefined) work.unwatch = undefined;
        },
      },
      delays: {
        backoff: ({ context }) =>
          gitopsSyncBackoffMs(context.failures) * (1 + random.next() * gitopsSyncDelays.backoffJitter),
      },
    }),
  );
}

const faultsShownMax = 20;

class SyncHands {
  readonly #deps: GitopsSyncDeps;
  readonly #never = new AbortController().signal;

  constructor(deps: GitopsSyncDeps) {
    this.#deps = deps;
  }

  async read(work: ProjectWork, commitId: string, sync: AnyActorRef): Promise<void> {
    const { workers, log } = this.#deps;
    const said = { worker_id: work.project.id, commit_id: commitId };
    const commit = work.slot.unread(commitId);
    if (commit === undefined) return; // A newer one is on its way.
    const read = await workers.read(commit.files, this.#never);
    if (read.kind === 'ok') {
      for (const warning of read.warnings) log.warn('Manifest', { ...said, reason: faultText(warning) });
      work.slot.keep({ commitId, projectId: commit.projectId, manifests: read.manifests });
      tell(sync, { type: 'commit.read', commitId });
      return;
    }
    if (read.kind === 'unavailable') {
      log.warn('Manifest objects could not be decoded yet, trying again', { ...said, reason: read.reason });
      return tell(sync, { type: 'commit.postponed', commitId });
    }
    const reason = read.faults.slice(0, faultsShownMax).map(faultText).join('; ');
    log.error('Failed to decode manifest objects', { ...said, reason });
    work.slot.reject(commitId);
    this.#deps.reporter.rejected(work.project, commitId, reason);
    tell(sync, { type: 'commit.rejected', commitId });
  }

  async run(work: ProjectWork, run: number, sync: AnyActorRef): Promise<void> {
    const { clock, log, reporter } = this.#deps;
    const controller = new AbortController();
    work.run = { run, controller };
    const commit = work.slot.usable;
    const isAgain = work.held !== undefined && work.held === commit?.commitId;
    const journal = new SyncJournal(log, work.project.id, isAgain);
    const note = (event: SyncEvent) => {
      journal.note(event);
      reporter.note(work.project, commit?.commitId ?? '', event);
      if (event.type === 'phase') tell(sync, { type: 'phase.entered', run, phase: event.phase });
    };
    const result = await this.#carryOut(work, commit, controller.signal, note);
    work.held = result.kind === 'held' ? commit?.commitId : undefined;
    if (work.run?.run === run) work.run = undefined;
    journal.end(commit?.commitId ?? '', result);
    reporter.ended(work.project, commit?.commitId ?? '', result, this.#inventoryOf(work, commit));
    const verdicts: Readonly<Record<SyncResult['kind'], SyncVerdict>> = {
      synced: 'synced',
      held: 'held',
      failed: 'failed',
      cancelled: 'cancelled',
    };
    tell(sync, { type: 'run.ended', run, verdict: verdicts[result.kind], atMs: clock.monotonic() });
  }

  watchDrift(work: ProjectWork, sync: AnyActorRef): void {
    const { log } = this.#deps;
    if (work.slot.usable === undefined || work.project.options.dryRun !== 'none') return;
    const controller = new AbortController();
    work.unwatch = () => controller.abort();
    work.cluster.watchDrift(controller.signal, (what) => {
      log.info('The cluster drifted from the repository', { worker_id: work.project.id, reason: what });
      tell(sync, { type: 'drift.noticed' });
    });
  }

  /** Where the inventory is when no manifest says otherwise (`spec/agentk.md §5.6`). */
  #inventoryOf({ project }: ProjectWork, commit: ReadCommit | undefined) {
    const agentId = this.#deps.agentId();
    if (commit === undefined || agentId === undefined) return undefined;
    const isTemplate = ({ kind, json }: Manifest) =>
      kind === 'ConfigMap' &&
      Buffer.from(json.buffer, json.byteOffset, json.length).includes(inventoryIdLabel);
    if (commit.manifests.some(isTemplate)) return undefined;
    return {
      namespace: project.options.defaultNamespace,
      name: `inventory-${agentId}-${commit.projectId}`,
    };
  }

  async #carryOut(
    work: ProjectWork,
    commit: ReadCommit | undefined,
    signal: AbortSignal,
    tellEvent: (event: SyncEvent) => void,
  ): Promise<SyncResult> {
    const agentId = this.#deps.agentId();
    const counts = { applied: 0, pruned: 0, skipped: 0, failed: 0, unreconciled: 0 };
    if (commit === undefined || agentId === undefined) {
      return { kind: 'failed', reason: 'nothing was received yet', counts, firstFailure: undefined };
    }
    const { commitId, projectId, manifests } = commit;
    const input = { commitId, agentId, projectId, manifests, options: work.project.options };
    try {
      return await work.cluster.run(input, { signal, tell: tellEvent });
    } catch (error) {
      if (signal.aborted) return { kind: 'cancelled' };
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: 'failed', reason, counts, firstFailure: undefined };
    }
  }
}

function tell(ref: AnyActorRef, event: { readonly type: string; readonly [key: string]: unknown }): void {
  if (ref.getSnapshot().status === 'active') ref.send(event);
}
