/** The bounds of agentk's work for Flux. */
export const fluxLimits = {
  /** Git repositories and Receivers kept, each. */
  objectsMax: 20_000,
  resyncMs: 600_000,
  /** Projects named on the stream; kas takes a message of 4 MiB. */
  projectsMax: 10_000,
  /** Calls of Flux's webhook under way, and waiting. */
  webhooksMax: 8,
  webhooksWaitingMax: 1_000,
  webhookMs: 15_000,
  webhookConnectMs: 10_000,
  /** Of an answer nobody reads. */
  webhookAnswerBytesMax: 64 * 1024,
  webhookPathCharsMax: 1_024,
  receiverNameMax: 63,
  secretNameMax: 253,
} as const;
