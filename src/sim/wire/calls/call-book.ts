/** The calls of a run as both ends see them, and the first message, which tells the server what is wanted. */
import type { Kernel } from '../../kernel/index.ts';
import { ContentCheck, contentOf } from '../content.ts';
import type { PlannedCall } from './calls-plan.ts';

/** Of the one service there is. */
export const callPath = '/simulated.Calls/Call';
const headBytes = 16;

/** A call as its client sees it. */
export class MadeCall {
  readonly id: number;
  readonly planned: PlannedCall;
  readonly startedMs: number;
  readonly download: ContentCheck;
  /** gRPC codes; exactly one in the end. */
  readonly codes: number[] = [];
  endedMs = Infinity;
  cancelled = false;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, id: number, planned: PlannedCall) {
    this.#kernel = kernel;
    this.id = id;
    this.planned = planned;
    this.startedMs = kernel.nowMs;
    this.download = new ContentCheck(2 * id + 1);
  }

  /** The messages of the client, in order. */
  *messages(): Generator<Buffer> {
    const { uploads, uploadBytes, replies, replyBytes, replyGapMs } = this.planned;
    const head = Buffer.alloc(headBytes);
    for (const [at, value] of [this.id, replies, replyBytes, Math.floor(replyGapMs)].entries())
      head.writeUInt32BE(value, 4 * at);
    yield head;
    for (let sent = 0; sent < uploads; sent++) yield contentOf(2 * this.id, sent * uploadBytes, uploadBytes);
  }

  ended(code: number): void {
    this.codes.push(code);
    this.endedMs = this.#kernel.nowMs;
    this.#kernel.log(`call ${this.id} ended ${code} after ${this.download.bytes}`);
  }
}

/** A call as its server sees it. */
export class ServedCall {
  readonly id: number;
  readonly upload: ContentCheck;
  readonly gapMs: number;
  state: 'running' | 'answered' | 'gone' = 'running';
  /** Bytes of replies given to the library. */
  written = 0;
  halfClosed = false;
  #left: number;
  readonly #replyBytes: number;

  constructor(head: Buffer) {
    this.id = head.readUInt32BE(0);
    this.#left = head.readUInt32BE(4);
    this.#replyBytes = head.readUInt32BE(8);
    this.gapMs = head.readUInt32BE(12);
    this.upload = new ContentCheck(2 * this.id);
  }

  /** The next reply; undefined when there is none left. */
  next(): Buffer | undefined {
    if (this.#left === 0) return undefined;
    this.#left -= 1;
    const reply = contentOf(2 * this.id + 1, this.written, this.#replyBytes);
    this.written += reply.length;
    return reply;
  }

  get isDone(): boolean {
    return this.halfClosed && this.#left === 0;
  }
}

export class CallBook {
  readonly made: MadeCall[] = [];
  readonly served: ServedCall[] = [];
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  make(planned: PlannedCall): MadeCall {
    const call = new MadeCall(this.#kernel, this.made.length + 1, planned);
    this.made.push(call);
    return call;
  }

  serve(head: Buffer): ServedCall {
    const served = new ServedCall(head);
    this.#kernel.log(`call ${served.id} served`);
    this.served.push(served);
    return served;
  }
}

/** A program that makes calls, and one that answers them. */
export interface Caller {
  call(made: MadeCall): void;
  close(): Promise<void>;
}
export interface Answerer {
  start(): Promise<void>;
  close(): Promise<void>;
  /** Connections that are open, as it sees them. */
  readonly connections: number;
}
