/** Bounds and times of watched files. */
export const fileLimits = {
  /** A certificate chain, a key, a CA bundle, a secret. */
  credentialBytesMax: 1024 * 1024,
} as const;

export const fileTimes = {
  /** Sizes and times are looked at this often, whether or not the system tells of changes. */
  pollMs: 3_000,
} as const;
