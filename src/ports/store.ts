/**
 * The shared directory of connected agents and their tunnels, and the caches every kas instance shares
 * (`spec/wire.md §8`). `src/store/memory` serves one kas; Redis follows behind the same port.
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
  readonly kubernetesVersion: string;
  /**
   * Counts the lives of this connection id; a write of an older incarnation is refused, so that a late farewell cannot
   * overwrite a newer life (`spec/users.md` 45).
   */
  readonly incarnation: number;
}

/**
 * Refusals of GitLab that every kas instance should know. A key is a string of bytes, one character (`latin1`) per byte,
 * without the configured prefix: the store puts that in front (`spec/wire.md §8`).
 */
export interface SharedErrors {
  /** The remembered refusal of a key, if it has not expired. */
  get(key: string): Promise<{ readonly statusCode: number; readonly reason: string } | undefined>;
  set(
    key: string,
    error: { readonly statusCode: number; readonly reason: string },
    ttlMs: number,
  ): Promise<void>;
}

export interface Store {
  /** Writes or refreshes an agent's entry; answers false when a newer incarnation is already there, or no room is left. */
  registerAgent(agent: ConnectedAgent, ttlMs: number): Promise<boolean>;
  unregisterAgent(agentId: bigint, connectionId: bigint, incarnation: number): Promise<void>;
  agentsById(agentId: bigint): Promise<readonly ConnectedAgent[]>;
  agentsByProject(projectId: bigint): Promise<readonly ConnectedAgent[]>;
  connectedAgents(): Promise<number>;
  /** Counts a call of this token in the current minute and tells whether it is within the limit. */
  takeTokenQuota(tokenHash: string, limitPerMinute: number): Promise<boolean>;
  readonly sharedErrors: SharedErrors;
  close(): Promise<void>;
}
