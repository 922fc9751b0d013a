/** GitLab without GitLab: the port answered from one YAML file (`spec/gitlab.md §9`). */
export { openEmbeddedGitLab } from './embedded-gitlab.ts';
export type { EmbeddedGitLab } from './embedded-gitlab.ts';
export { hashToken, newToken } from './tokens.ts';
