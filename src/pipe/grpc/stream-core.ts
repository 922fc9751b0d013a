/**
 * What server and client calls share: one Http2Stream, its frame decoder and its owner, joined without closures so that
 * thousands of idle streams stay small. The call object is itself the MessageStream and the decoder's sink.
 *
 * 1. Listeners are the module-level functions below; the call is found through one property on the Http2Stream.
 * 2. The first handler starts the flow; until then Node holds the bytes back (message-stream.ts invariant 3).
 * 3. `settle` is the only way to the end: it runs once, releases the deadline, and lets the bytes of a paused stream go,
 *    because node:http2 never closes a stream whose data nobody reads.
 * 4. A message or the half-close is delivered only between the start and `settle`, and never while paused.
 */
import type { Http2Stream } from 'node:http2';
import type { Clock, Log, TimerHandle } from '../../ports/index.ts';
import { status, StatusCode } from '../../protocol/index.ts';
import type { RpcStatus } from '../../protocol/index.ts';
import type { MessageCounts } from './call-observer.ts';
import { countFrames } from './frame.ts';
import { FrameDecoder } from './frame-decoder.ts';
import type { FrameSink } from './frame-decoder.ts';
import type { BodyOffset, MessageHandler, MessageStream, StreamEnd } from './message-stream.ts';
import { timerMsMax } from './timeout.ts';

const owner = Symbol('grpc call');
/** What the listeners tell a call. */
interface StreamEvents {
  feed(chunk: Buffer): void;
  readEnd(): void;
  drained(): void;
  aborted(): void;
  closed(): void;
}
type OwnedStream = Http2Stream & { [owner]?: StreamEvents | undefined };

/** In place until the owner sets its own; a stream without a handler delivers nothing. */
const nobody: MessageHandler = {
  onMessage: () => {},
  onHalfClosed: () => {},
  onDrain: () => {},
  onClosed: () => {},
};

export abstract class StreamCore<Raw extends Http2Stream> implements MessageStream, FrameSink, StreamEvents {
  open = true;
  protected readonly raw: Raw;
  protected readonly decoder: FrameDecoder;
  protected readonly clock: Clock;
  protected readonly log: Log | undefined;
  /** We ended the call ourselves, with `finish` or `abort`. */
  protected ending = false;
  /** Our END_STREAM is on its way. A write after it would be an error node:http2 streams do not recover from. */
  protected halfClosed = false;
  /** The peer's END_STREAM was read. */
  protected peerEnded = false;
  protected counts: MessageCounts | undefined;
  #handler: MessageHandler = nobody;
  #flowing = false;
  #halfClosedTold = false;
  #end: StreamEnd | undefined;
  #told = false;
  #deadline: TimerHandle;

  constructor(raw: Raw, messageBytesMax: number, clock: Clock, log: Log | undefined) {
    this.raw = raw;
    this.clock = clock;
    this.log = log;
    this.decoder = new FrameDecoder(this, messageBytesMax);
    (raw as OwnedStream)[owner] = this;
    raw.on('aborted', onAborted);
    // From the start: without data Node tells the end also to those who are not reading yet.
    raw.on('end', onEnd);
    raw.on('error', onError);
    raw.on('close', onClose);
  }

  get handler(): MessageHandler {
    return this.#handler;
  }

