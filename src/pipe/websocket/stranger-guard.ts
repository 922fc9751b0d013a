/**
 * What a peer may make us hold of one unfinished WebSocket message while nobody knows it: the HTTP/2 preface and the first
 * calls of an agent need a few KiB, so a peer that begins a large message before it said who it is only fills memory.
 *
 * G1. Counted are the bytes of the socket since the last whole message, and the reads they came in, because each read costs
 *     more than its bytes. What is left of the read in which a message ended is not counted: at most one read more is held.
 * G2. `release` ends it for good; from then on only the limits of every WebSocket hold.
 */
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { webSocketLimits } from './limits.ts';

export class StrangerGuard {
  readonly #carrier: Duplex;
  readonly #webSocket: WebSocket;
  readonly #onExceeded: () => void;
  #bytes = 0;
  #reads = 0;

  /**
   * @param carrier the socket below the WebSocket, which is open already
   * @param onExceeded called once
   */
  constructor(carrier: Duplex, webSocket: WebSocket, onExceeded: () => void) {
    this.#carrier = carrier;
    this.#webSocket = webSocket;
    this.#onExceeded = onExceeded;
    // Before the library reads it, so that the message that ends in these bytes counts after them.
    carrier.prependListener('data', this.#onData);
    webSocket.prependListener('message', this.#onMessage);
  }

  release(): void {
    this.#carrier.off('data', this.#onData);
    this.#webSocket.off('message', this.#onMessage);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    this.#reads += 1;
    const { strangerBytesMax, strangerReadsMax } = webSocketLimits;
    // The message may end in this very read: judged when the library has seen it.
    if (this.#bytes > strangerBytesMax || this.#reads > strangerReadsMax) queueMicrotask(this.#judge);
  };

  readonly #onMessage = (): void => {
    this.#bytes = 0;
    this.#reads = 0;
  };

  readonly #judge = (): void => {
    const { strangerBytesMax, strangerReadsMax } = webSocketLimits;
    if (this.#bytes <= strangerBytesMax && this.#reads <= strangerReadsMax) return;
    this.release();
    this.#onExceeded();
  };
}
