/**
 * The flight recorder: the last transitions of every watched actor, kept in memory so that "what happened to this agent"
 * has an answer without logs at debug. One ring of fixed size, whose entries are written over in place: a fresh object per
 * transition would outlive every scavenge of the garbage collector and be copied by it, which cost a tenth of a request.
 *
 * F1. Memory is bounded by `entriesMax`, whatever the number of actors.
 * F2. Recording neither throws nor waits; a dropped record is counted, never reported from the hot path.
 * F3. No payload is kept: state names, event names and ids only, so no secret can be here.
 */
import type { Clock } from '../ports/index.ts';

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

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export class FlightRecorder {
  readonly #ring: Mutable<RecordedTransition>[] = [];
  readonly #entriesMax: number;
  readonly #clock: Clock;
  #next = 0;

  constructor(options: { readonly clock: Clock; readonly entriesMax: number }) {
    this.#clock = options.clock;
    this.#entriesMax = options.entriesMax;
  }

  /** Transitions recorded since start, including those already overwritten. */
  get recorded(): number {
    return this.#next;
  }

  record(actorId: string, machine: string, from: string, to: string, event: string): void {
    const sequence = this.#next++;
    const at = this.#clock.now();
    const entry = this.#ring[sequence % this.#entriesMax];
    if (entry === undefined) {
      this.#ring.push({ sequence, at, actorId, machine, from, to, event });
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

  /** The newest transitions first, of one actor or of all. */
  latest(limit: number, actorId?: string): readonly RecordedTransition[] {
    const found: RecordedTransition[] = [];
    const oldest = Math.max(0, this.#next - this.#ring.length);
    for (let sequence = this.#next - 1; sequence >= oldest && found.length < limit; sequence--) {
      const entry = this.#ring[sequence % this.#entriesMax];
      if (entry !== undefined && (actorId === undefined || entry.actorId === actorId))
        found.push({ ...entry });
    }
    return found;
  }
}
