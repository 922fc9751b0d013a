/** The numbers of the runs over real node:http2. */
export const wireLimits = {
  /** Turns of the event loop after each event, in which node:http2 and streams finish what it leads to. */
  turnsPerEvent: 4,
  /** After the storm everything has this long to find together again: more than the longest backoff of the link. */
  healMs: 240_000,
  /** Then a request has to be answered within this. */
  probeMs: 30_000,
  /** What kas and agentk give running requests when they stop: more than the longest may take. */
  agentDrainMs: 900_000,
  shutdownGraceMs: 1_200_000,
  /** All programs end within this: more than what kas gives running requests. */
  endMs: 1_400_000,
  /** Afterwards timers and sockets of the kernel run out. */
  aftermathMs: 1_000_000,
  /** A connection between agentk and kas on which nothing comes back is closed by both after this: their pings and a second. */
  silenceMsMax: 76_000,
  /** Of one answer, between the API server's program and the user's: what all buffers on the way hold together. */
  heldBytesMax: 3 * 1024 * 1024,
  /** The API server hears that a user is gone within this, on paths that are whole. */
  goneMsMax: 120_000,
} as const;
