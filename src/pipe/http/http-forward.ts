/**
 * One exchange on kas's side: an HTTP client here, a claimed tunnel there. No chart, no promise, no object per chunk.
 *
 * 1. The outcome is told once (`#finish`); afterwards nothing is written to either side and messages are ignored.
 * 2. Request and response flow independently; each side's backpressure pauses the other side's source.
 * 3. Messages must come in the order of the protocol (`TunnelOrder`), bodies in the declared length.
 * 4. The response header leaves at the end of the tick at the latest, every data message at once.
 * 5. A tunnel is reusable only when both directions ended cleanly, nothing was switched and nobody gave up.
 * 6. Whenever we let go of a stream that may live on, it is not paused by us.
 */
import {
  headerValueFromNode,
  ok,
  prefixed,
  status,
  StatusCode,
  unexpectedMember,
} from '../../protocol/index.ts';
import type { RpcStatus } from '../../protocol/index.ts';
import {
  closeSend,
  decodeTunnelUp,
  encodeRequestStart,
  requestEnd,
  requestTrailer,
  requestUpgradePrefix,
  TunnelOrder,
  upBodyOffset,
} from '../../protocol/envelope/index.ts';
import type { TunnelUp } from '../../protocol/envelope/index.ts';
import { endStatus } from '../grpc/index.ts';
import type { MessageHandler, StreamEnd } from '../grpc/index.ts';
import type { Forwarding, ForwardOptions, ForwardOutcome } from './forward.ts';
import { RawPump } from './raw-pump.ts';
import type { PumpOwner } from './raw-pump.ts';
import { RequestBody } from './request-body.ts';
import { responseHead } from './response-head.ts';
import { switchingHead } from './switching-head.ts';
import { discardBody } from './unread-body.ts';

const readFailed = 'failed to read gRPC response';
const switchingProtocols = 101;

export class HttpForward implements MessageHandler, Forwarding, PumpOwner {
  readonly #options: ForwardOptions;
  readonly #onDone: (outcome: ForwardOutcome) => void;
  readonly #order = new TunnelOrder('up');
  #done = false;
  #body: RequestBody | undefined;
  #pump: RawPump | undefined;
  /** We sent close_send. */
  #requestEnded = false;
  #statusCode = 0;
  /** The response header was handed to node:http, the 101 to the socket. */
  #headWritten = false;
  #flushDue = false;
  #switched = false;
  /** The inner trailer arrived. */
  #responseEnded = false;
  /** Body bytes still to come by the declared length, -1 when none was declared. */
  #bytesLeft = -1;
  #bytesDown = 0;
  #streamPaused = false;
  #watchesDrain = false;

  constructor(options: ForwardOptions, onDone: (outcome: ForwardOutcome) => void) {
    this.#options = options;
    this.#onDone = onDone;
  }

