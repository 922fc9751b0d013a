/**
 * The last transitions of one actor, packed: a time and a number for each, and the number stands for machine, event and
 * states, which repeat. A full ring is about two kilobytes, so every agent can have one that is always on.
 *
 * T1. A ring holds at most `entriesMax` transitions; the oldest is written over.
 * T2. Names are kept once per process and at most `namesMax` of them; what comes after that is recorded as `other`.
 */
import { inspectLimits } from './limits.ts';

export interface RingStep {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Counts the transitions of this actor from 1. */
  readonly step: number;
  readonly event: string;
  readonly from: string;
  readonly to: string;
}

type Names = Pick<RingStep, 'event' | 'from' | 'to'>;

const other: Names = { event: 'other', from: '', to: '' };

/** Numbers for (event, from, to). One for all rings of a process. */
export class TransitionNames {
  readonly #numbers = new Map<string, Map<string, Map<string, number>>>();
  readonly #names: Names[] = [other];

  get size(): number {
    return this.#names.length;
  }

  numberOf(event: string, from: string, to: string): number {
    const byFrom = entry(this.#numbers, event, () => new Map<string, Map<string, number>>());
    const byTo = entry(byFrom, from, () => new Map<string, number>());
    const known = byTo.get(to);
    if (known !== undefined) return known;
    if (this.#names.length >= inspectLimits.transitionNamesMax) return 0; // T2
    const number = this.#names.push({ event, from, to }) - 1;
    byTo.set(to, number);
    return number;
  }

  at(number: number): Names {
    return this.#names[number] ?? other;
  }
}

function entry<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    if (map.size < inspectLimits.transitionNamesMax) map.set(key, value);
  }
  return value;
}

export class TransitionRing {
  readonly #names: TransitionNames;
  readonly #entriesMax: number;
  #at = new Float64Array(8);
  #number = new Uint32Array(8);
  #made = 0;

  constructor(names: TransitionNames, entriesMax: number = inspectLimits.stepsPerActorMax) {
    this.#names = names;
    this.#entriesMax = entriesMax;
  }

  /** Transitions so far, those written over included. */
  get made(): number {
    return this.#made;
  }

  record(at: number, event: string, from: string, to: string): void {
    if (this.#made >= this.#at.length && this.#at.length < this.#entriesMax) this.#grow();
    const slot = this.#made % this.#at.length;
    this.#at[slot] = at;
    this.#number[slot] = this.#names.numberOf(event, from, to);
    this.#made++;
  }

  /** Oldest first; only what came after the given step. */
  steps(after = 0): RingStep[] {
    const found: RingStep[] = [];
    const first = Math.max(after, this.#made - this.#at.length);
    for (let index = first; index < this.#made; index++) {
      const slot = index % this.#at.length;
      found.push({
        at: this.#at[slot] ?? 0,
        step: index + 1,
        ...this.#names.at(this.#number[slot] ?? 0),
      });
    }
    return found;
  }

  #grow(): void {
    const length = Math.min(this.#at.length * 2, this.#entriesMax);
    const [at, number] = [new Float64Array(length), new Uint32Array(length)];
    at.set(this.#at);
    number.set(this.#number);
    this.#at = at;
    this.#number = number;
  }
}
