/** Git by way of smart HTTP: any remote. */
export { httpGit } from './http-git.ts';
export type { HttpGit, HttpGitOptions } from './http-git.ts';
