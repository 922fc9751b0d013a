/**
 * Every life of a world, as far as its chart shows it: which states each actor is in, and since when. What must hold of times
 * is judged from this book.
 *
 * B1. A step of a chart from a state into the same one is not seen: such a stay looks longer than it is.
 * B2. What a dead process left behind is not looked at.
 */
import { charts } from '../../../statecharts/index.ts';
import { statesOf } from '../../inspect/charts/index.ts';
import type { ObservedTransition } from '../../supervisor/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { statePathsOf } from './state-paths.ts';

/** An actor in one state, or in one around it. */
export interface Stay {
  readonly process: SimulatedProcess;
  readonly actorId: string;
  /** The machine's id. */
  readonly machine: string;
  readonly state: string;
  readonly lastedMs: number;
  /** What ended it; undefined while it lasts. */
  readonly endedBy: string | undefined;
}

interface Life {
  readonly machine: string;
  readonly sinceMs: Map<string, number>;
}

const finals = new Map(
  charts.map(({ machine }) => [
    machine.id,
    new Set(statesOf(machine).flatMap((state) => (state.type === 'final' ? [state.path.join('.')] : []))),
  ]),
);

export class LifeBook {
  readonly #nowMs: () => number;
  readonly #onStayed: (stay: Stay) => void;
  readonly #lives = new Map<SimulatedProcess, Map<string, Life>>();

  constructor(nowMs: () => number, onStayed: (stay: Stay) => void) {
    this.#nowMs = nowMs;
    this.#onStayed = onStayed;
  }

  moved(process: SimulatedProcess, { actorId, machine, from, to, event }: ObservedTransition): void {
    const lives = this.#livesOf(process);
    let life = lives.get(actorId);
    if (life === undefined || from === '') lives.set(actorId, (life = { machine, sinceMs: new Map() }));
    const nowMs = this.#nowMs();
    const states = statePathsOf(to);
    for (const [state, sinceMs] of life.sinceMs) {
      if (states.has(state)) continue;
      life.sinceMs.delete(state);
      this.#onStayed({ process, actorId, machine, state, lastedMs: nowMs - sinceMs, endedBy: event });
    }
    if (finals.get(machine)?.has(to) === true) return void lives.delete(actorId);
    for (const state of states) if (!life.sinceMs.has(state)) life.sinceMs.set(state, nowMs);
  }

  /** How long an actor has been in a state; undefined when it is not. */
  lastedMs(process: SimulatedProcess, actorId: string, state: string): number | undefined {
    const sinceMs = this.#lives.get(process)?.get(actorId)?.sinceMs.get(state);
    return sinceMs === undefined ? undefined : this.#nowMs() - sinceMs;
  }

  /** What lasts now. */
  *stays(): Generator<Stay> {
    const nowMs = this.#nowMs();
    for (const [process, lives] of this.#lives) {
      if (!process.alive) {
        this.#lives.delete(process); // B2
        continue;
      }
      for (const [actorId, { machine, sinceMs: states }] of lives) {
        for (const [state, sinceMs] of states)
          yield { process, actorId, machine, state, lastedMs: nowMs - sinceMs, endedBy: undefined };
      }
    }
  }

  #livesOf(process: SimulatedProcess): Map<string, Life> {
    let lives = this.#lives.get(process);
    if (lives === undefined) this.#lives.set(process, (lives = new Map()));
    return lives;
  }
}
