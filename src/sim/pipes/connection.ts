/**
 * A simulated TCP connection: two sockets, a lane each way, and what can happen to a connection as a whole.
 *
 * C1. A reset travels like any packet, overtakes what waits, and is lost while its direction is cut.
 * C2. A middlebox that forgot the connection swallows everything from then on, or answers with resets.
 * C3. When a place loses power its ends fall silent; once it has power again, they answer with resets.
 * C4. What nobody acknowledges for long ends its sender with ETIMEDOUT; so do unanswered probes of TCP's keepalive.
 */
import type { Kernel, SeededRandom } from '../kernel/index.ts';
import { Lane } from './lane.ts';
import { probes, retransmitMs, unacknowledgedMsMax } from './limits.ts';
import { opposite, type Direction, type Path } from './path.ts';
import type { SimulatedSocket } from './simulated-socket.ts';

export interface ConnectionEnds {
  readonly dialled: SimulatedSocket;
  readonly accepted: SimulatedSocket;
}

/** What becomes of the bytes of a direction. */
export type Changes = Partial<Record<Direction, (bytes: Buffer) => Buffer>>;

export type End = keyof ConnectionEnds;

/** Each end sends in this direction. */
const sends: Record<End, Direction> = { dialled: 'out', accepted: 'back' };
const other: Record<End, End> = { dialled: 'accepted', accepted: 'dialled' };

export class Connection {
  readonly ends: ConnectionEnds;
  readonly path: Path;
  readonly lanes: Record<Direction, Lane>;
  readonly #kernel: Kernel;
  readonly #gone = { dialled: false, accepted: false };
  /** The program of this end is no more; `dark`: its place has no power either. */
  readonly #dead: Record<End, 'dark' | 'lit' | undefined> = { dialled: undefined, accepted: undefined };
  #lastTrafficMs: number;
  #forgotten = false;
  readonly #isRefusing = { dialled: false, accepted: false };
  readonly #waitsInVain = { dialled: false, accepted: false };
  readonly #onClosed: () => void;

  constructor(
    kernel: Kernel,
    random: SeededRandom,
    path: Path,
    ends: ConnectionEnds,
    onClosed: (connection: Connection) => void,
    changes: Changes = {},
  ) {
    this.#kernel = kernel;
    this.path = path;
    this.ends = ends;
    this.#lastTrafficMs = kernel.nowMs;
    this.#onClosed = () => onClosed(this);
    const lane = (direction: Direction, reader: End) =>
      new Lane({
        kernel,
        random,
        path,
        direction,
        reader: {
          arrived: (bytes) => {
            kernel.log(`${ends[reader].simulatedName} < ${bytes.length}`);
            ends[reader].arrived(bytes);
          },
          ended: () => {
            kernel.log(`${ends[reader].simulatedName} < FIN`);
            ends[reader].ended();
          },
        },
        swallows: () => this.#swallows(reader),
        change: changes[direction],
      });
    this.lanes = { out: lane('out', 'accepted'), back: lane('back', 'dialled') };
    for (const end of ['accepted', 'dialled'] as const) {
      ends[end].join({
        out: this.lanes[sends[end]],
        back: this.lanes[opposite(sends[end])],
        reset: () => this.#sendReset(other[end]),
        refuse: () => this.#refuse(other[end]),
        closed: () => this.#closed(end),
        keepAlive: (idleMs) => this.#keepAlive(end, idleMs),
      });
    }
  }

  /** Both ends are closed, or dead. */
  get isOver(): boolean {
    return this.#gone.dialled && this.#gone.accepted;
  }

  isGone(end: End): boolean {
    return this.#gone[end];
  }

  /** What one end sends would reach the other, and its answer come back. */
  get isWhole(): boolean {
    const { path } = this;
    const bothLive = this.#dead.dialled === undefined && this.#dead.accepted === undefined;
    return bothLive && !this.#forgotten && !path.isCut('out') && !path.isCut('back');
  }

  /** A box on the way resets both ends. */
  reset(): void {
    this.#sendReset('dialled');
    this.#sendReset('accepted');
  }

