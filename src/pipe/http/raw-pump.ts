/**
 * A socket and a tunnel joined after a protocol switch: raw bytes both ways, on either end of the tunnel.
 *
 * 1. Backpressure: a full stream pauses the socket, a full socket pauses the stream; nothing is buffered here.
 * 2. A peer that takes no byte for `writeStallMs` while bytes wait is cut off. One timer per connection looks after it,
 *    none per chunk, so the cut comes after one to two periods.
 * 3. The owner hears of the socket's end (half-close) and of its death once each; it decides what they mean.
 */
import type { Duplex } from 'node:stream';
import type { Clock, TimerHandle } from '../../ports/index.ts';
import type { MessageStream } from '../grpc/index.ts';
import { chunkBytesMax, writeStallMs } from './limits.ts';

/** What a pump tells its owner. */
export interface PumpOwner {
  /** The socket's peer will send no more. */
  socketEnded(): void;
  /** The socket is gone; `reason` is undefined for an ordinary close. */
  socketClosed(reason: string | undefined): void;
}

export class RawPump {
  /** Bytes from the socket into the tunnel. */
  bytesIn = 0;
  /** Bytes from the tunnel into the socket. */
  bytesOut = 0;
  readonly #socket: Duplex;
  readonly #stream: MessageStream;
  readonly #prefix: (bytes: number) => Buffer;
  readonly #owner: PumpOwner;
  readonly #clock: Clock;
  #timer: TimerHandle;
  #closed = false;
  #streamPaused = false;
  #error: string | undefined;
  #takenAtLastLook = 0;

  constructor(
    socket: Duplex,
    stream: MessageStream,
    prefix: (bytes: number) => Buffer,
    owner: PumpOwner,
    clock: Clock,
  ) {
    this.#socket = socket;
    this.#stream = stream;
    this.#prefix = prefix;
    this.#owner = owner;
    this.#clock = clock;
  }

  /** Begins, with bytes that were read from the socket behind the HTTP head. */
  start(early: Buffer): void {
    if (early.length > 0) this.#fromSocket(early);
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => this.#fromSocket(chunk));
    socket.on('end', () => {
      if (!this.#closed) this.#owner.socketEnded();
    });
    socket.on('drain', () => this.#socketDrained());
    socket.on('error', (error: Error) => (this.#error = error.message));
    socket.on('close', () => this.#socketClosed());
    this.#timer = this.#clock.setTimeout(() => this.#look(), writeStallMs);
    if (socket.destroyed) this.#socketClosed();
  }

  /** Bytes from the tunnel. */
  write(data: Buffer): void {
    if (this.#closed || data.length === 0) return;
    this.bytesOut += data.length;
    if (this.#socket.write(data) || this.#streamPaused) return;
    this.#streamPaused = true;
    this.#stream.pause();
  }

  /** The tunnel's other end will send no more: neither do we, but we go on reading. */
  halfClose(): void {
    if (!this.#closed) this.#socket.end();
  }

  /** The tunnel can take bytes again. */
  streamDrained(): void {
    if (!this.#closed) this.#socket.resume();
  }

  /** No more from the tunnel: what is buffered still reaches the peer, then the socket closes. The owner hears no more. */
  end(): void {
    this.#release();
    this.#socket.end(() => this.#socket.destroy());
    this.#socket.resume();
  }

  /** Cuts the connection. The owner hears no more. */
  destroy(): void {
    this.#release();
    this.#stopTimer();
    this.#socket.destroy();
  }

  #fromSocket(chunk: Buffer): void {
    if (this.#closed) return;
    let more = true;
    for (let at = 0; at < chunk.length; at += chunkBytesMax) {
      const piece = chunk.length <= chunkBytesMax ? chunk : chunk.subarray(at, at + chunkBytesMax);
      this.bytesIn += piece.length;
      more = this.#stream.writeBody(this.#prefix(piece.length), piece);
    }
    if (!more) this.#socket.pause();
  }

  #socketDrained(): void {
    if (!this.#streamPaused) return;
    this.#streamPaused = false;
    this.#stream.resume();
  }

  #socketClosed(): void {
    this.#stopTimer();
    if (this.#closed) return;
    this.#release();
    this.#owner.socketClosed(this.#error);
  }

  /** Detaches from tunnel and owner; a paused stream is let go. */
  #release(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socketDrained();
  }

  /** Invariant 2. */
  #look(): void {
    const waiting = this.#socket.writableLength;
    const taken = this.bytesOut - waiting;
    if (waiting > 0 && taken === this.#takenAtLastLook) {
      this.#error = 'write: i/o timeout';
      this.#socket.destroy();
      return;
    }
    this.#takenAtLastLook = taken;
    this.#timer = this.#clock.setTimeout(() => this.#look(), writeStallMs);
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
