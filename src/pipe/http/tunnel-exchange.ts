/**
 * One exchange on agentk's side: a tunnel stream here, the API server there.
 *
 * 1. The outcome is told once (`#finish`); afterwards messages are ignored and nothing is written.
 * 2. Every end that is not a lost stream tells kas header, trailer and, when it failed, the error, in this order.
 * 3. Messages must come in the order of the protocol (`TunnelOrder`).
 * 4. The tunnel is offered again only when kas had already sent close_send and the response ended cleanly, without an
 *    upgrade; otherwise our side half-closes, as the original does.
 * 5. An old kas does not say whether a body follows (content_length absent): the request is made when the first data or
 *    the trailer tells.
 */
import { canonicalHeaderName, methods, ok, status, StatusCode } from '../../protocol/index.ts';
import type { RpcStatus } from '../../protocol/index.ts';
import {
  decodeTunnelDown,
  downBodyOffset,
  emptyHeader,
  emptyTrailer,
  encodeError,
  responseTrailer,
  TunnelOrder,
} from '../../protocol/envelope/index.ts';
import type { ReceivedRequestHeader, TunnelDown } from '../../protocol/envelope/index.ts';
import { endStatus } from '../grpc/index.ts';
import type { MessageHandler, StreamEnd } from '../grpc/index.ts';
import { apiRequest } from './api-request.ts';
import type { Backend, BackendOwner } from './backend.ts';
import { requestFailed } from './error-text.ts';
import type { Exchange, ExchangeOptions, ExchangeOutcome } from './exchange.ts';
import { PooledBackend } from './pooled-backend.ts';
import { ResponseSender } from './response-sender.ts';
import { UpgradeBackend } from './upgrade-backend.ts';

const oneShotTail = Buffer.concat([responseTrailer, emptyTrailer]);

/**
 * Serves the exchange and tells its outcome exactly once, never before this function has returned. Until then the
 * stream's handler is ours.
 */
export function serveTunnelExchange(
  options: ExchangeOptions,
  onDone: (outcome: ExchangeOutcome) => void,
): Exchange {
  const exchange = new TunnelExchange(options, onDone);
  exchange.start();
  return exchange;
}

class TunnelExchange implements MessageHandler, BackendOwner, Exchange {
  readonly #options: ExchangeOptions;
  readonly #onDone: (outcome: ExchangeOutcome) => void;
  readonly #order = new TunnelOrder('down');
  readonly #sender: ResponseSender;
  #done = false;
  /** The method is not ours: nothing of the request may be acted upon. */
  #unknown = false;
  #backend: Backend | undefined;
  /** Invariant 5: the header of a request that is not made yet. */
  #undecided: ReceivedRequestHeader | undefined;
  #bodyExpected = false;
  #upgrade = false;
  #closeSendSeen = false;
  #statusCode = 0;
  #bytesUp = 0;
  #bytesDown = 0;

  constructor(options: ExchangeOptions, onDone: (outcome: ExchangeOutcome) => void) {
    this.#options = options;
    this.#onDone = onDone;
    this.#sender = new ResponseSender(options.stream);
  }

  start(): void {
    const { stream, method } = this.#options;
    stream.setBodyOffset(downBodyOffset);
    stream.handler = this;
    if (method === methods.makeRequest.path) return;
    this.#unknown = true;
    process.nextTick(() => this.failed(unknownMethod(method)));
  }

