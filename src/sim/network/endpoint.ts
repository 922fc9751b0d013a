/**
 * One end of a simulated connection. What is sent within one step travels as one segment, as a socket writes at the end of
 * a turn. The rules of travel are the network's (N1 to N3).
 */
import type { Kernel, SeededRandom } from '../kernel/index.ts';

/** What lies between two ends. */
export interface Road<F> {
  readonly kernel: Kernel;
  reaches(from: string, to: string): boolean;
  isDark(host: string): boolean;
  latencyMs(random: SeededRandom): number;
  /** Tried again when some path is back. */
  later(again: () => void): void;
  /** This end is over. */
  forget(endpoint: Endpoint<F>): void;
}

/** Who uses an end. */
export interface EndpointUser<F> {
  received(frames: readonly F[]): void;
  /** The connection is over: ended by the other side, or reset. Told once; not after an own `close` or `reset`. */
  closed(how: 'ended' | 'reset'): void;
}

type Segment<F> =
  | { readonly kind: 'data'; readonly frames: F[]; readonly at: number }
  | { readonly kind: 'end' | 'reset'; readonly at: number };

export class Endpoint<F> {
  readonly id: string;
  readonly host: string;
  readonly peerHost: string;
  user: EndpointUser<F> | undefined;
  readonly #network: Road<F>;
  readonly #random: SeededRandom;
  #other: Endpoint<F> | undefined;
  #over = false;
  /** Something between the ends has forgotten the connection: nothing arrives here any more. */
  #lost = false;
  readonly #arriving: Segment<F>[] = [];
  #lastAt = 0;
  #batch: { readonly frames: F[]; readonly step: number } | undefined;

  constructor(network: Road<F>, id: string, host: string, peerHost: string, random: SeededRandom) {
    this.#network = network;
    this.id = id;
    this.host = host;
    this.peerHost = peerHost;
    this.#random = random;
  }

  join(other: Endpoint<F>): void {
    this.#other = other;
    other.#other = this;
  }

  get over(): boolean {
    return this.#over;
  }

  send(frame: F): void {
    if (this.#over) return;
    const { steps } = this.#network.kernel;
    if (this.#batch?.step === steps) return void this.#batch.frames.push(frame);
    this.#batch = { frames: [frame], step: steps };
    this.#tell('data', this.#batch.frames);
  }

  /** Orderly: what was sent arrives first. */
  close(): void {
    if (this.#over) return;
    this.#tell('end');
    this.vanish();
  }

  reset(): void {
    if (this.#over) return;
    this.#tell('reset');
    this.vanish();
  }

  /** Something between the ends resets both. */
  resetBoth(): void {
    for (const end of [this, this.#other]) {
      if (end === undefined || end.over) continue;
      end.vanish();
      end.user?.closed('reset');
    }
  }

  /** A middlebox forgets the connection: both ends go on believing in it. */
  forgetInBetween(): void {
    this.#lost = true;
    if (this.#other !== undefined) this.#other.#lost = true;
  }

  /** This end is no more and says nothing. */
  vanish(): void {
    this.#over = true;
    this.#network.forget(this);
  }

  #tell(kind: Segment<F>['kind'], frames?: F[]): void {
    if (this.#other !== undefined) this.#other.#arrives(kind, frames);
  }

  #arrives(kind: Segment<F>['kind'], frames: F[] = []): void {
    const { kernel } = this.#network;
    const at = Math.max(this.#lastAt, kernel.nowMs + this.#network.latencyMs(this.#random)); // N1
    this.#lastAt = at;
    this.#arriving.push(kind === 'data' ? { kind, frames, at } : { kind, at });
    if (this.#arriving.length === 1) kernel.at(at - kernel.nowMs, this.#pump);
  }

  readonly #pump = (): void => {
    const network = this.#network;
    const [first] = this.#arriving;
    if (first === undefined || this.#lost || network.isDark(this.host)) {
      this.#arriving.length = 0;
      return;
    }
    if (!network.reaches(this.peerHost, this.host)) {
      if (network.isDark(this.peerHost)) this.#arriving.length = 0; // nobody is left to send it again
      else if (first.kind === 'reset') this.#next(); // N2
      else network.later(this.#pump); // N1
      return;
    }
    this.#next();
    this.#deliver(first);
  };

  /** The first segment is done with; the next may come. */
  #next(): void {
    this.#arriving.shift();
    const [next] = this.#arriving;
    if (next !== undefined) this.#network.kernel.at(next.at - this.#network.kernel.nowMs, this.#pump);
  }

  #deliver(segment: Segment<F>): void {
    if (this.#over) {
      if (segment.kind === 'data') this.#tell('reset'); // N3
      return;
    }
    if (segment.kind === 'data') return this.user?.received(segment.frames);
    this.vanish();
    this.user?.closed(segment.kind === 'end' ? 'ended' : 'reset');
  }
}
