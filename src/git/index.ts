/** The Git port, whatever a repository lives on: a disk, a Gitaly server. */
export { openGit, type GitOptions, type OpenGit } from './open-git.ts';
