/** The simulated network's ways. */
export const networkTimes = {
  /** One way, without trouble. */
  latencyMs: { min: 0.2, max: 20 },
  /** A system that answers nothing at all gives up a connect after this. */
  connectMsMax: 127_000,
  /** What waits for a path is sent again so long after it is back. */
  retransmitMs: { min: 10, max: 3_000 },
} as const;
