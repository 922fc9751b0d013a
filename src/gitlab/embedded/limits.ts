/** Bounds and times of the embedded GitLab. */
export const embeddedLimits = {
  /** The directory file. */
  fileBytesMax: 16 * 1024 * 1024,
  /** Bytes of an agent's configuration file (`spec/gitlab.md §4`). */
  configurationBytesMax: 131_072,
  /** Entries of `ci_access` and `user_access` that count, projects and groups each (`spec/gitlab.md §4`). */
  grantsMax: 500,
  /** Token hashes of one agent or user: one in use and a few for rotation. */
  tokenHashesMax: 4,
  /** Hosts, addresses and networks a remote may be at although they are private. */
  trustedHostsMax: 256,
  /** Problems of a directory file that are reported; the rest is a number. */
  problemsMax: 20,
  /** Repositories asked at the same time for one answer. */
  repositoriesAtOnce: 8,
  /** Characters of a name an agent made up that are shown. */
  shownNameMax: 60,
} as const;
