/** Bounds of the memory store. Each has a counter of what was refused or pushed out because of it. */
export interface MemoryStoreLimits {
  /** Connections over all agents. */
  readonly connectionsMax: number;
  /** Connections of one agent: a pod makes up its own connection id, so one token must not fill the whole table. */
  readonly connectionsPerAgentMax: number;
  readonly sharedErrorsMax: number;
  /** Different tokens counted in one minute. */
  readonly quotaTokensMax: number;
}

export const memoryStoreLimits: MemoryStoreLimits = {
  connectionsMax: 200_000,
  connectionsPerAgentMax: 1_000,
  sharedErrorsMax: 20_000,
  quotaTokensMax: 200_000,
};

/** Expired entries are looked for at most this often. */
export const sweepMs = 30_000;
