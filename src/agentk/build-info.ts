/** What this build calls itself: in `--version`, in user agents, in the registration (`spec/agentk.md §1.1`, §3.6). */
export interface BuildInfo {
  /** Like `v16.5.0`. */
  readonly version: string;
  /** Short hash of the commit. */
  readonly commit: string;
  readonly builtAt: string;
}

/** What a build without those facts says, as the original does. */
export const unsetBuild: BuildInfo = { version: 'v0.0.0', commit: '00000000', builtAt: '00000000.000000' };

/** The text of `--version`. */
export function versionText(build: BuildInfo): string {
  return `${build.version}, commit: ${build.commit}, built: ${build.builtAt}`;
}

/** `gitlab-agent/<version>/<commit>`: user agent towards kas, `Via` towards the API server and back. */
export function agentName(build: BuildInfo): string {
  return `gitlab-agent/${build.version}/${build.commit}`;
}
