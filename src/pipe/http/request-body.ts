/**
 * The body of a client's request on its way into a tunnel.
 *
 * 1. Backpressure: a full stream pauses the request; `streamDrained` lets it go on.
 * 2. Chunks are sent as node:http gives them, uncopied.
 * 3. After `stop` the owner hears no more.
 */
import type { IncomingMessage } from 'node:http';
import { requestBodyPrefix } from '../../protocol/envelope/index.ts';
import type { MessageStream } from '../grpc/index.ts';
import { chunkBytesMax } from './limits.ts';

export class RequestBody {
  bytes = 0;
  readonly #request: IncomingMessage;
  readonly #stream: MessageStream;
  readonly #onData: (chunk: Buffer) => void;
  readonly #onEnd: () => void;

  /** The owner listens for the request's errors itself. */
  constructor(request: IncomingMessage, stream: MessageStream, onEnded: () => void) {
    this.#request = request;
    this.#stream = stream;
    this.#onData = (chunk) => this.#send(chunk);
    this.#onEnd = onEnded;
  }

  /** Starts reading; `writable` is false while the stream still asks to wait. */
  start(writable: boolean): void {
    const request = this.#request;
    request.on('data', this.#onData);
    request.on('end', this.#onEnd);
    if (!writable) request.pause();
  }

  streamDrained(): void {
    this.#request.resume();
  }

  /** Stops reading (invariant 3). */
  stop(): void {
    const request = this.#request;
    request.off('data', this.#onData);
    request.off('end', this.#onEnd);
    request.pause();
  }

  #send(chunk: Buffer): void {
    let more = true;
    for (let at = 0; at < chunk.length; at += chunkBytesMax) {
      const piece = chunk.length <= chunkBytesMax ? chunk : chunk.subarray(at, at + chunkBytesMax);
      this.bytes += piece.length;
      more = this.#stream.writeBody(requestBodyPrefix(piece.length), piece);
    }
    if (!more) this.#request.pause();
  }
}