  start(): void {
    const { request, response, head, tunnel } = this.#options;
    const { stream } = tunnel;
    const headers = textHeaders(head.headers, this.#via());
    if (headers === undefined) return this.#refuse();
    stream.handler = this;
    stream.setBodyOffset(upBodyOffset);
    response.on('error', ignore); // 'close' follows
    response.on('close', () => this.#responseClosed());
    const hasBody = head.contentLength !== 0 && head.contentLength !== 0n;
    const rest = hasBody ? 'body' : head.upgrade ? 'upgrade' : 'complete';
    const { methodPath, metadata } = this.#options;
    const writable = stream.write(encodeRequestStart(methodPath, metadata, { ...head, headers }, rest));
    if (hasBody) {
      this.#body = new RequestBody(request, stream, () => this.#bodyEnded(), ignore);
      if (this.#options.expectContinue === true) response.writeContinue();
      this.#body.start(writable);
    } else {
      this.#requestEnded = rest === 'complete';
      this.#options.onEvent?.('requestSent');
    }
    if (response.destroyed) process.nextTick(() => this.#responseClosed());
  }

  cancel(reason: RpcStatus): void {
    if (this.#done) return;
    this.#options.tunnel.stream.abort(reason.message);
    this.#fail(reason, readFailed, reason);
  }

  onMessage(payload: Buffer): void {
    if (this.#done) return;
    const message = decodeTunnelUp(payload);
    const refused = this.#accept(message);
    if (refused !== undefined) return this.#fail(refused, readFailed, refused);
    this.#take(message);
  }

  onPart(chunk: Buffer): void {
    if (this.#done) return;
    const refused = this.#order.http(3, 2);
    if (refused !== undefined) return this.#fail(refused, readFailed, refused);
    this.#data(chunk);
  }

  onHalfClosed(): void {
    if (this.#done) return;
    const refused = this.#order.endOuter() ?? this.#order.endInner();
    if (refused !== undefined) return this.#fail(refused, readFailed, refused);
    this.#complete(false);
  }

  onDrain(): void {
    if (this.#done) return;
    if (this.#switched) this.#pump?.streamDrained();
    else this.#body?.streamDrained();
  }

  onClosed(end: StreamEnd): void {
    if (!this.#done) this.#fail(endStatus(end), readFailed, ok);
  }

  /** PumpOwner: the client half-closed after the switch. */
  socketEnded(): void {
    if (this.#done || this.#requestEnded) return;
    this.#requestEnded = true;
    this.#options.tunnel.stream.write(closeSend);
  }

  /** PumpOwner: the client's connection is gone after the switch, which is how such connections end. */
  socketClosed(reason: string | undefined): void {
    if (this.#done) return;
    this.#options.tunnel.stream.abort(reason ?? 'client connection closed');
    this.#finish('upgraded', canceled, '', false, canceled);
  }

  /** Invariant 3; undefined when the message may come now. */
  #accept(message: TunnelUp): RpcStatus | undefined {
    switch (message.kind) {
      case 'responseHeader':
        return this.#order.http(3, 1);
      case 'responseData':
        return this.#order.http(3, 2);
      case 'responseTrailer':
        return this.#order.http(3, 3);
      case 'responseUpgradeData':
        return this.#order.http(3, 4) ?? (this.#switched ? undefined : unexpectedMember(4));
      case 'header':
        return this.#order.outer(2);
      case 'trailer':
        return this.#order.outer(4);
      case 'error':
        return this.#order.outer(5);
      case 'descriptor':
        return this.#order.outer(1);
      case 'malformed':
        return message.status;
    }
  }

  #take(message: TunnelUp): void {
    switch (message.kind) {
      case 'responseHeader':
        return this.#header(message.statusCode, message.headers);
      case 'responseData':
        return this.#data(message.data);
      case 'responseTrailer':
        return this.#trailer();
      case 'responseUpgradeData':
        return this.#pump?.write(message.data);
      case 'trailer':
        return this.#tunnelTrailer();
      case 'error':
        return this.#agentFailed(message.status);
      case 'header':
      case 'descriptor':
      case 'malformed':
        return undefined;
    }
  }

  #header(statusCode: number, headers: readonly string[]): void {
    const { response, droppedResponseHeaders } = this.#options;
    if (statusCode === switchingProtocols) return this.#switch(headers);
    const { pairs, contentLength } = responseHead(headers, response, droppedResponseHeaders, this.#via());
    if (contentLength === undefined || statusCode < 200 || statusCode > 999) {
      return this.#unusable(`invalid response header, HTTP status ${statusCode}`);
    }
    try {
      response.writeHead(statusCode, pairs);
    } catch {
      return this.#unusable('response header with invalid characters'); // hostile or broken cluster
    }
    this.#statusCode = statusCode;
    this.#headWritten = true;
    if (mayHaveBody(this.#options.head.method, statusCode)) this.#bytesLeft = contentLength;
    this.#flushDue = true;
    process.nextTick(flush, this); // invariant 4
    this.#options.onEvent?.('responseStarted');
  }

  /** For `flush`. */
  flushHead(): void {
    if (!this.#flushDue) return;
    this.#flushDue = false;
    this.#options.response.flushHeaders();
  }

  #data(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#flushDue = false;
    this.#bytesDown += chunk.length;
    if (this.#bytesLeft >= 0) {
      this.#bytesLeft -= chunk.length;
      if (this.#bytesLeft < 0) return this.#unusable('response body is longer than declared');
    }
    const { response, tunnel } = this.#options;
    if (response.write(chunk) || this.#streamPaused) return;
    this.#streamPaused = true; // invariant 2
    tunnel.stream.pause();
    if (this.#watchesDrain) return;
    this.#watchesDrain = true;
    response.on('drain', () => this.#releaseStream());
  }

  #trailer(): void {
    this.#responseEnded = true;
    this.#flushDue = false;
    const { response, tunnel, head, upgrade } = this.#options;
    if (this.#switched) {
      this.#pump?.start(upgrade?.head ?? nothing);
      return;
    }
    if (this.#bytesLeft > 0) return this.#unusable('response body is shorter than declared');
    response.end();
    if (this.#requestEnded) return;
    if (head.upgrade && this.#body === undefined) {
      this.#requestEnded = true;
      tunnel.stream.write(closeSend); // not switched: spec/wire.md §16, early end
      return;
    }
    // The answer came before the request was read: the tunnel ends here (invariant 5).
    tunnel.stream.abort('response ended before the request');
    this.#finish('served', ok, '', false, canceled);
  }

  #tunnelTrailer(): void {
    const { reuse } = this.#options.tunnel;
    if (!reuse || !this.#requestEnded || this.#options.head.upgrade) return;
    if (this.#order.endInner() === undefined) this.#complete(true);
  }

  #agentFailed(failure: RpcStatus): void {
    if (failure.code !== StatusCode.OK) return this.#fail(failure, readFailed, ok);
    const refused = this.#order.endInner();
    if (refused !== undefined) return this.#fail(refused, readFailed, ok);
    this.#complete(false);
  }

  /** The agent's direction ended cleanly. */
  #complete(reusable: boolean): void {
    this.#finish(this.#switched ? 'upgraded' : 'served', ok, '', reusable, ok);
    this.#pump?.end();
  }

  #bodyEnded(): void {
    if (this.#done) return;
    const { tunnel, head } = this.#options;
    this.#requestEnded = !head.upgrade;
    tunnel.stream.write(head.upgrade ? requestTrailer : requestEnd);
    this.#options.onEvent?.('requestSent');
  }

  /** 101: the client's socket is ours from here on; raw bytes start with the trailer. */
  #switch(headers: readonly string[]): void {
    const { head, upgrade, response, clock, tunnel, droppedResponseHeaders } = this.#options;
    if (!head.upgrade || upgrade === undefined || response.socket === null) {
      return this.#unusable('unable to upgrade connection');
    }
    const { pairs } = responseHead(headers, response, droppedResponseHeaders, this.#via());
    const bytes = switchingHead(pairs);
    if (bytes === undefined) return this.#unusable('response header with invalid characters');
    this.#statusCode = switchingProtocols;
    this.#headWritten = true;
    this.#switched = true;
    response.detachSocket(response.socket);
    this.#pump = new RawPump(upgrade.socket, tunnel.stream, requestUpgradePrefix, this, clock);
    upgrade.socket.write(bytes);
    this.#options.onEvent?.('upgraded');
  }

  #responseClosed(): void {
    if (this.#done || this.#switched || this.#responseEnded) return;
    this.#options.tunnel.stream.abort('client disconnected');
    this.#finish('clientGone', canceled, '', false, canceled);
  }

  /** The agent's answer cannot be given to a client. */
  #unusable(why: string): void {
    const failure = status(StatusCode.Internal, why);
    this.#fail(failure, readFailed, failure);
  }

  #refuse(): void {
    const failure = status(
      StatusCode.Internal,
      'grpc: error while marshaling: string field contains invalid UTF-8',
    );
    process.nextTick(() => this.#fail(failure, 'failed to send request header', canceled));
  }

  #fail(failure: RpcStatus, what: string, tunnelStatus: RpcStatus): void {
    const { response } = this.#options;
    const after = this.#headWritten;
    this.#finish(after ? 'failedAfterHeader' : 'failedBeforeHeader', failure, what, false, tunnelStatus);
    this.#pump?.destroy();
    if (after && !this.#switched && !response.writableEnded) response.destroy();
  }

  /** Invariant 1. */
  #finish(
    kind: ForwardOutcome['kind'],
    failure: RpcStatus,
    what: string,
    reusable: boolean,
    tunnelStatus: RpcStatus,
  ): void {
    if (this.#done) return;
    this.#done = true;
    this.#flushDue = false;
    const { request, response, clock } = this.#options;
    if (this.#body !== undefined && !request.readableEnded) {
      this.#body.stop();
      if (kind === 'served' || kind === 'failedBeforeHeader') discardBody(request, response, clock);
    }
    this.#releaseStream(); // invariant 6
    this.#onDone({
      kind,
      reusable: reusable && this.#options.tunnel.stream.open,
      tunnelStatus,
      status: failure,
      what,
      statusCode: this.#statusCode,
      bytesUp: this.#pump?.bytesIn ?? this.#body?.bytes ?? 0,
      bytesDown: this.#pump?.bytesOut ?? this.#bytesDown,
    });
  }

  #releaseStream(): void {
    if (!this.#streamPaused) return;
    this.#streamPaused = false;
    this.#options.tunnel.stream.resume();
  }

  #via(): string {
    return `gRPC/1.0 ${this.#options.serverName}`;
  }
}

const nothing = Buffer.alloc(0);
const canceled = prefixed('read from incoming stream', 'context canceled');

function flush(forward: HttpForward): void {
  forward.flushHead();
}

function ignore(): void {}

/** Header values as text of a message; undefined when one is not UTF-8 (spec/kas.md §5.7). */
function textHeaders(headers: readonly string[], via: string): string[] | undefined {
  const text: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const value = headerValueFromNode(headers[i + 1] ?? '');
    if (value === undefined) return undefined;
    text.push(headers[i] ?? '', value);
  }
  text.push('Via', via);
  return text;
}

/** RFC 9110 §6.4.1: these answers end with their header, whatever length it declares. */
function mayHaveBody(method: string, statusCode: number): boolean {
  return method !== 'HEAD' && statusCode !== 204 && statusCode !== 304;
}
