/**
 * Chance that repeats (sfc32). Every entity of a simulation has a stream of its own, forked by name: what one of them draws
 * does not disturb the others, so that a plan can lose a fault or a request and the rest stays as it was.
 *
 * R1. The same seed and the same labels give the same numbers on every machine.
 * R2. Forking draws nothing: the order in which entities are made does not matter.
 */
import type { Random } from '../../ports/index.ts';

const warmUpRounds = 12;

export class SeededRandom implements Random {
  readonly #seed: number;
  readonly #label: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, label = '') {
    this.#seed = seed;
    this.#label = label;
    let hash = 0x811c9dc5 ^ seed;
    for (let at = 0; at < label.length; at++) hash = Math.imul(hash ^ label.charCodeAt(at), 0x01000193);
    const mixed = () => {
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
      hash ^= hash >>> 16;
      return hash >>> 0;
    };
    this.#a = mixed();
    this.#b = mixed();
    this.#c = mixed();
    for (let round = 0; round < warmUpRounds; round++) this.u32();
  }

  /** Uniform in [0, 2³²). */
  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  next(): number {
    return this.u32() / 2 ** 32;
  }

  int63(): bigint {
    return (BigInt(this.u32() >>> 1) << 32n) | BigInt(this.u32());
  }

  /** Uniform integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** Uniform in [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  /** Waiting times of things that happen at random: exponential, with this mean. */
  around(mean: number): number {
    return -Math.log(1 - this.next()) * mean;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of the choices; there must be at least one. */
  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.below(choices.length)];
    if (chosen === undefined) throw new Error('nothing to pick from');
    return chosen;
  }

  /** The stream of a named part (R2). */
  fork(label: string): SeededRandom {
    return new SeededRandom(this.#seed, `${this.#label}/${label}`);
  }
}
