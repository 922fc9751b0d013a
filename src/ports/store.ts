/**
 * The shared directory of connected agents and their tunnels, and the caches every kas instance shares
 * (`spec/wire.md §8`). `src/store/memory` serves one kas, `src/store/redis` several. A store that cannot do what it is asked
 * rejects; whether the caller goes on without it is the caller's decision.
 */
export interface ConnectedAgent {
  readonly agentId: bigint;
  readonly projectId: bigint;
  /** The pod id of Register, or a random id for agents that never register. */
  readonly connectionId: bigint;
  /** Milliseconds since the epoch. */
  readonly connectedAt: number;
  readonly version: string;
  readonly commitId: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly kubernetes: {
    readonly major: string;
    readonly minor: string;
    readonly gitVersion: string;
    readonly platform: string;
  };
  /**
   * Orders the lives of this connection id, over all kas and their restarts: the wall clock's milliseconds when the life
   * began, moved on where two began in the same one. A write of an older incarnation is refused, so that a late farewell
   * cannot overwrite a newer life (`spec/users.md` 45).
   */
  readonly incarnation: number;
}

/** A refusal of GitLab as kas instances share it (`ClientError`, `spec/wire.md §2.19`). */
export interface SharedError {
  readonly statusCode: number;
  /** Of the request to GitLab; absent when none was made. */
  readonly path?: string;
  /** GitLab's words; may be empty. */
  readonly reason: string;
}

/**
 * Refusals of GitLab that every kas instance should know. A key is a string of bytes, one character (`latin1`) per byte,
 * without the configured prefix: the store puts that in front (`spec/wire.md §8`).
 */
export interface SharedErrors {
  /** The remembered refusal of a key, if it has not expired. */
  get(key: string): Promise<SharedError | undefined>;
  set(key: string, error: SharedError, ttlMs: number): Promise<void>;
}

export interface Store {
  /** Writes or refreshes an agent's entry; answers false when a newer incarnation is already there, or no room is left. */
  registerAgent(agent: ConnectedAgent, ttlMs: number): Promise<boolean>;
  unregisterAgent(agentId: bigint, connectionId: bigint, incarnation: number): Promise<void>;
  agentsById(agentId: bigint): Promise<readonly ConnectedAgent[]>;
  agentsByProject(projectId: bigint): Promise<readonly ConnectedAgent[]>;
  connectedAgents(): Promise<number>;
  /**
   * Counts a call of a token in the current minute and tells whether it is within the limit. The token is named by
   * `secretKey` of `src/protocol`.
   */
  takeTokenQuota(tokenKey: string, limitPerMinute: number): Promise<boolean>;
  readonly sharedErrors: SharedErrors;
  close(): Promise<void>;
}
