/**
 * agentk's answers on their way into a tunnel, one write per step: the header waits until the end of the tick for the
 * first chunk, and a small first chunk for the end of the body, so a small answer leaves as one buffer. What comes
 * later leaves at once, which is what a watch needs.
 *
 * 1. Nothing is held beyond the tick: `process.nextTick` flushes.
 * 2. A chunk sent alone is not copied. Chunks are never larger than `chunkBytesMax`.
 * 3. After `end` or `drop` nothing more is sent.
 */
import {
  encodeResponseStart,
  encodeWholeResponse,
  responseBodyPrefix,
} from '../../protocol/envelope/index.ts';
import type { ResponseHeader } from '../../protocol/envelope/index.ts';
import type { MessageStream } from '../grpc/index.ts';
import { chunkBytesMax, coalescedBytesMax } from './limits.ts';

const nothing = Buffer.alloc(0);
const noPairs: readonly string[] = [];

export class ResponseSender {
  /** Body bytes taken so far. */
  bytes = 0;
  /** The header is on its way and cannot be taken back. */
  started = false;
  readonly #stream: MessageStream;
  #head: ResponseHeader | undefined;
  #body: Buffer = nothing;

  constructor(stream: MessageStream) {
    this.#stream = stream;
  }

  /** Takes the response header. */
  start(head: ResponseHeader): void {
    this.#head = head;
    process.nextTick(flush, this); // invariant 1
  }

  /** Takes a body chunk that nobody writes to any more; false asks to wait for the stream's `onDrain`. */
  data(chunk: Buffer): boolean {
    if (chunk.length === 0) return true;
    if (chunk.length > chunkBytesMax) return this.#pieces(chunk);
    this.bytes += chunk.length;
    if (this.#head === undefined) return this.#stream.writeBody(responseBodyPrefix(chunk.length), chunk);
    if (this.#body.length > 0) {
      this.flush();
      return this.#stream.writeBody(responseBodyPrefix(chunk.length), chunk);
    }
    if (chunk.length <= coalescedBytesMax) {
      this.#body = chunk;
      return true;
    }
    const start = encodeResponseStart(noPairs, this.#head, chunk.length);
    this.#head = undefined;
    this.started = true;
    return this.#stream.writeBody(start, chunk);
  }

  /** Ends the answer with these frames. */
  end(tail: Buffer): void {
    const head = this.#head;
    const body = this.#body;
    this.drop();
    this.started = true;
    this.#stream.write(head === undefined ? tail : encodeWholeResponse(noPairs, head, body, tail));
  }

  /** Forgets what was not sent yet. */
  drop(): void {
    this.#head = undefined;
    this.#body = nothing;
  }

  /** Sends what is held. */
  flush(): void {
    const head = this.#head;
    if (head === undefined) return;
    const body = this.#body;
    this.drop();
    this.started = true;
    this.#stream.write(encodeWholeResponse(noPairs, head, body, nothing));
  }

  #pieces(chunk: Buffer): boolean {
    let more = true;
    for (let at = 0; at < chunk.length; at += chunkBytesMax) {
      more = this.data(chunk.subarray(at, at + chunkBytesMax));
    }
    return more;
  }
}

function flush(sender: ResponseSender): void {
  sender.flush();
}
