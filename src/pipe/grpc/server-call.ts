/**
 * One call as the server sees it. It is the ServerCall given to the method's handler and the MessageStream in one.
 *
 * 1. Headers leave with the first message at the latest; a call finished before that is answered with trailers only.
 * 2. `finish` counts once; what comes after it, and after the peer's end, does nothing.
 * 3. After the trailers the stream is reset with NO_ERROR when the client still has its side open, so that an early
 *    answer does not keep it (RFC 9113 §8.1).
 * 4. `compressAnswers` makes the call answer in gzip when its client sent gzip, as grpc-go does for every call. Tunnels do
 *    not ask for it (frame.ts).
 * 5. A finished call whose client does not read what was written stays until the connection ends; the limit on streams
 *    per connection bounds how many.
 */
import { constants } from 'node:http2';
import type { OutgoingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Clock, Log } from '../../ports/index.ts';
import { metadataToHeaders, status, StatusCode, statusToTrailers } from '../../protocol/index.ts';
import type { Metadata, RpcStatus } from '../../protocol/index.ts';
import type { CallObserver } from './call-observer.ts';
import type { MessageStream, StreamEnd } from './message-stream.ts';
import { frame, gzipFrame } from './frame.ts';
import { resetReason } from './reset-code.ts';
import type { SessionGuard } from './session-guard.ts';
import { StreamCore } from './stream-core.ts';

/** A call a client made. `stream` carries its messages; `finish` ends it. */
export interface ServerCall {
  /** `/package.Service/Method` */
  readonly method: string;
  /** What the client sent, reserved keys included (`user-agent`, ...). */
  readonly metadata: Metadata;
  readonly session: ServerHttp2Session;
  /** Remote address and port, or what the composition root says for connections that are no sockets. */
  readonly peer: string;
  /** Milliseconds the client allowed, counted from the start of the call. The layer enforces it. */
  readonly deadlineMs: number | undefined;
  readonly stream: MessageStream;
  /** Made when first asked for; aborted when the call has ended for whatever reason. */
  readonly signal: AbortSignal;
  /** From here on {@link frame} may compress, if the client does. Before the headers, or it does nothing. */
  compressAnswers(): void;
  /** One message as a frame, in the encoding this call answers in. */
  frame(payload: Buffer): Buffer;
  /** Sends response headers; with the first message at the latest. Later calls do nothing. */
  sendHeaders(metadata?: Metadata): void;
  /** Ends the call: the status after everything written so far. `onClosed` follows with `ended` when it is flushed. */
  finish(status: RpcStatus, trailers?: Metadata): void;
  /** For a handler that met its own bug: logged, the client sees INTERNAL without the text. */
  crash(error: unknown): void;
}

/** Serves a call; sets `call.stream.handler` now or later, nothing is delivered before. */
export type CallHandler = (call: ServerCall) => void;

/** What the server knows of a call from its headers. */
export interface ServerCallOptions {
  readonly method: string;
  readonly metadata: Metadata;
  readonly session: ServerHttp2Session;
  readonly peer: string;
  readonly deadlineMs: number | undefined;
  readonly contentType: string;
  readonly encoding: string;
  readonly guard: SessionGuard | undefined;
  readonly messageBytesMax: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: CallObserver | undefined;
}

export class Http2ServerCall extends StreamCore<ServerHttp2Stream> implements ServerCall {
  readonly method: string;
  readonly metadata: Metadata;
  readonly session: ServerHttp2Session;
  readonly peer: string;
  readonly deadlineMs: number | undefined;
  readonly #contentType: string;
  readonly #guard: SessionGuard | undefined;
  #gzip = false;
  readonly #observer: CallObserver | undefined;
  #controller: AbortController | undefined;
  #trailers: OutgoingHttpHeaders | undefined;
  #trailersSent = false;
  #code: StatusCode = StatusCode.Canceled;

  constructor(raw: ServerHttp2Stream, options: ServerCallOptions) {
    super(raw, options.messageBytesMax, options.clock, options.log);
    this.method = options.method;
    this.metadata = options.metadata;
    this.session = options.session;
    this.peer = options.peer;
    this.deadlineMs = options.deadlineMs;
    this.#contentType = options.contentType;
    this.#guard = options.guard;
    this.#observer = options.observer;
    this.decoder.encoding = options.encoding;
    this.counts = this.#observer?.onCallStarted(this.method);
    if (this.deadlineMs !== undefined) this.armDeadline(this.deadlineMs);
  }

