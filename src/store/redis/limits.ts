/** Bounds of the Redis store. Each has a metric or a line in the log where it is met. */
export const redisLimits = {
  /** Commands of one connection that wait to be sent or answered. */
  commandsPendingMax: 20_000,
  /** Entries of agents this kas keeps to write them again, tombstones included. */
  rosterMax: 200_000,
  /** Connections of one agent: a pod makes up its own connection id, so one token must not fill the store. */
  connectionsPerAgentMax: 1_000,
  /** Writes of agents' entries that wait for their turn. */
  writesPendingMax: 100_000,
  /** Writes put into one transaction: Redis serves nobody else meanwhile. */
  writesPerTransactionMax: 100,
  /** Times a transaction is tried when others write to the same agents. */
  transactionTriesMax: 5,
  /** Fields asked for per step of a scan. */
  scanCount: 1_000,
  /** Entries read from one hash. */
  entriesReadMax: 50_000,
  /** Larger entries are not looked into. */
  entryBytesMax: 64 * 1024,
  /** Expired fields taken away in one transaction. */
  removalsPerTransactionMax: 500,
  /** Hashes waiting to have expired entries taken away after somebody read them. */
  removalsPendingMax: 1_000,
  /** Push events in one message, and listeners. */
  eventBytesMax: 64 * 1024,
  listenersMax: 100_000,
  /** Tokens known to be over their quota in the present minute. */
  exhaustedTokensMax: 10_000,
} as const;

export const redisTimes = {
  /**
   * How long an entry must have expired before this kas takes it away: the clock of the kas that wrote it may be behind.
   * Entries do not count from the second on in which they expire.
   */
  removalGraceMs: 60_000,
  /** A clock further than this from Redis's is told in the log. */
  clockOffsetMsMax: 30_000,
  /** Longest a write of an agent waits for its turn; nobody holds his breath for it. */
  writeWaitMsMax: 30_000,
  /** Tries of the first dial. */
  firstTriesMax: 5,
  /** What the supervisor adds to the time the first dials may take. */
  startSlackMs: 5_000,
} as const;
