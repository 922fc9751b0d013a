/** The Git port, whatever a repository lives on: a disk, a Gitaly server, any remote. */
export { openGit, type OpenGit } from './open-git.ts';
