/**
 * The flight recorder: the last transitions of every watched actor, kept in memory so that "what happened to this agent"
 * has an answer without logs at debug. Rings of fixed size, whose entries are written over in place: a fresh object per
 * transition would outlive every scavenge of the garbage collector and be copied by it, which cost a tenth of a request.
 *
 * F1. Memory is bounded by `entriesMax` and `hotEntriesMax`, whatever the number of actors.
 * F2. Recording neither throws nor waits; a dropped record is counted, never reported from the hot path.
 * F3. No payload is kept: state names, event names and ids only, so no secret can be here.
 * F4. Actors that live for one request have a ring of their own, so that traffic does not wash away what happened to
 *     agents and supervisors; above `hotPerSecondMax` transitions a second, one life in ten is recorded, and wholly.
 */
import type { Clock } from '../ports/index.ts';
import { inspectLimits } from './limits.ts';

export interface RecordedTransition {
  /** Counts all transitions since start; a gap tells a reader how much it missed. */
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly actorId: string;
  readonly machine: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

export interface FlightRecorderOptions {
  readonly clock: Clock;
  readonly entriesMax: number;
  readonly hotEntriesMax?: number;
  /** Ids of the machines that live for one request or less. */
  readonly hotMachines?: ReadonlySet<string>;
  readonly hotPerSecondMax?: number;
}

const noMachines: ReadonlySet<string> = new Set();

export class FlightRecorder {
  readonly #calm: Ring;
  readonly #hot: Ring;
  readonly #hotMachines: ReadonlySet<string>;
  readonly #hotPerSecondMax: number;
  readonly #clock: Clock;
  #next = 0;
  #sampledOut = 0;
  #second = 0;
  #hotInSecond = 0;

  constructor(options: FlightRecorderOptions) {
    this.#calm = new Ring(options.entriesMax);
    this.#hot = new Ring(options.hotEntriesMax ?? inspectLimits.recordedHotMax);
    this.#hotMachines = options.hotMachines ?? noMachines;
    this.#hotPerSecondMax = options.hotPerSecondMax ?? inspectLimits.hotPerSecondMax;
    this.#clock = options.clock;
  }

  /** Transitions since start, including those overwritten or left out. */
  get recorded(): number {
    return this.#next;
  }

  /** Transitions left out because there were too many (F4). */
  get sampledOut(): number {
    return this.#sampledOut;
  }

  record(actorId: string, machine: string, from: string, to: string, event: string): void {
    const sequence = this.#next++;
    const at = this.#clock.now();
    if (!this.#hotMachines.has(machine)) {
      this.#calm.write(sequence, at, actorId, machine, from, to, event);
    } else if (this.#takes(at, actorId)) {
      this.#hot.write(sequence, at, actorId, machine, from, to, event);
    } else this.#sampledOut++;
  }

  /** The newest transitions first, of one actor or of all. */
  latest(limit: number, actorId?: string): readonly RecordedTransition[] {
    const [calm, hot] = [this.#calm.latest(limit, actorId), this.#hot.latest(limit, actorId)];
    return [...calm, ...hot].sort((one, other) => other.sequence - one.sequence).slice(0, limit);
  }

  /** All that is kept, the oldest first, as it is now. */
  snapshot(): readonly RecordedTransition[] {
    const [calm, hot] = [this.#calm.all(), this.#hot.all()];
    const merged: RecordedTransition[] = [];
    let next = 0;
    for (const one of calm) {
      for (let other = hot[next]; other !== undefined && other.sequence < one.sequence; other = hot[++next]) {
        merged.push(other);
      }
      merged.push(one);
    }
    return [...merged, ...hot.slice(next)];
  }

  /** F4: lives are told apart by the last digit of their ids. */
  #takes(at: number, actorId: string): boolean {
    const second = Math.trunc(at / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#hotInSecond = 0;
    }
    return this.#hotInSecond++ < this.#hotPerSecondMax || actorId.endsWith('0');
  }
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

class Ring {
  readonly #entries: Mutable<RecordedTransition>[] = [];
  readonly #entriesMax: number;
  #written = 0;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  write(
    sequence: number,
    at: number,
    actorId: string,
    machine: string,
    from: string,
    to: string,
    event: string,
  ): void {
    const entry = this.#entries[this.#written++ % this.#entriesMax];
    if (entry === undefined) {
      this.#entries.push({ sequence, at, actorId, machine, from, to, event });
      return;
    }
    entry.sequence = sequence;
    entry.at = at;
    entry.actorId = actorId;
    entry.machine = machine;
    entry.from = from;
    entry.to = to;
    entry.event = event;
  }

  /** The oldest first. */
  all(): RecordedTransition[] {
    const begin = this.#written > this.#entries.length ? this.#written % this.#entriesMax : 0;
    return [...this.#entries.slice(begin), ...this.#entries.slice(0, begin)].map((entry) => ({ ...entry }));
  }

  latest(limit: number, actorId: string | undefined): RecordedTransition[] {
    const found: RecordedTransition[] = [];
    const oldest = Math.max(0, this.#written - this.#entries.length);
    for (let index = this.#written - 1; index >= oldest && found.length < limit; index--) {
      const entry = this.#entries[index % this.#entriesMax];
      if (entry !== undefined && (actorId === undefined || entry.actorId === actorId))
        found.push({ ...entry });
    }
    return found;
  }
}