  get stream(): MessageStream {
    return this;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.settled) this.#controller.abort();
    return this.#controller.signal;
  }

  compressAnswers(): void {
    if (this.raw.headersSent || this.decoder.encoding !== 'gzip') return;
    const accepted = this.metadata.get('grpc-accept-encoding');
    this.#gzip = accepted === undefined || accepted.some((list) => /(?:^|,)\s*gzip\s*(?:,|$)/.test(list));
  }

  frame(payload: Buffer): Buffer {
    return this.#gzip ? gzipFrame(payload) : frame(payload);
  }

  sendHeaders(metadata?: Metadata): void {
    if (!this.open || this.raw.headersSent) return;
    const headers = responseHeaders(this.#contentType, metadata);
    if (this.#gzip) headers['grpc-encoding'] = 'gzip';
    this.#guard?.sent();
    this.raw.respond(headers, streamingAnswer);
    this.raw.once('wantTrailers', onWantTrailers);
    (this.raw as AnsweringStream)[answering] = this;
  }

  finish(outcome: RpcStatus, trailers?: Metadata): void {
    if (this.ending || this.settled) return; // invariant 2
    this.ending = true;
    this.#code = outcome.code;
    const block = trailerBlock(outcome, trailers);
    this.decoder.stop();
    if (!this.open) return;
    this.open = false;
    this.#guard?.sent();
    if (refusals.has(outcome.code)) this.#guard?.refused();
    if (this.raw.headersSent) {
      this.#trailers = block;
      this.raw.end();
    } else {
      answerTrailersOnly(this.raw, this.#contentType, block);
      this.#trailersSent = true;
    }
    this.raw.resume(); // what still comes is dropped, and a stream nobody reads would never close
  }

  /** A reset, also one with NO_ERROR: the call is dead, and what is left of it must not wait for a reader. */
  override aborted(): void {
    super.aborted();
    this.decoder.stop();
    if (!this.raw.destroyed) this.raw.resume();
  }

  override closed(): void {
    (this.raw as AnsweringStream)[answering] = undefined;
    super.closed();
  }

  /** The server side ends with `finish`. */
  halfClose(): void {}

  crash(error: unknown): void {
    this.crashed(error);
  }

  /** Everything written has left; the status goes last. */
  flushTrailers(): void {
    if (this.#trailers === undefined || this.raw.destroyed || this.raw.closed) return;
    this.raw.sendTrailers(this.#trailers);
    this.#trailersSent = true;
    setImmediate(closeAnswered, this.raw); // invariant 3; Node sends the trailers in an immediate queued before
  }

  protected prepareWrite(): void {
    if (!this.raw.headersSent) this.sendHeaders();
    this.#guard?.sent();
  }

  protected fail(failure: RpcStatus): void {
    this.finish(failure);
    this.settle({ kind: 'violation', status: failure });
  }

  protected onDeadline(): void {
    this.fail(status(StatusCode.DeadlineExceeded, 'context deadline exceeded'));
  }

  protected onPeerEnded(): void {}

  protected endOnClose(): StreamEnd {
    if (this.#trailersSent) return { kind: 'ended' };
    if (this.session.destroyed) return { kind: 'lost', reason: 'connection lost' };
    if (!this.ending) this.#guard?.reset();
    return { kind: 'cancelled', reason: resetReason(this.raw.rstCode) };
  }

  protected override onSettled(): void {
    this.#controller?.abort();
    this.#observer?.onCallEnded(this.method, this.#code);
  }
}

/** How calls end that are refused for who makes them. */
const refusals: ReadonlySet<StatusCode> = new Set([
  StatusCode.Unauthenticated,
  StatusCode.PermissionDenied,
  StatusCode.ResourceExhausted,
]);

// `sendDate` is not in the types of node:http2; gRPC has no use for the header.
const streamingAnswer = { waitForTrailers: true, sendDate: false };
const singleBlockAnswer = { endStream: true, sendDate: false };

/** `grpc-accept-encoding`: what a client may compress its messages with. */
export const acceptedEncodings = 'gzip';

const answering = Symbol('server call');
type AnsweringStream = ServerHttp2Stream & { [answering]?: Http2ServerCall | undefined };

function onWantTrailers(this: AnsweringStream): void {
  this[answering]?.flushTrailers();
}

function responseHeaders(contentType: string, metadata: Metadata | undefined): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = metadata === undefined ? {} : metadataToHeaders(metadata);
  headers[':status'] = 200;
  headers['content-type'] = contentType;
  headers['grpc-accept-encoding'] = acceptedEncodings;
  return headers;
}

function trailerBlock(outcome: RpcStatus, trailers: Metadata | undefined): OutgoingHttpHeaders {
  const block: OutgoingHttpHeaders = trailers === undefined ? {} : metadataToHeaders(trailers);
  return Object.assign(block, statusToTrailers(outcome));
}

/** Answers with a single header block that ends the stream. */
export function answerTrailersOnly(
  raw: ServerHttp2Stream,
  contentType: string,
  block: OutgoingHttpHeaders,
  httpStatus: number = constants.HTTP_STATUS_OK,
): void {
  block[':status'] = httpStatus;
  block['content-type'] = contentType;
  raw.respond(block, singleBlockAnswer);
  setImmediate(closeAnswered, raw);
}

function closeAnswered(raw: ServerHttp2Stream): void {
  if (!raw.destroyed && !raw.closed && !raw.readableEnded) raw.close(constants.NGHTTP2_NO_ERROR);
}
