/** GitLab without GitLab: the port answered from one YAML file (`spec/gitlab.md §9`). */
export { openEmbeddedGitLab } from './embedded-gitlab.ts';
export type { EmbeddedGitLab, EmbeddedGitLabState } from './embedded-gitlab.ts';
export { DirectoryFileError } from './directory-error.ts';
export { hashToken, newToken } from './tokens.ts';
