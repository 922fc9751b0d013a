/**
 * The way between two places, as the packets of all connections on it see it: how long it takes, how much goes through, and
 * what is wrong with it at the moment. Each direction may be cut by itself.
 *
 * P1. While a direction is cut nothing arrives. What TCP repeats (data, FIN, SYN) arrives after the cut, in its order;
 *     what it does not (RST) is lost.
 */

/** `out` leads from the place that dials to the place that listens. */
export type Direction = 'out' | 'back';

export interface PathQuality {
  readonly latencyMs: number;
  /** Added to the latency of each segment, at most. */
  readonly jitterMs: number;
  readonly bytesPerMs: number;
  /** Segments are split at random sizes up to this. */
  readonly segmentBytesMax: number;
  /** A middlebox forgets connections that were silent for so long; undefined: there is none. */
  readonly idleMsMax?: number | undefined;
  /** What the middlebox does to segments of connections it has forgotten. */
  readonly forgets?: 'silently' | 'with a reset' | undefined;
  /** A proxy near each end answers TCP's own keepalive, so that it proves nothing. */
  readonly answersProbes: boolean;
}

export class Path {
  readonly name: string;
  quality: PathQuality;
  readonly #cuts = { out: 0, back: 0 };
  readonly #healed: Record<Direction, (() => void)[]> = { out: [], back: [] };

  constructor(name: string, quality: PathQuality) {
    this.name = name;
    this.quality = quality;
  }

  /** The middlebox is taken out; what it has forgotten stays forgotten. */
  calm(): void {
    this.quality = { ...this.quality, idleMsMax: undefined };
  }

  isCut(direction: Direction): boolean {
    return this.#cuts[direction] > 0;
  }

  /** Cuts may overlap; each must be healed. */
  cut(direction: Direction): void {
    this.#cuts[direction] += 1;
  }

  heal(direction: Direction): void {
    this.#cuts[direction] -= 1;
    if (this.#cuts[direction] === 0) for (const tell of this.#healed[direction].splice(0)) tell();
  }

  /** Calls once when the direction is whole again. */
  onHealed(direction: Direction, tell: () => void): void {
    this.#healed[direction].push(tell);
  }
}

export function opposite(direction: Direction): Direction {
  return direction === 'out' ? 'back' : 'out';
}
