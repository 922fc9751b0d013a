/** What kas remembers of GitLab's answers (`spec/gitlab.md §1.3`). */
export { cachedGitLab } from './cached-gitlab.ts';
export type { CachedGitLab, CacheTtls } from './cached-gitlab.ts';