  set handler(handler: MessageHandler) {
    this.#handler = handler;
    if (this.#end !== undefined) {
      if (!this.#told) queueMicrotask(() => this.#tellEnd());
      return;
    }
    if (this.#flowing) return;
    this.#flowing = true; // invariant 2
    this.raw.on('data', onData);
    this.raw.on('drain', onDrain);
    if (this.decoder.paused) this.raw.pause();
    if (this.peerEnded) queueMicrotask(() => this.#readEnded());
  }

  write(frames: Buffer): boolean {
    if (!this.open || this.halfClosed) return true;
    this.prepareWrite();
    if (this.counts !== undefined) this.counts.sent += countFrames(frames);
    return this.raw.write(frames);
  }

  writeBody(prefix: Buffer, chunk: Buffer): boolean {
    if (!this.open || this.halfClosed) return true;
    this.prepareWrite();
    if (this.counts !== undefined) this.counts.sent += 1;
    this.raw.cork();
    this.raw.write(prefix);
    const more = this.raw.write(chunk);
    this.raw.uncork();
    return more;
  }

  pause(): void {
    if (this.#end !== undefined) return;
    this.decoder.pause();
    if (this.#flowing) this.raw.pause();
  }

  resume(): void {
    if (this.#end !== undefined || !this.decoder.paused) return;
    this.#guarded(resumeDecoder, undefined);
    if (this.decoder.paused || this.#end !== undefined || !this.#flowing) return;
    if (this.peerEnded) this.#tellHalfClosed();
    else this.raw.resume();
  }

  abstract halfClose(): void;

  abort(_reason: string): void {
    if (this.#end !== undefined || this.ending) return;
    this.ending = true;
    this.reset();
    queueMicrotask(() => this.settle({ kind: 'ended' }));
  }

  setBodyOffset(offset: BodyOffset | undefined): void {
    this.decoder.bodyOffset = offset;
  }

  /** FrameSink: a message is complete. */
  deliver(payload: Buffer): void {
    if (this.counts !== undefined) this.counts.received += 1;
    this.#handler.onMessage(payload);
  }

  /** FrameSink: body bytes of a message that is still arriving. */
  deliverPart(chunk: Buffer): void {
    this.#handler.onPart?.(chunk);
  }

  /** Called before the first bytes of a write: the server sends its headers here. */
  protected abstract prepareWrite(): void;
  /** The peer broke framing or a limit, or a handler threw: end the stream with this status. */
  protected abstract fail(failure: RpcStatus): void;
  /** All messages and the peer's END_STREAM were delivered. */
  protected abstract onPeerEnded(): void;
  /** The Http2Stream is closed: how it ended. */
  protected abstract endOnClose(): StreamEnd;
  /** The deadline passed. */
  protected abstract onDeadline(): void;

  /** True when everything arrived but pause() holds it back: then the end waits for resume(). */
  protected holdsEnd(): boolean {
    return false;
  }

  protected get settled(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Resets the stream; what is unsent is dropped. Two traps of node:http2 shape it: `close` ends the writable first,
   * which would tell the peer a clean half-close before the reset, so the writable's `_final` is taken out; and
   * `destroy` on a stream that nghttp2 still sends from loses the reset, or aborts the process when trailers are due.
   */
  protected reset(): void {
    this.open = false;
    this.decoder.stop();
    if (this.raw.closed) return;
    this.raw._final = finalNothing;
    this.raw.close(cancelCode);
  }

  protected armDeadline(deadlineMs: number): void {
    if (deadlineMs > timerMsMax) return;
    this.#deadline = this.clock.setTimeout(() => {
      this.#deadline = undefined;
      if (this.#end === undefined) this.onDeadline();
    }, deadlineMs);
  }

  protected settle(end: StreamEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end; // invariant 3
    this.open = false;
    this.decoder.stop();
    if (this.#deadline !== undefined) this.clock.clearTimeout(this.#deadline);
    this.#deadline = undefined;
    if (!this.raw.destroyed) this.raw.resume();
    this.onSettled(end);
    if (this.#handler !== nobody) this.#tellEnd();
  }

  /** Hook of the subclasses, before the owner is told. */
  protected onSettled(_end: StreamEnd): void {}

  /** Hands the owner's exception to the log and ends the stream with INTERNAL (message-stream.ts invariant 4). */
  protected crashed(error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error));
    if (this.log === undefined) {
      queueMicrotask(() => {
        throw cause;
      });
    } else {
      this.log.error('gRPC handler threw', { error: cause });
    }
    if (this.#end === undefined) this.fail(status(StatusCode.Internal, 'internal error'));
  }

  feed(chunk: Buffer): void {
    if (this.#end === undefined) this.#guarded(pushDecoder, chunk);
  }

  /** END_STREAM was read from Node's buffer. A stream that was cut says 'end' as well, but only when destroyed. */
  readEnd(): void {
    if (this.raw.destroyed) return;
    this.peerEnded = true;
    this.#readEnded();
  }

  drained(): void {
    if (!this.open) return;
    try {
      this.#handler.onDrain();
    } catch (error) {
      this.crashed(error);
    }
  }

  /** Closed in the middle, by the peer, by the connection or by ourselves; 'close' follows. */
  aborted(): void {
    this.open = false;
  }

  /**
   * The last event. node:http2 keeps its streams in a Map, whose old tables hold dead streams until a full collection
   * (`Population`); the call and all that its handler knows shall not be held with them.
   */
  closed(): void {
    (this.raw as OwnedStream)[owner] = undefined;
    if (this.#end === undefined && !this.holdsEnd()) this.settle(this.endOnClose());
  }

  #guarded(
    step: (decoder: FrameDecoder, chunk: Buffer | undefined) => RpcStatus | undefined,
    chunk: Buffer | undefined,
  ): void {
    try {
      const violation = step(this.decoder, chunk);
      if (violation !== undefined && this.#end === undefined) this.fail(violation);
    } catch (error) {
      this.crashed(error);
    }
  }

  /** The half-close is told once somebody listens and nothing is held back. */
  #readEnded(): void {
    if (this.#flowing && !this.decoder.paused) this.#tellHalfClosed();
  }

  #tellHalfClosed(): void {
    if (this.#halfClosedTold || this.#end !== undefined || this.ending) return;
    this.#halfClosedTold = true;
    const incomplete = this.decoder.end();
    if (incomplete !== undefined) return this.fail(incomplete);
    try {
      this.#handler.onHalfClosed();
    } catch (error) {
      return this.crashed(error);
    }
    this.onPeerEnded();
  }

  #tellEnd(): void {
    if (this.#told || this.#end === undefined) return;
    this.#told = true;
    try {
      this.#handler.onClosed(this.#end);
    } catch (error) {
      this.crashed(error);
    }
  }
}

// RFC 9113 §7
const internalErrorCode = 2;
const cancelCode = 8;

function finalNothing(callback: (error?: Error | null) => void): void {
  callback();
}

const pushDecoder = (decoder: FrameDecoder, chunk: Buffer | undefined): RpcStatus | undefined =>
  chunk === undefined ? undefined : decoder.push(chunk);
const resumeDecoder = (decoder: FrameDecoder): RpcStatus | undefined => decoder.resume();

function onData(this: OwnedStream, chunk: Buffer): void {
  this[owner]?.feed(chunk);
}
function onEnd(this: OwnedStream): void {
  this[owner]?.readEnd();
}
function onDrain(this: OwnedStream): void {
  this[owner]?.drained();
}
function onAborted(this: OwnedStream): void {
  this[owner]?.aborted();
}
/**
 * Usually the error of a stream that is being destroyed: 'close' follows and tells how it ended. An error that leaves
 * the stream standing would keep it for ever, because node:http2 does not destroy on error.
 */
function onError(this: OwnedStream): void {
  if (this.destroyed) return;
  if (this.closed) this.destroy();
  else this.close(internalErrorCode);
}
function onClose(this: OwnedStream): void {
  this[owner]?.closed();
}
