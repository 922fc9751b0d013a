/** One synchronisation of a manifest project with the cluster: what goes in, what is told on the way, what comes out. */
import type { Manifest } from '../../manifests/index.ts';
import type { InventoryPolicy } from './ownership.ts';
import type { ObjectId } from './object-id.ts';

/** From the entry of the configuration (`spec/agentk.md §2.1`), with its defaults. */
export interface SyncOptions {
  readonly defaultNamespace: string;
  readonly prune: boolean;
  /** `client` only reads; `server` lets the API server check what would be applied, and stores nothing. */
  readonly dryRun: 'none' | 'client' | 'server';
  /** 0 is without limit. */
  readonly reconcileTimeoutMs: number;
  readonly pruneTimeoutMs: number;
  readonly propagation: 'Foreground' | 'Background' | 'Orphan';
  readonly policy: InventoryPolicy;
  readonly guard: PruneGuard;
}

/** When deleting stops and asks instead (absence is not deletion). */
export interface PruneGuard {
  /** A selection without any object deletes nothing although the inventory holds some. */
  readonly holdsEmptiness: boolean;
  /** More deletions than this in one run are held; Infinity is no bound. */
  readonly deletionsMax: number;
}

export interface SyncInput {
  readonly commitId: string;
  readonly agentId: bigint;
  /** Of the manifest project, as kas told. */
  readonly projectId: bigint;
  readonly manifests: readonly Manifest[];
  readonly options: SyncOptions;
}

export type SyncPhase = 'planning' | 'applying' | 'waiting' | 'pruning' | 'storing';
export type ObjectOutcome = 'Successful' | 'Skipped' | 'Failed' | 'Pending' | 'Timeout';

/** What happens during a run, in order; the words are those of the originals' event lines (`spec/agentk.md §5.13`). */
export type SyncEvent =
  | { readonly type: 'phase'; readonly phase: SyncPhase }
  | {
      readonly type: 'group';
      readonly action: 'Apply' | 'Prune' | 'Wait' | 'Inventory';
      readonly status: 'Started' | 'Finished';
      readonly counts: Readonly<Record<string, number>> | undefined;
    }
  | {
      readonly type: 'apply' | 'prune' | 'wait';
      readonly id: ObjectId;
      readonly status: ObjectOutcome;
      readonly error: string | undefined;
    }
  | {
      readonly type: 'status';
      readonly id: ObjectId;
      readonly status: string;
      readonly message: string;
    }
  | { readonly type: 'warning'; readonly reason: string };

export interface SyncCounts {
  readonly applied: number;
  readonly pruned: number;
  readonly skipped: number;
  readonly failed: number;
  readonly unreconciled: number;
}

/** How a run ended. */
export type SyncResult =
  | { readonly kind: 'synced'; readonly counts: SyncCounts }
  /** Some objects failed, or the run could not be carried out; it is tried again. */
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly counts: SyncCounts;
      readonly firstFailure: { readonly id: ObjectId; readonly error: string } | undefined;
    }
  /** Deletions wait for a person: `reason` says which and how to agree. Everything else was applied. */
  | { readonly kind: 'held'; readonly reason: string; readonly counts: SyncCounts }
  | { readonly kind: 'cancelled' };
