/**
 * One direction of a simulated TCP connection: what one program writes, in order, to what the other reads. Time goes by for
 * latency and bandwidth; a reader that does not read holds the writer back.
 *
 * N1. Bytes arrive in the order they were written, each once; the end (FIN) after all of them.
 * N2. At most `windowBytes` are under way or unread, and `sendBufferBytes` wait to go; then writes wait.
 * N3. What is under way while the path is cut arrives after it is whole again. The reader's word that it has read goes the
 *     other direction and is held up by a cut of that one.
 */
import type { Kernel, SeededRandom } from '../kernel/index.ts';
import { retransmitMs, sendBufferBytes, shortShare, windowBytes } from './limits.ts';
import { opposite, type Direction, type Path } from './path.ts';

/** The reading end. */
export interface LaneReader {
  arrived(bytes: Buffer): void;
  ended(): void;
}

interface Waiting {
  bytes: Buffer;
  taken: () => void;
}

/** On the wire; delivered when it has come and all before it were. */
interface Segment {
  readonly arrive: () => void;
  isHere: boolean;
}

export interface LaneOptions {
  readonly kernel: Kernel;
  readonly random: SeededRandom;
  readonly path: Path;
  readonly direction: Direction;
  readonly reader: LaneReader;
  /** Asked for each segment that arrives: a middlebox or a dead host may swallow it. */
  readonly swallows: () => boolean;
  /** What is really sent of what a program writes: planted bugs. */
  readonly change?: ((bytes: Buffer) => Buffer) | undefined;
}

export class Lane {
  readonly #options: LaneOptions;
  /** Written, not yet sent. */
  readonly #queue: Waiting[] = [];
  #queuedBytes = 0;
  /** Sent, and the reader has not said yet that it was read. */
  #unreadBytes = 0;
  #toldBytes = 0;
  #isTelling = false;
  #finWanted = false;
  #finAsked = false;
  #closed = false;
  /** In the order they were sent (N1). */
  readonly #underWay: Segment[] = [];
  #wireFreeMs = 0;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** `taken` is called when the writer may go on (N2). */
  write(given: Buffer, taken: () => void): void {
    const bytes = this.#options.change?.(given) ?? given;
    if (this.#closed || bytes.length === 0) return taken();
    const waiting: Waiting = { bytes, taken };
    this.#queue.push(waiting);
    this.#queuedBytes += bytes.length;
    this.#send();
    if (this.#queuedBytes <= sendBufferBytes) this.#take(waiting);
  }

  /** The end, after everything that was written. */
  end(): void {
    if (this.#finAsked) return;
    this.#finAsked = this.#finWanted = true;
    this.#send();
  }

  /** The connection is over: nothing more is sent, and what is under way is nobody's. */
  close(): void {
    this.#closed = true;
    this.#queuedBytes = 0;
    for (const waiting of this.#queue.splice(0)) this.#take(waiting);
  }

  /** The reader's program has read so much. */
  consumed(bytes: number): void {
    this.#toldBytes += bytes;
    if (this.#isTelling) return; // one word for all that was read meanwhile
    this.#isTelling = true;
    const { path, direction } = this.#options;
    travel(this.#options, opposite(direction), path.quality.latencyMs, () => {
      this.#isTelling = false;
      this.#unreadBytes -= this.#toldBytes;
      this.#toldBytes = 0;
      this.#send();
    });
  }

  #take(waiting: Waiting): void {
    const { taken } = waiting;
    waiting.taken = nothing;
    taken();
  }

  #send(): void {
    const { random, path } = this.#options;
    for (let first = this.#queue[0]; first !== undefined && !this.#closed; first = this.#queue[0]) {
      const room = windowBytes - this.#unreadBytes;
      if (room <= 0) return;
      const { segmentBytesMax } = path.quality;
      const segmentBytes = random.chance(shortShare) ? 1 + random.below(segmentBytesMax) : segmentBytesMax;
      const size = Math.min(room, segmentBytes, first.bytes.length);
      const bytes = first.bytes.subarray(0, size);
      first.bytes = first.bytes.subarray(size);
      this.#queuedBytes -= size;
      this.#unreadBytes += size;
      this.#depart(size, () => this.#options.reader.arrived(bytes));
      if (first.bytes.length === 0) {
        this.#queue.shift();
        this.#take(first);
      }
      if (this.#queuedBytes <= sendBufferBytes) for (const waiting of this.#queue) this.#take(waiting);
    }
    if (!this.#finWanted || this.#closed) return;
    this.#finWanted = false;
    this.#depart(0, () => this.#options.reader.ended());
  }

  #depart(bytes: number, arrive: () => void): void {
    const { kernel, random, path, direction } = this.#options;
    const { latencyMs, jitterMs, bytesPerMs } = path.quality;
    this.#wireFreeMs = Math.max(this.#wireFreeMs, kernel.nowMs) + bytes / bytesPerMs;
    const arrivalMs = this.#wireFreeMs + latencyMs + random.next() * jitterMs;
    const segment: Segment = { arrive, isHere: false };
    this.#underWay.push(segment);
    travel(this.#options, direction, arrivalMs - kernel.nowMs, () => {
      segment.isHere = true;
      this.#deliver();
    });
  }

  #deliver(): void {
    for (let first = this.#underWay[0]; first?.isHere === true; first = this.#underWay[0]) {
      this.#underWay.shift();
      if (!this.#closed && !this.#options.swallows()) first.arrive();
    }
  }
}

/** N3. */
function travel(
  options: Pick<LaneOptions, 'kernel' | 'random' | 'path'>,
  direction: Direction,
  delayMs: number,
  arrive: () => void,
): void {
  const { kernel, random, path } = options;
  kernel.at(delayMs, () => {
    if (!path.isCut(direction)) return arrive();
    path.onHealed(direction, () =>
      travel(options, direction, random.between(retransmitMs.min, retransmitMs.max), arrive),
    );
  });
}

function nothing(): void {}
