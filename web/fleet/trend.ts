/**
 * How many agents were not well, over time: known from how many are so now and from what changed before. Nothing is drawn
 * of the time before the oldest change that is known.
 */
export interface Moved {
  readonly at: number;
  /** Codes; undefined: it was not there. */
  readonly from: number | undefined;
  readonly to: number;
}

export interface TrendPoint {
  readonly at: number;
  readonly down: number;
  readonly degraded: number;
}

const [degradedCode, disconnectedCode, refusedCode] = [1, 3, 4] as const;

/** Oldest first. `moves` are oldest first, `counts` are by code and of now. */
export function trendOf(
  moves: readonly Moved[],
  counts: readonly number[],
  now: number,
  spanMs: number,
  points: number,
): TrendPoint[] {
  const then = [...counts];
  const found: TrendPoint[] = [];
  let next = moves.length - 1;
  for (let k = points; k >= 0; k--) {
    const at = now - ((points - k) * spanMs) / points;
    for (let move = moves[next]; move !== undefined && move.at > at; move = moves[--next]) {
      then[move.to] = (then[move.to] ?? 0) - 1;
      if (move.from !== undefined) then[move.from] = (then[move.from] ?? 0) + 1;
    }
    const of = (code: number) => Math.max(0, then[code] ?? 0);
    found.push({ at, down: of(disconnectedCode) + of(refusedCode), degraded: of(degradedCode) });
    if (next < 0) break;
  }
  return found.reverse();
}
