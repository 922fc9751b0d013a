/**
 * The seam between gRPC streams and those who own them: messages in, frames out, backpressure, one end. A tunnel, a
 * proxied request and a unary call all speak it; the same words hold on the server and on the client side.
 *
 * 1. `onClosed` comes exactly once and last; after it the stream never calls again.
 * 2. `onHalfClosed` comes at most once, after the last message, and not at all when the stream ends without one.
 * 3. A stream delivers nothing before its first handler is set and nothing while it is paused, `onClosed` excepted:
 *    a reset or a lost connection is told at once. A clean end waits behind the messages that were held back.
 * 4. A handler that throws has a bug: the stream ends with INTERNAL, the text is logged and never sent to the peer.
 */
import { status, StatusCode } from '../../protocol/index.ts';
import type { Metadata, RpcStatus } from '../../protocol/index.ts';

/** How a stream ended, seen from this side. {@link endStatus} gives the gRPC status of each. */
export type StreamEnd =
  /** Client side: the server's status arrived, or the status gRPC gives for a deadline, an HTTP error or a reset. */
  | { readonly kind: 'finished'; readonly status: RpcStatus; readonly trailers: Metadata }
  /** The peer reset the stream. */
  | { readonly kind: 'cancelled'; readonly reason: string }
  /** The connection is gone, or on its way out before it took the stream. */
  | { readonly kind: 'lost'; readonly reason: string }
  /** The peer broke framing or a limit (server side: its own deadline too); the stream was ended with this status. */
  | { readonly kind: 'violation'; readonly status: RpcStatus }
  /** We ended it ourselves and everything is flushed. */
  | { readonly kind: 'ended' };

/** What a stream tells its owner. Swapped as a whole when a reused tunnel gets a new owner. */
export interface MessageHandler {
  /** Client side only: the server's response headers. Not called for an answer that is trailers only. */
  onHeaders?(metadata: Metadata): void;
  /** One complete message; a view into a buffer of the stream, copy what you keep. */
  onMessage(payload: Buffer): void;
  /** Plain body bytes of a large message while it is still arriving (see `setBodyOffset`); a view as well. */
  onPart?(chunk: Buffer): void;
  /** The peer will send no more. */
  onHalfClosed(): void;
  /** write() may be used again after it answered false. */
  onDrain(): void;
  /** Exactly once, last. */
  onClosed(end: StreamEnd): void;
}

/**
 * Given the first bytes (at least 32) of a message that has not arrived whole and its full length, answers the offset
 * where plain body bytes begin and run to the message's end, or -1 when the message must be delivered whole.
 */
export type BodyOffset = (head: Buffer, messageBytes: number) => number;

/** Both directions of one gRPC stream. */
export interface MessageStream {
  handler: MessageHandler;
  /**
   * Sends one buffer of one or more complete 5-byte-prefixed messages. False asks to wait for `onDrain`; the bytes are
   * taken all the same. On a stream that is no longer open or half-closed they are dropped and the answer is true.
   */
  write(frames: Buffer): boolean;
  /** One message as head (5-byte prefix included) and chunk, sent together; the chunk is not copied. */
  writeBody(prefix: Buffer, chunk: Buffer): boolean;
  /** Stops delivery at once, also in the middle of a chunk; the peer is held back by flow control. */
  pause(): void;
  /** Goes on where pause() stopped. */
  resume(): void;
  /** Client side: no more messages from us. On the server side `finish` ends the call; this does nothing. */
  halfClose(): void;
  /** Resets the stream (CANCEL). `onClosed` follows with `ended`. The reason is for logs only. */
  abort(reason: string): void;
  /** Lets bodies of large messages through as they arrive. Never used for compressed messages. */
  setBodyOffset(offset: BodyOffset | undefined): void;
  /** True until the stream was reset, aborted, finished or lost. */
  readonly open: boolean;
}

/** The gRPC status a stream's end stands for, as a client reports it (spec/wire.md §6.5, §11.4). */
export function endStatus(end: StreamEnd): RpcStatus {
  switch (end.kind) {
    case 'finished':
    case 'violation':
      return end.status;
    case 'cancelled':
      return status(StatusCode.Canceled, end.reason);
    case 'lost':
      return status(StatusCode.Unavailable, end.reason);
    case 'ended':
      return status(StatusCode.Canceled, 'context canceled');
  }
}
