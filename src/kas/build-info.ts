/**
 * What this server calls itself: to agents and clients in headers, to GitLab, and on `--version`. The values are stamped by
 * the packaging; an unstamped build says so with zeros, as the originals do (`spec/kas.md`, head).
 */
const { KASTOR_VERSION, KASTOR_COMMIT, KASTOR_BUILD_TIME } = process.env;

export const buildInfo = {
  version: KASTOR_VERSION ?? 'v0.0.0',
  commit: KASTOR_COMMIT ?? '00000000',
  built: KASTOR_BUILD_TIME ?? '00000000.000000',
} as const;

/** `Server` and `Via`: `gitlab-kas/<version>/<commit>`. */
export const serverName = `gitlab-kas/${buildInfo.version}/${buildInfo.commit}`;
