/** Bounds and times of the questions to GitLab. */
export const restLimits = {
  /** Questions under way, those that wait for their turn included; beyond that a question is answered `unavailable`. */
  callsMax: 2_000,
  /** Connections to GitLab, as the original (`spec/kas.md §8`). */
  connectionsMax: 50,
  /** Tries of a question that may be repeated: one, and four more (`spec/gitlab.md §1.3`). */
  triesMax: 5,
  /** A JSON answer; the largest, the agents of a job, has some hundred bytes per agent and at most a few hundred agents. */
  answerBytesMax: 8 * 1024 * 1024,
  /** An answer that is not a success is looked at for GitLab's words up to this size. */
  refusalBytesMax: 64 * 1024,
  /** The body of a module's request that is kept for a repetition; a larger one is sent once. */
  moduleBufferBytesMax: 1024 * 1024,
  /** Of a module's name; those of GitLab have some twenty letters. */
  moduleNameBytesMax: 255,
  /** Of an answer nobody wants, read so that its connection can be used again. */
  drainBytesMax: 8 * 1024,
  /** Of a module's answer that waits for its reader. */
  answerBufferBytes: 64 * 1024,
  /** GitLab's words, where they are shown. */
  wordsMax: 200,
} as const;

/** `spec/gitlab.md §1.1`; what is not there is ours. */
export const restTimes = {
  dialMs: 30_000,
  /** From the try to a usable connection: dialing, TLS, and waiting for a free one. */
  connectionMs: 40_000,
  /** From the request on its way to the first byte of the answer. */
  headMs: 20_000,
  /** Between two pieces of an answer's body. */
  bodyPauseMs: 30_000,
  keepAliveMs: 90_000,
  /** A longer `Retry-After` is not waited for: whoever asked has long left. */
  retryAfterMsMax: 60_000,
  /** Waiting for one's turn under the rate limit. */
  turnMsMax: 60_000,
  jwtLifetimeS: 30,
} as const;

/** `gitlab.api_rate_limit` of the configuration file. */
export const restRateLimit = { refillPerSecond: 50, bucketSize: 250 } as const;
