/** What people see of whoever asks a repository again and again, for manifests or for an agent's configuration. */
export interface SeenPoller {
  readonly pollerId: string;
  /** Full path; empty until GitLab has told it. */
  readonly project: string;
  readonly ref: string;
  /** Of its chart. */
  readonly state: string;
  /** The newest commit it knows; empty when it knows none. */
  readonly commitId: string;
  /** Streams that want its news. */
  readonly listeners: number;
  /** Whose configuration it is; undefined when many may listen. */
  readonly agentId: bigint | undefined;
  /** When it last began to ask. */
  readonly askedAt: number | undefined;
  /** Questions in a row that were not answered. */
  readonly attempt: number;
  /** Why there is no news; empty when all is well. */
  readonly reason: string;
}