  cancel(reason: string): void {
    if (this.#done) return;
    this.#options.stream.abort(reason);
    this.#finish('cancelled', status(StatusCode.Canceled, 'context canceled'), false);
    this.#backend?.cancel();
  }

  onMessage(payload: Buffer): void {
    if (this.#done || this.#unknown) return;
    const message = decodeTunnelDown(payload);
    const refused = this.#accept(message);
    if (refused !== undefined) return this.failed(refused);
    this.#take(message);
  }

  onPart(chunk: Buffer): void {
    if (this.#done || this.#unknown) return;
    const refused = this.#order.http(2, 2);
    if (refused !== undefined) return this.failed(refused);
    this.#body(chunk);
  }

  /** The server ends a call with its status: onClosed follows. */
  onHalfClosed(): void {}

  onDrain(): void {
    if (!this.#done) this.#backend?.streamDrained();
  }

  onClosed(end: StreamEnd): void {
    if (this.#done) return;
    this.#finish('cancelled', endStatus(end), false);
    this.#backend?.cancel();
  }

  responseStarted(statusCode: number, reason: string, raw: readonly string[], version: string): void {
    if (this.#done) return;
    this.#statusCode = statusCode;
    const headers: string[] = [];
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = canonicalHeaderName(raw[i] ?? '');
      if (name !== 'Transfer-Encoding') headers.push(name, raw[i + 1] ?? ''); // Go does not show it either
    }
    headers.push('Via', `${version} ${this.#options.agentName}`);
    this.#sender.start({ statusCode, status: `${statusCode} ${reason}`, headers });
  }

  responseData(chunk: Buffer): boolean {
    if (this.#done) return true;
    this.#bytesDown += chunk.length;
    return this.#sender.data(chunk);
  }

  responseEnded(): void {
    if (this.#done) return;
    const { stream, descriptor } = this.#options;
    const clean = this.#closeSendSeen && !this.#upgrade && stream.open;
    const offer = clean ? descriptor?.() : undefined;
    if (offer !== undefined) {
      this.#sender.end(reuseTail(offer)); // invariant 4
      this.#finish('served', ok, true);
      return;
    }
    this.#sender.end(oneShotTail);
    stream.halfClose();
    this.#finish('served', ok, false);
  }

  switched(): void {
    this.#sender.end(responseTrailer);
  }

  switchEnded(): void {
    if (this.#done) return;
    this.#options.stream.write(emptyTrailer);
    this.#options.stream.halfClose();
    this.#finish('upgraded', ok, false);
  }

  /** The request cannot be made, or broke off: kas is told (invariant 2). */
  failed(failure: RpcStatus): void {
    if (this.#done) return;
    const { stream } = this.#options;
    this.#sender.drop();
    const head = this.#sender.started ? [] : [emptyHeader];
    stream.write(Buffer.concat([...head, emptyTrailer, encodeError(failure)]));
    stream.halfClose();
    this.#finish('failed', failure, false);
    this.#backend?.cancel();
  }

  /** Invariant 3; undefined when the message may come now. */
  #accept(message: TunnelDown): RpcStatus | undefined {
    switch (message.kind) {
      case 'requestHeader':
        return this.#order.http(2, 1);
      case 'requestData':
        return this.#order.http(2, 2);
      case 'requestTrailer':
        return this.#order.http(2, 3);
      case 'requestUpgradeData':
        return this.#order.http(2, 4);
      case 'closeSend':
        return this.#order.outer(3) ?? this.#order.endInner();
      case 'requestInfo':
        return this.#order.outer(1);
      case 'malformed':
        return message.status;
    }
  }

  #take(message: TunnelDown): void {
    switch (message.kind) {
      case 'requestHeader':
        return this.#header(message);
      case 'requestData':
        return this.#body(message.data);
      case 'requestTrailer':
        if (this.#undecided !== undefined) this.#make(this.#undecided, false);
        return this.#backend?.bodyEnd();
      case 'requestUpgradeData':
        return this.#upgradeData(message.data);
      case 'closeSend':
        this.#closeSendSeen = true;
        return this.#backend?.callerEnded();
      case 'requestInfo':
      case 'malformed':
        return undefined;
    }
  }

  #header(header: ReceivedRequestHeader): void {
    if (header.contentLength === undefined) this.#undecided = header;
    else this.#make(header, header.contentLength !== 0);
  }

  #make(header: ReceivedRequestHeader, hasBody: boolean): void {
    this.#undecided = undefined;
    this.#bodyExpected = hasBody;
    const { target, agentName, stream, clock } = this.#options;
    const request = apiRequest(header, target, agentName);
    if (request.kind === 'refused') return this.failed(requestFailed(request.reason));
    this.#upgrade = request.upgrade.length > 0;
    const backend = this.#upgrade
      ? new UpgradeBackend(target, request, stream, hasBody, this, clock)
      : new PooledBackend(target, request, stream, hasBody, this);
    this.#backend = backend;
    backend.start();
  }

  #body(chunk: Buffer): void {
    if (this.#undecided !== undefined) this.#make(this.#undecided, true);
    if (!this.#bodyExpected) return this.failed(unexpected('HttpRequest_Data message received'));
    this.#bytesUp += chunk.length;
    if (chunk.length > 0) this.#backend?.body(chunk);
  }

  #upgradeData(chunk: Buffer): void {
    if (!this.#upgrade) {
      return this.failed(unexpected('HttpRequest_UpgradeData message for non-upgrade request'));
    }
    this.#backend?.upgradeData(chunk);
  }

  /** Invariant 1. */
  #finish(kind: ExchangeOutcome['kind'], outcome: RpcStatus, reusable: boolean): void {
    if (this.#done) return;
    this.#done = true;
    this.#sender.drop();
    const raw = this.#backend?.rawBytes();
    this.#onDone({
      kind,
      reusable,
      status: outcome,
      statusCode: this.#statusCode,
      bytesUp: raw?.up ?? this.#bytesUp,
      bytesDown: raw?.down ?? this.#bytesDown,
    });
  }
}

let tailOf: Buffer | undefined;
let tail: Buffer = oneShotTail;

/** The end of a response and the offer of the stream; one buffer per descriptor. */
function reuseTail(descriptor: Buffer): Buffer {
  if (descriptor !== tailOf) {
    tailOf = descriptor;
    tail = Buffer.concat([oneShotTail, descriptor]);
  }
  return tail;
}

function unexpected(what: string): RpcStatus {
  return status(StatusCode.Internal, `unexpected ${what}`);
}

/** The texts of spec/wire.md §1. */
function unknownMethod(path: string): RpcStatus {
  const [, service = '', method = ''] = path.split('/', 3);
  const text =
    service === methods.makeRequest.service
      ? `unknown method ${method} for service ${service}`
      : `unknown service ${service}`;
  return status(StatusCode.Unimplemented, text);
}
