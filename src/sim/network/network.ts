/**
 * A network of hosts with TCP's manners, as far as lives above it can tell: ordered connections that keep what they were
 * given while the path is cut, and ends that may disagree for a long time about whether a connection still is.
 *
 * N1. What is sent on a connection arrives in order or not at all; while the path is cut it waits, and everything behind it.
 * N2. A reset is sent once: while the path is cut it is lost. An orderly end is sent again until it arrives.
 * N3. A process that dies has its connections ended by its system; power that fails ends nothing, and the system that comes
 *     back answers what belongs to no connection with a reset.
 * N4. A connect is refused where nobody listens, and waits where nobody answers.
 */
import type { Kernel, SeededRandom } from '../kernel/index.ts';
import { Endpoint, type Road } from './endpoint.ts';
import { networkTimes } from './limits.ts';

export type Dialled<F> =
  | { readonly kind: 'connected'; readonly endpoint: Endpoint<F> }
  | { readonly kind: 'refused' }
  | { readonly kind: 'timedOut' };

export class SimulatedNetwork<F> implements Road<F> {
  readonly kernel: Kernel;
  readonly #random;
  readonly #listeners = new Map<string, (endpoint: Endpoint<F>) => void>();
  readonly #dark = new Set<string>();
  readonly #cuts = new Map<string, number>();
  readonly #waiting: (() => void)[] = [];
  readonly #endpoints = new Set<Endpoint<F>>();
  #slowMs = 0;
  #made = 0;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.#random = kernel.random.fork('network');
  }

  /** Ends of connections that live. */
  get endpoints(): Iterable<Endpoint<F>> {
    return this.#endpoints;
  }

  /** Connections dialled so far. */
  get dialled(): number {
    return this.#made;
  }

  /** Takes connections to a host; answers how to stop. */
  listen(host: string, accept: (endpoint: Endpoint<F>) => void): () => void {
    this.#listeners.set(host, accept);
    return () => {
      if (this.#listeners.get(host) === accept) this.#listeners.delete(host);
    };
  }

  /** Dials; `done` at most once. Answers how to give up. */
  connect(from: string, to: string, done: (dialled: Dialled<F>) => void): () => void {
    const { kernel } = this;
    const id = ++this.#made;
    const random = this.#random.fork(`connection ${id}`);
    let settled = false;
    const settle = (dialled: Dialled<F>) => {
      if (settled) return;
      settled = true;
      kernel.cancel(late);
      done(dialled);
    };
    const late = kernel.at(networkTimes.connectMsMax, () => settle({ kind: 'timedOut' }));
    const arrive = () => {
      if (settled) return;
      if (!this.reaches(from, to) || !this.reaches(to, from)) return this.later(arrive); // N4
      const accept = this.#listeners.get(to);
      if (accept === undefined) return settle({ kind: 'refused' });
      const near = new Endpoint<F>(this, `${id}`, from, to, random.fork('near'));
      const far = new Endpoint<F>(this, `${id}`, to, from, random.fork('far'));
      near.join(far);
      this.#endpoints.add(near).add(far);
      accept(far);
      settle({ kind: 'connected', endpoint: near });
    };
    kernel.at(2 * this.latencyMs(random), arrive);
    return () => {
      settled = true;
      kernel.cancel(late);
    };
  }

  /** Whether what is sent now would arrive: the path is whole and the other end has power. */
  reaches(from: string, to: string): boolean {
    return !this.#cuts.has(`${from}>${to}`) && !this.#dark.has(to) && !this.#dark.has(from);
  }

  latencyMs(random: SeededRandom): number {
    const { min, max } = networkTimes.latencyMs;
    return random.between(min, max) + (this.#slowMs > 0 ? random.around(this.#slowMs) : 0);
  }

  /** Cuts one direction between two hosts; answers how to mend it. */
  cut(from: string, to: string): () => void {
    const path = `${from}>${to}`;
    this.#cuts.set(path, (this.#cuts.get(path) ?? 0) + 1);
    return once(() => {
      const left = (this.#cuts.get(path) ?? 1) - 1;
      if (left > 0) this.#cuts.set(path, left);
      else this.#cuts.delete(path);
      this.#resend();
    });
  }

  /** Makes everything slower by this on the average; answers how to undo it. */
  slow(meanMs: number): () => void {
    this.#slowMs += meanMs;
    return once(() => void (this.#slowMs -= meanMs));
  }

  /** A process of a host dies: its system ends its connections, in order or by reset (N3). */
  kill(host: string): void {
    for (const endpoint of this.#of(host)) {
      if (this.#random.chance(0.5)) endpoint.close();
      else endpoint.reset();
    }
    this.#listeners.delete(host);
  }

  /** Power fails (N3). */
  darken(host: string): void {
    for (const endpoint of this.#of(host)) endpoint.vanish();
    this.#listeners.delete(host);
    this.#dark.add(host);
  }

  /** Power is back. */
  lighten(host: string): void {
    this.#dark.delete(host);
    this.#resend();
  }

  isDark(host: string): boolean {
    return this.#dark.has(host);
  }

  later(again: () => void): void {
    this.#waiting.push(again);
  }

  forget(endpoint: Endpoint<F>): void {
    this.#endpoints.delete(endpoint);
  }

  #of(host: string): readonly Endpoint<F>[] {
    return [...this.#endpoints].filter((endpoint) => endpoint.host === host);
  }

  #resend(): void {
    const { min, max } = networkTimes.retransmitMs;
    for (const again of this.#waiting.splice(0)) this.kernel.at(this.#random.between(min, max), again);
  }
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}
