/**
 * One question to GitLab that several callers wait for. Each gives up by itself; when the last one did, or the time is
 * over, the question itself is cancelled.
 */
import type { Clock, GitLabResult } from '../../ports/index.ts';

const cancelled = { kind: 'unavailable', reason: 'cancelled' } as const;
const late = { kind: 'unavailable', reason: 'GitLab did not answer in time' } as const;

export class SharedQuestion<T> {
  readonly #abort = new AbortController();
  readonly #answer: Promise<GitLabResult<T>>;
  readonly #onOver: () => void;
  #waiters = 0;
  #ended = false;

  /** `ask` must answer; what it throws reaches every waiter. `onOver` comes when nobody should join any more. */
  constructor(
    ask: (signal: AbortSignal) => Promise<GitLabResult<T>>,
    clock: Clock,
    msMax: number,
    onOver: () => void,
  ) {
    this.#onOver = onOver;
    this.#answer = new Promise((resolve, reject) => {
      const timer = clock.setTimeout(() => {
        this.#abandon();
        resolve(late);
      }, msMax);
      this.#abort.signal.addEventListener('abort', () => clock.clearTimeout(timer), { once: true });
      ask(this.#abort.signal)
        .then(resolve, reject)
        .finally(() => this.#end());
    });
    // Every waiter may have left before it fails; the failure is then nobody's.
    this.#answer.catch(() => {});
  }

  /** The answer, or `unavailable` as soon as this caller gives up. */
  wait(signal: AbortSignal): Promise<GitLabResult<T>> {
    if (signal.aborted) {
      if (this.#waiters === 0) this.#abandon();
      return Promise.resolve(cancelled);
    }
    this.#waiters += 1;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters -= 1;
        if (this.#waiters === 0) this.#abandon();
        resolve(cancelled);
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
    });
  }

  #abandon(): void {
    if (this.#ended) return;
    this.#end();
    this.#onOver();
  }

  #end(): void {
    this.#ended = true;
    this.#abort.abort();
  }
}
