/** Chance that repeats: the same seed gives the same numbers on every machine (mulberry32). */
import type { Random } from '../../src/ports/index.ts';

export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  int63(): bigint {
    const high = BigInt(Math.floor(this.next() * 2 ** 31));
    return (high << 32n) | BigInt(Math.floor(this.next() * 2 ** 32));
  }

  /** Uniform integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** One of the choices; there must be at least one. */
  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.below(choices.length)];
    if (chosen === undefined) throw new Error('nothing to pick from');
    return chosen;
  }

  /** An own stream for a named part, so that drawing more in one part does not disturb another. */
  fork(label: string): SeededRandom {
    let hash = 0x811c9dc5;
    for (let index = 0; index < label.length; index++) {
      hash = Math.imul(hash ^ label.charCodeAt(index), 0x01000193);
    }
    return new SeededRandom(hash ^ Math.floor(this.next() * 2 ** 32));
  }
}
