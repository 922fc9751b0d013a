/**
 * Whether something grew in a long run: the median of the last fifth of its samples against that of the second. The first fifth is left
 * out, because there caches and pools fill; medians, because single samples fall into bursts of work.
 */
export interface Growth {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  readonly allowed: number;
  readonly holds: boolean;
}

/** What may be added without being called growth: a share, and a few of its unit. */
export interface Tolerance {
  readonly share: number;
  readonly few: number;
  /**
   * What is under way in the moment of a sample, which comes and goes by tens: it counts as grown when both the median and the least of
   * a fifth have. What is never ended is in both; a burst, or a quiet moment before, is in one.
   */
  readonly isUnderWay?: boolean;
}

/** @param samples in the order they were taken, at least five */
export function growthOf(
  name: string,
  samples: readonly number[],
  { share, few, isUnderWay = false }: Tolerance,
): Growth {
  const fifth = samples.length / 5;
  const part = (nth: number) => samples.slice(Math.floor(nth * fifth), Math.floor((nth + 1) * fifth));
  const compared = (typical: (values: readonly number[]) => number) => {
    const [before, after] = [typical(part(1)), typical(part(4))];
    const allowed = before * (1 + share) + few;
    return { name, before, after, allowed, holds: after <= allowed };
  };
  const medians = compared(median);
  return isUnderWay && !medians.holds ? compared((values) => Math.min(...values)) : medians;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1 + (sorted.length % 2)], sorted[middle]];
  return (low + high) / 2;
}
