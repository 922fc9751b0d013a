/**
 * One call as the client sees it, on a session the caller owns (dials, keeps alive, ages).
 *
 * 1. A call always ends with a status: the server's, or the one gRPC gives for what happened instead (reset-code.ts,
 *    HTTP codes, deadline). Nothing here throws for what a peer does.
 * 2. A status counts only when everything before it was delivered; a stream cut between the two is `lost`.
 * 3. When the server ended early, our side is reset so that the stream does not stay half open.
 * 4. Messages are read with the headers of the answer known. On a connection inside a WebSocket or a proxy's tunnel
 *    node:http2 may tell data first: it tells headers a tick later, and data as it comes.
 */
import { constants } from 'node:http2';
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
} from 'node:http2';
import type { Clock, Log } from '../../ports/index.ts';
import {
  metadataFromHeaders,
  metadataToHeaders,
  noMetadata,
  status,
  StatusCode,
  statusFromHttp,
  statusFromTrailers,
} from '../../protocol/index.ts';
import type { Metadata, RpcStatus } from '../../protocol/index.ts';
import type { CallObserver } from './call-observer.ts';
import { unknownEncoding } from './frame-decoder.ts';
import { defaultGrpcLimits } from './limits.ts';
import { endStatus } from './message-stream.ts';
import type { MessageStream, StreamEnd } from './message-stream.ts';
import { resetReason, resetStatus } from './reset-code.ts';
import { StreamCore } from './stream-core.ts';
import { formatTimeout } from './timeout.ts';

export interface CallOptions {
  readonly clock: Clock;
  /** Milliseconds the whole call may take; sent to the server and enforced here. None when absent. */
  readonly deadlineMs?: number | undefined;
  /** For bugs of handlers; without it they are rethrown outside the stream. */
  readonly log?: Log | undefined;
  /** The `user-agent` header (spec/wire.md §4.4). */
  readonly userAgent?: string | undefined;
  /** `:authority`; by default the one the session was connected with. */
  readonly authority?: string | undefined;
  readonly messageBytesMax?: number | undefined;
  /** Says that messages may be compressed: `gzipFrame` then makes the frames. */
  readonly gzip?: boolean | undefined;
  readonly observer?: CallObserver | undefined;
}

/** A call under way. Everything happens on its stream; `onClosed` tells the status. */
export interface ClientCall {
  readonly method: string;
  readonly stream: MessageStream;
}

/**
 * Opens a call. A session that is closed or going away gives a call that ends with `lost` (UNAVAILABLE). Keys of the
 * metadata that gRPC reserves are not sent, `user-agent` excepted.
 */
export function openCall(
  session: ClientHttp2Session,
  method: string,
  metadata: Metadata,
  options: CallOptions,
): ClientCall {
  const headers: OutgoingHttpHeaders = { ...headersOf(metadata) };
  headers[':method'] = 'POST';
  headers[':path'] = method;
  if (options.authority !== undefined) headers[':authority'] = options.authority;
  headers['content-type'] = 'application/grpc';
  headers['te'] = 'trailers';
  headers['grpc-accept-encoding'] = 'gzip';
  if (options.gzip === true) headers['grpc-encoding'] = 'gzip';
  const userAgent = options.userAgent ?? metadata.get('user-agent')?.[0];
  if (userAgent !== undefined) headers['user-agent'] = userAgent;
  if (options.deadlineMs !== undefined)
    headers['grpc-timeout'] = formatTimeout(Math.max(0, options.deadlineMs));
  return new Http2ClientCall(session, session.request(headers, { endStream: false }), method, options);
}

const known = new WeakMap<Metadata, OutgoingHttpHeaders>();

/** Metadata does not change, and calls of one kind share it: tunnels are opened thousands of times a second. */
function headersOf(metadata: Metadata): OutgoingHttpHeaders {
  let headers = known.get(metadata);
  if (headers === undefined) known.set(metadata, (headers = metadataToHeaders(metadata)));
  return headers;
}

class Http2ClientCall extends StreamCore<ClientHttp2Stream> implements ClientCall {
  readonly method: string;
  readonly #session: ClientHttp2Session;
  readonly #observer: CallObserver | undefined;
  #status: RpcStatus | undefined;
  #trailers: Metadata = noMetadata;
  #responded = false;
  /** Data that came before the headers were told. */
  #early: Buffer[] | undefined;

  constructor(session: ClientHttp2Session, raw: ClientHttp2Stream, method: string, options: CallOptions) {
    super(raw, options.messageBytesMax ?? defaultGrpcLimits.messageBytesMax, options.clock, options.log);
    this.method = method;
    this.#session = session;
    this.#observer = options.observer;
    this.counts = this.#observer?.onCallStarted(method);
    (raw as CallingStream)[calling] = this;
    raw.on('response', onResponse);
    raw.on('trailers', onTrailers);
    if (options.deadlineMs !== undefined) this.armDeadline(Math.max(0, options.deadlineMs));
  }

  get stream(): MessageStream {
    return this;
  }

  halfClose(): void {
    if (!this.open || this.halfClosed) return;
    this.halfClosed = true;
    this.raw.end();
  }

