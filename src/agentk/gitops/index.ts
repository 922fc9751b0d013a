/** GitOps: what manifest projects say is what the cluster has. */
export { createGitopsModule } from './gitops-module.ts';
export { gitopsLimits } from './limits.ts';
export { SyncRunner } from './sync-runner.ts';
export { DriftWatch } from './drift-watch.actor.ts';
export type { InventoryPolicy } from './ownership.ts';
export type { PruneGuard, SyncEvent, SyncInput, SyncOptions, SyncResult } from './sync.ts';
