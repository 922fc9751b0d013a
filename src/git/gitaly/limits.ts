/** Bounds and times of asking Gitaly; a caller may change the first group. */
export interface GitalyLimits {
  /** One question, the wait for its turn included, in milliseconds. */
  readonly operationMsMax: number;
  /** Servers known at one time; GitLab's largest instances have some hundred. */
  readonly serversMax: number;
}

export const gitalyLimits: GitalyLimits = { operationMsMax: 60_000, serversMax: 512 };

/** Gitaly's messages are at most 1 MiB and some; the originals take 4 MiB. */
export const messageBytesMax = 4 * 1024 * 1024;
/** Feature flags of one call. */
export const featuresMax = 256;
export const featureBytesMax = 1_024;

/** `spec/gitlab.md §3.1`; Gitaly suffers pings every 10 s and more. */
export const gitalyTimes = {
  keepaliveMs: 20_000,
  keepaliveTimeoutMs: 20_000,
  reconnectMs: { init: 1_000, max: 60_000 },
  lookupMsMax: 15_000,
} as const;

/** Calls per second and at once; callers wait (`spec/kas.md §2.2`). */
export interface CallRate {
  readonly refillPerSecond: number;
  readonly bucketSize: number;
}

/** Files of one question that are asked for side by side. */
export const filesAtOnceMax = 8;
