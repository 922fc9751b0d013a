/** GitOps: what manifest projects say is what the cluster has. */
export { createGitopsModule } from './gitops-module.ts';
export { gitopsLimits } from './limits.ts';
export { SyncRunner, type SyncRunnerDeps } from './sync-runner.ts';
export { DriftWatch, type Drift } from './drift-watch.actor.ts';
export type { ManagedObject } from './managed-object.ts';
export type { InventoryPolicy } from './ownership.ts';
export type {
  PruneGuard,
  SyncCounts,
  SyncEvent,
  SyncInput,
  SyncOptions,
  SyncPhase,
  SyncResult,
} from './sync.ts';
