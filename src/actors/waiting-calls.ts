/**
 * Calls of one session that wait until the agent's token is accepted. Nothing of a waiting call is read; when its stream
 * ends first, it is forgotten.
 *
 * Q1. Bounded: a call beyond the bound is not taken.
 * Q2. Each call is answered at most once, and not at all after its stream ended.
 */
import type { ServerCall } from '../pipe/grpc/index.ts';

interface WaitingCall<Answer> {
  readonly call: ServerCall;
  /** Waits out an outage of GitLab; an impatient call is told at once (`spec/wire.md §11.1`). */
  readonly patient: boolean;
  readonly done: (answer: Answer) => void;
}

export class WaitingCalls<Answer> {
  readonly #calls = new Set<WaitingCall<Answer>>();
  readonly #callsMax: number;

  constructor(options: { readonly callsMax: number }) {
    this.#callsMax = options.callsMax;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** False when there are as many as there may be. */
  add(call: ServerCall, patient: boolean, done: (answer: Answer) => void): boolean {
    if (this.#calls.size >= this.#callsMax) return false; // Q1
    const waiting: WaitingCall<Answer> = { call, patient, done };
    this.#calls.add(waiting);
    call.stream.pause();
    call.stream.handler = {
      onMessage: () => {},
      onHalfClosed: () => {},
      onDrain: () => {},
      onClosed: () => this.#calls.delete(waiting),
    };
    return true;
  }

  /** Answers all, or only those who do not wait out an outage. */
  answer(answer: Answer, whom: 'all' | 'impatient'): void {
    const answered = [...this.#calls].filter(({ patient }) => whom === 'all' || !patient);
    for (const waiting of answered) this.#calls.delete(waiting); // Q2
    for (const { call, done } of answered) {
      done(answer);
      call.stream.resume();
    }
  }
}
