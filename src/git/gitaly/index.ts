/** Git by way of Gitaly, GitLab's Git servers. */
export { openGitalyGit } from './gitaly-git.ts';
export type { GitalyGit, GitalyGitOptions } from './gitaly-git.ts';