  /** The program of this end ends without a word; with power its kernel says FIN or RST for it. */
  kill(end: End, how: 'power' | 'fin' | 'reset'): void {
    if (this.#gone[end]) return;
    const socket = this.ends[end];
    this.#dead[end] = how === 'power' ? 'dark' : 'lit';
    socket.unplug();
    if (how === 'fin' && !socket.hasUnread) this.lanes[sends[end]].end();
    else if (how !== 'power') this.#sendReset(other[end]);
    this.#closed(end);
    socket.destroy(errno('ECONNRESET', 'read'));
  }

  /** The place of this end has power again (C3). */
  light(end: End): void {
    if (this.#dead[end] === 'dark') this.#dead[end] = 'lit';
  }

  #swallows(reader: End): boolean {
    const writer = other[reader];
    if (this.#isForgotten()) {
      if (this.path.quality.forgets === 'with a reset') this.#refuse(writer);
      else this.#unacknowledged(writer);
      return true; // C2
    }
    this.#lastTrafficMs = this.#kernel.nowMs;
    if (this.#dead[reader] === undefined) return false;
    if (this.#dead[reader] === 'lit') this.#refuse(writer);
    else this.#unacknowledged(writer);
    return true; // C3
  }

  #isForgotten(): boolean {
    const { idleMsMax } = this.path.quality;
    if (!this.#forgotten && idleMsMax !== undefined && this.#kernel.nowMs - this.#lastTrafficMs > idleMsMax) {
      this.#forgotten = true;
      this.#kernel.log(`${this.path.name} forgot ${this.ends.dialled.simulatedName}`);
    }
    return this.#forgotten;
  }

  /** C4. */
  #unacknowledged(writer: End): void {
    if (this.#waitsInVain[writer]) return;
    this.#waitsInVain[writer] = true;
    this.#kernel.at(unacknowledgedMsMax, () => this.#timedOut(writer));
  }

  /** C4. */
  #keepAlive(end: End, idleMs: number): void {
    if (this.path.quality.answersProbes) return;
    const peer = other[end];
    const probe = (unanswered: number) => {
      if (this.#gone[end]) return;
      const isHeard = !this.path.isCut('out') && !this.path.isCut('back') && !this.#isForgotten();
      if (isHeard && this.#dead[peer] !== 'dark') {
        if (this.#dead[peer] === 'lit') return this.#sendReset(end);
        this.#lastTrafficMs = this.#kernel.nowMs;
        this.#kernel.at(idleMs, () => probe(0));
      } else if (unanswered === probes.count) this.#timedOut(end);
      else this.#kernel.at(probes.everyMs, () => probe(unanswered + 1));
    };
    this.#kernel.at(idleMs, () => probe(0));
  }

  #timedOut(end: End): void {
    if (this.#gone[end]) return;
    this.#kernel.log(`${this.ends[end].simulatedName} timed out`);
    this.ends[end].destroy(errno('ETIMEDOUT', 'read'));
  }

  /** C1. */
  #sendReset(to: End): void {
    this.#deliverReset(to, () => {});
  }

  /** C1. An answer to bytes: while it is lost, they come again, and so does it. */
  #refuse(to: End): void {
    if (this.#isRefusing[to]) return;
    this.#isRefusing[to] = true;
    const again = () =>
      this.path.onHealed(sends[other[to]], () => void this.#kernel.at(retransmitMs.max, attempt));
    const attempt = () => this.#deliverReset(to, again);
    attempt();
  }

  #deliverReset(to: End, lost: () => void): void {
    const direction = sends[other[to]];
    this.#kernel.at(this.path.quality.latencyMs, () => {
      const socket = this.ends[to];
      if (this.#gone[to]) return;
      if (this.path.isCut(direction)) return lost();
      this.#kernel.log(`${socket.simulatedName} < RST`);
      socket.destroy(errno('ECONNRESET', 'read'));
    });
  }

  #closed(end: End): void {
    if (this.#gone[end]) return;
    this.#gone[end] = true;
    this.#kernel.log(`${this.ends[end].simulatedName} closed`);
    // Bytes for a closed end are still answered (K2 of the socket), so only what it would send itself may go on.
    if (!this.isOver) return;
    this.#onClosed();
  }
}

export function errno(code: string, syscall: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
}
