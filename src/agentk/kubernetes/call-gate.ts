/**
 * Keeps agentk's own calls from crowding out the tunnels' and from storming the API server: a bounded number runs, a
 * bounded number waits in order, more are turned away.
 */
export class CallGate {
  readonly #runningMax: number;
  readonly #waitingMax: number;
  readonly #queue: Array<() => void> = [];
  #running = 0;

  constructor(runningMax: number, waitingMax: number) {
    this.#runningMax = runningMax;
    this.#waitingMax = waitingMax;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Runs the call when its turn comes; undefined when too many wait already or its signal was aborted meanwhile. */
  async run<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T | undefined> {
    if (this.#running < this.#runningMax) this.#running += 1;
    else if (this.#queue.length >= this.#waitingMax || !(await this.#turn(signal))) return undefined;
    try {
      return await call();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#running -= 1;
      else next(); // the place goes on, `running` stays
    }
  }

  #turn(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const go = () => {
        signal.removeEventListener('abort', leave);
        resolve(true);
      };
      const leave = () => {
        const at = this.#queue.indexOf(go);
        if (at >= 0) this.#queue.splice(at, 1);
        resolve(false);
      };
      this.#queue.push(go);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
