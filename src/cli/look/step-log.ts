/** Tells each transition of an agent's charts once; their numbers show which were not seen. */
import type { AgentDetail, Step } from '../remote/shapes.ts';
import type { EventLines } from './event-lines.ts';

interface Told {
  readonly sessionId: string;
  readonly chart: string;
  readonly step: Step;
}

export class StepLog {
  readonly #since: number;
  readonly #lines: EventLines;
  /** The number of the last step, by actor. */
  readonly #last = new Map<string, number>();
  /** When the sessions began, by their ids. */
  #begun: ReadonlyMap<string, number> = new Map();
  /** An agent has a few lives at a time; what ended long ago is not told again. */
  readonly #actorsMax = 1_000;

  constructor(since: number, lines: EventLines) {
    this.#since = since;
    this.#lines = lines;
  }

  whole({ sessions }: AgentDetail): void {
    this.#begun = new Map(sessions.map(({ sessionId, startedAt }) => [sessionId, startedAt]));
    const steps = sessions.flatMap(({ sessionId, session, connection }) => [
      ...session.map((step) => ({ sessionId, chart: 'session', step })),
      ...connection.map((step) => ({ sessionId, chart: 'connection', step })),
    ]);
    steps.sort((one, other) => one.step.at - other.step.at || one.step.step - other.step.step);
    this.more(steps);
  }

  more(steps: readonly Told[]): void {
    for (const told of steps) this.#tell(told);
  }

  #tell({ sessionId, chart, step }: Told): void {
    // A kas that was started again counts its sessions anew.
    const actor = `${chart} ${sessionId} ${this.#begun.get(sessionId) ?? 0}`;
    const last = this.#last.get(actor);
    if (last !== undefined && step.step <= last) return;
    const missed = last === undefined ? 0 : step.step - last - 1;
    this.#last.set(actor, step.step);
    if (this.#last.size > this.#actorsMax) {
      const [oldest] = this.#last.keys();
      if (oldest !== undefined) this.#last.delete(oldest);
    }
    if (step.at < this.#since) return;
    if (missed > 0) this.#lines.note(`${missed} transitions of the ${chart} were missed`);
    this.#lines.step(sessionId, chart, step);
  }
}
