/** Delivering manifests to agents: pollers of repositories, contents of commits, the agents' streams. */
export { CommitContents } from './commit-contents.ts';
export { GitopsStreams } from './gitops-streams.ts';
export { gitopsLimits } from './limits.ts';
export type { ManifestPath } from './path-selection.ts';
export { RepositoryPollers } from './repository-pollers.ts';
