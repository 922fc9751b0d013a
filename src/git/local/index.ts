/** Git read from bare repositories on disk: no working copy, no git binary. */
export { localGit } from './local-git.ts';
export { RefNews } from './ref-news.ts';
export type { LocalGitLimits } from './limits.ts';