  override closed(): void {
    (this.raw as CallingStream)[calling] = undefined;
    super.closed();
  }

  /** Invariant 4. */
  override feed(chunk: Buffer): void {
    if (this.#responded) super.feed(chunk);
    else (this.#early ??= []).push(chunk);
  }

  responded(headers: IncomingHttpHeaders, ended: boolean, rawHeaders: readonly string[]): void {
    this.#answered(headers, ended, rawHeaders);
    this.#responded = true;
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const chunk of early) this.feed(chunk);
  }

  #answered(headers: IncomingHttpHeaders, ended: boolean, rawHeaders: readonly string[]): void {
    if (this.settled || this.ending) return;
    const contentType = headers['content-type'];
    const isGrpc = contentType !== undefined && /^application\/grpc(?:[+;]|$)/i.test(contentType);
    const httpStatus = Number(headers[':status']);
    const hasStatus = httpStatus === constants.HTTP_STATUS_OK || headers['grpc-status'] !== undefined;
    if (isGrpc && ended && hasStatus) return this.#ended(headers, rawHeaders);
    if (httpStatus !== constants.HTTP_STATUS_OK) return this.#giveUp(statusFromHttp(httpStatus));
    if (!isGrpc) {
      const shown = contentType === undefined ? 'none' : JSON.stringify(contentType.slice(0, 64));
      return this.#giveUp(status(StatusCode.Unknown, `the answer is not gRPC: content-type ${shown}`));
    }
    const encoding = headers['grpc-encoding'] ?? 'identity';
    if (encoding !== 'identity' && encoding !== 'gzip') return this.fail(unknownEncoding(String(encoding)));
    this.decoder.encoding = encoding;
    if (this.handler.onHeaders === undefined) return;
    const metadata = metadataFromHeaders(rawHeaders);
    try {
      this.handler.onHeaders(metadata);
    } catch (error) {
      this.crashed(error);
    }
  }

  trailed(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    if (!this.settled && !this.ending) this.#ended(headers, rawHeaders);
  }

  /** Invariant 2: messages held back by pause() come first; resume() leads to the end. */
  protected override holdsEnd(): boolean {
    return this.peerEnded && this.decoder.paused && !this.ending;
  }

  protected prepareWrite(): void {}

  protected fail(failure: RpcStatus): void {
    this.reset();
    this.settle({ kind: 'violation', status: failure });
  }

  protected onDeadline(): void {
    this.#giveUp(status(StatusCode.DeadlineExceeded, 'context deadline exceeded'));
  }

  protected onPeerEnded(): void {
    this.#status ??= status(StatusCode.Internal, 'server closed the stream without sending trailers');
    this.settle({ kind: 'finished', status: this.#status, trailers: this.#trailers });
  }

  protected endOnClose(): StreamEnd {
    const delivered = this.peerEnded || (this.raw.readableLength === 0 && !this.decoder.holding);
    if (this.#status !== undefined && delivered && this.decoder.end() === undefined) {
      return { kind: 'finished', status: this.#status, trailers: this.#trailers };
    }
    const { rstCode } = this.raw;
    if (this.#session.destroyed) return { kind: 'lost', reason: 'connection lost' };
    if (this.raw.id === undefined) return { kind: 'lost', reason: 'connection is closing' };
    if (rstCode === constants.NGHTTP2_REFUSED_STREAM) return { kind: 'lost', reason: resetReason(rstCode) };
    if (rstCode === constants.NGHTTP2_CANCEL) return { kind: 'cancelled', reason: resetReason(rstCode) };
    return { kind: 'finished', status: resetStatus(rstCode), trailers: noMetadata };
  }

  protected override onSettled(end: StreamEnd): void {
    this.#observer?.onCallEnded(this.method, endStatus(end).code);
    if (end.kind === 'finished' && !this.raw.closed && !this.raw.writableFinished) {
      // Invariant 3. Unsent messages are dropped with the stream.
      this.raw.close(this.raw.writableEnded ? constants.NGHTTP2_CANCEL : constants.NGHTTP2_NO_ERROR);
    }
  }

  /** The call is over by our own verdict. */
  #giveUp(outcome: RpcStatus): void {
    this.reset();
    this.settle({ kind: 'finished', status: outcome, trailers: noMetadata });
  }

  #ended(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): void {
    const { ':status': _status, ...trailers } = headers;
    this.#status =
      statusFromTrailers(trailers) ?? status(StatusCode.Unknown, 'the trailers carry no grpc-status');
    this.#trailers = metadataFromHeaders(rawHeaders);
  }
}

const calling = Symbol('client call');
type CallingStream = ClientHttp2Stream & { [calling]?: Http2ClientCall | undefined };

function onResponse(
  this: CallingStream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
): void {
  const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
  this[calling]?.responded(headers, ended, rawHeaders);
}

function onTrailers(
  this: CallingStream,
  headers: IncomingHttpHeaders,
  _flags: number,
  rawHeaders: readonly string[],
): void {
  this[calling]?.trailed(headers, rawHeaders);
}
