/**
 * How often a supervisor may restart children: at most `intensity` times in any `periodMs`. Counted per supervisor, not
 * per child, and a restart of a group counts once. Pure: the times come in, on a clock that never steps back.
 *
 * I1. Allowed while the restarts in the window, this one included, are not more than `intensity`; so 0 dies at the first.
 * I2. A restart exactly `periodMs` ago still counts, as in OTP.
 */
export interface Intensity {
  readonly intensity: number;
  readonly periodMs: number;
}

export interface RestartVerdict {
  readonly allowed: boolean;
  /** The restarts still in the window, oldest first; hand them to the next call. Never more than `intensity + 1`. */
  readonly restarts: readonly number[];
}

/** Adds a restart at `nowMs` (monotonic) to the earlier ones and says whether it is allowed. */
export function addRestart(
  earlier: readonly number[],
  nowMs: number,
  { intensity, periodMs }: Intensity,
): RestartVerdict {
  const restarts = [...earlier.filter((at) => at >= nowMs - periodMs), nowMs]; // I2
  return { allowed: restarts.length <= intensity, restarts }; // I1
}

/** How many of the earlier restarts still count at `nowMs`. */
export function restartsWithin(earlier: readonly number[], nowMs: number, { periodMs }: Intensity): number {
  return earlier.filter((at) => at >= nowMs - periodMs).length; // I2
}

/** What is wrong with an intensity, in words; empty when it is sound. */
export function checkIntensity({ intensity, periodMs }: Intensity): string[] {
  const problems: string[] = [];
  if (!Number.isInteger(intensity) || intensity < 0) problems.push('intensity must be a whole number from 0');
  if (!(periodMs > 0)) problems.push('periodMs must be positive');
  return problems;
}
