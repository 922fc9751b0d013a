/** Randomness as a port: seeded in tests and simulation. */
export interface Random {
  /** Uniform in [0, 1). For jitter and choice, never for secrets. */
  next(): number;
  /** Uniform non-negative 63-bit integer: pod ids and connection ids (`spec/wire.md §2.10`). */
  int63(): bigint;
}
