/** The bounds of agentk's own calls to its cluster. Requests through tunnels have theirs in the pipe. */
export const clusterLimits = {
  /** One call that is not a watch, from its start to its last byte. */
  callMs: 30_000,
  /** One page of a list. */
  listPageMs: 60_000,
  /** From asking for a watch to its first header; then the informer's chart counts. */
  watchOpenMs: 30_000,
  /** Calls under way at once, of all modules together; watches are not counted. The rest waits in order. */
  callsMax: 16,
  callsWaitingMax: 2_000,
  /** The answer to one call: an object, or one page of a list. */
  answerBytesMax: 64 * 1024 * 1024,
  /** One event of a watch. An object of the original has at most 1.5 MiB in etcd, less than half of what JSON makes of it. */
  watchLineBytesMax: 16 * 1024 * 1024,
  /** Text taken over from an answer into errors and logs. */
  messageCharsMax: 1_000,
  /** Objects in one page of a list (`spec/agentk.md §9.1`). */
  listPageSize: 500,
  /** Objects one informer keeps; a list that has more is refused as a whole. */
  cachedObjectsMax: 50_000,
  /** Watches ask the server to end them after a random time in this range, so that they do not all end together. */
  watchSecondsMin: 300,
  watchSecondsMax: 600,
  /** Shorter watches without an event count as failed. */
  watchHastyMs: 1_000,
  /** What discovery remembers. */
  discoveryMs: 6 * 3_600_000,
  /** Also what discovery remembers, when the answer was that nothing is there. */
  discoveryAbsentMs: 30_000,
  /** Group versions remembered; more than any cluster has. */
  discoveredMax: 2_000,
} as const;
