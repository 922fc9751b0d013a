/**
 * When a call ends early: by its caller's signal or by its deadline, whichever comes first.
 *
 * Not `AbortSignal.any`: it leaves a trace at the caller's signal until the collector has seen both, and looks through all traces for
 * each one it clears. A signal that lives as long as the process and is given to every call would stop the event loop for seconds.
 */
import type { Clock, TimerHandle } from '../../ports/index.ts';

export class CallEnd {
  readonly #clock: Clock;
  readonly #caller: AbortSignal;
  readonly #controller = new AbortController();
  readonly #leave = (): void => this.#controller.abort(this.#caller.reason);
  #timer: TimerHandle;
  #late = false;

  constructor(clock: Clock, caller: AbortSignal, deadlineMs: number) {
    this.#clock = clock;
    this.#caller = caller;
    this.#timer = clock.setTimeout(() => {
      this.#late = true;
      this.#controller.abort();
    }, deadlineMs);
    caller.addEventListener('abort', this.#leave, { once: true });
    if (caller.aborted) this.#leave();
  }

  /** For whoever carries out the call. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get cancelled(): boolean {
    return this.#caller.aborted;
  }

  /** The deadline passed. */
  get late(): boolean {
    return this.#late;
  }

  /** What the deadline was for is done; the caller can still end what follows. */
  inTime(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The call is over. */
  close(): void {
    this.inTime();
    this.#caller.removeEventListener('abort', this.#leave);
  }
}
