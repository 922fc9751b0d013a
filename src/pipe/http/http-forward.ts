/**
 * One exchange on kas's side: an HTTP client here, a claimed tunnel there. No chart, no promise, no object per chunk.
 *
 * 1. The outcome is told once (`#finish`); afterwards nothing is written to either side and messages are ignored.
 * 2. Request and response flow independently; each side's backpressure pauses the other side's source.
 * 3. Messages must come in the order of the protocol (`TunnelOrder`).
 * 4. A tunnel is reusable only when both directions ended cleanly, nothing was switched and nobody gave up.
 * 5. Whenever we let go of a stream that may live on, it is not paused by us.
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
  isRetirement,
  requestEnd,
  requestTrailer,
  requestUpgradePrefix,
  TunnelOrder,
  upBodyOffset,
} from '../../protocol/envelope/index.ts';
import type { TunnelUp } from '../../protocol/envelope/index.ts';
import { endStatus } from '../grpc/index.ts';
import type { MessageHandler, StreamEnd } from '../grpc/index.ts';
import { ClientResponse } from './client-response.ts';
import type { Forwarding, ForwardOptions, ForwardOutcome } from './forward.ts';
import { RawPump } from './raw-pump.ts';
import type { PumpOwner } from './raw-pump.ts';
import { RequestBody } from './request-body.ts';
import { responseHead } from './response-head.ts';
import { switchingHead } from './switching-head.ts';
import { acceptUp } from './tunnel-up-order.ts';
import { discardBody } from './unread-body.ts';

const readFailed = 'failed to read gRPC response';
const switchingProtocols = 101;

/**
 * Forwards the exchange and tells its outcome exactly once, never before this function has returned. Until then the
 * stream's handler is ours.
 */
export function forwardHttp(options: ForwardOptions, onDone: (outcome: ForwardOutcome) => void): Forwarding {
  const forward = new HttpForward(options, onDone);
  forward.start();
  return forward;
}

class HttpForward implements MessageHandler, Forwarding, PumpOwner {
  readonly #options: ForwardOptions;
  readonly #onDone: (outcome: ForwardOutcome) => void;
  readonly #order = new TunnelOrder('up');
  #done = false;
  #body: RequestBody | undefined;
  #pump: RawPump | undefined;
  /** We sent the inner trailer. */
  #requestSent = false;
  /** We sent close_send. */
  #requestEnded = false;
  /** A 101 was written to the client. */
  #switched = false;
  /** The inner trailer arrived. */
  #responseEnded = false;
  #streamPaused = false;
  /** The agent sent something for this exchange. */
  #heard = false;
  readonly #answer: ClientResponse;

  constructor(options: ForwardOptions, onDone: (outcome: ForwardOutcome) => void) {
    this.#options = options;
    this.#onDone = onDone;
    this.#answer = new ClientResponse(options.response, () => this.#releaseStream());
  }

  start(): void {
    const { request, response, head, tunnel } = this.#options;
    const { stream } = tunnel;
    const headers = textHeaders(head.headers, this.#via());
    if (headers === undefined) return this.#refuse();
    stream.handler = this;
    stream.setBodyOffset(upBodyOffset);
    response.on('error', ignore); // 'close' follows
    response.on('close', () => this.#clientClosed());
    request.on('error', () => this.#clientClosed()); // of pipelined requests it is the only sign
    const hasBody = head.contentLength !== 0 && head.contentLength !== 0n;
    const rest = hasBody ? 'body' : head.upgrade ? 'upgrade' : 'complete';
    const { methodPath, metadata } = this.#options;
    const writable = stream.write(encodeRequestStart(methodPath, metadata, { ...head, headers }, rest));
    if (hasBody) {
      this.#body = new RequestBody(request, stream, () => this.#bodyEnded());
      if (this.#options.expectContinue === true) response.writeContinue();
      this.#body.start(writable);
    } else {
      this.#requestSent = true;
      this.#requestEnded = rest === 'complete';
      this.#options.onEvent?.('requestSent');
    }
    if (response.destroyed) process.nextTick(() => this.#clientClosed());
  }

  cancel(reason: RpcStatus): void {
    if (this.#done) return;
    this.#options.tunnel.stream.abort(reason.message);
    this.#fail(reason, readFailed, reason);
  }

  onMessage(payload: Buffer): void {
    if (this.#done) return;
    const first = !this.#heard;
    this.#heard = true;
    const message = decodeTunnelUp(payload);
    const refused = acceptUp(this.#order, message);
    if (refused !== undefined) return this.#fail(refused, readFailed, refused);
    if (first && this.#isUntaken(message)) return this.#finish('untaken', ok, '', false, ok);
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

  #take(message: TunnelUp): void {
    switch (message.kind) {
      case 'responseHeader':
        return this.#header(message.statusCode, message.headers);
      case 'responseData':
        return this.#data(message.data);
      case 'responseTrailer':
        return this.#trailer();
      case 'responseUpgradeData':
        return this.#rawData(message.data);
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
    if (statusCode === switchingProtocols) return this.#switch(headers);
    const { head, droppedResponseHeaders, onEvent } = this.#options;
    const via = this.#via();
    const unusable = this.#answer.start(statusCode, headers, head.method, droppedResponseHeaders, via);
    if (unusable !== undefined) return this.#unusable(unusable);
    onEvent?.('responseStarted');
  }

  #data(chunk: Buffer): void {
    if (chunk.length === 0) return;
    const taken = this.#answer.write(chunk);
    if (taken === 'tooLong') return this.#unusable('response body is longer than declared');
    if (taken === 'taken' || this.#streamPaused) return;
    this.#streamPaused = true; // invariant 2
    this.#options.tunnel.stream.pause();
  }

  #rawData(chunk: Buffer): void {
    if (this.#switched) return this.#pump?.write(chunk);
    const refused = unexpectedMember(4);
    this.#fail(refused, readFailed, refused);
  }

  #trailer(): void {
    this.#responseEnded = true;
    const { tunnel, head, upgrade } = this.#options;
    if (this.#switched) {
      this.#pump?.start(upgrade?.head ?? nothing);
      return;
    }
    if (!this.#answer.end()) return this.#unusable('response body is shorter than declared');
    if (this.#requestEnded) return;
    if (head.upgrade && this.#requestSent) {
      this.#requestEnded = true;
      tunnel.stream.write(closeSend); // not switched: spec/wire.md §16, early end
      return;
    }
    // The answer came before the request was read: the tunnel ends here (invariant 4).
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

  /** An agent that gives up an idle tunnel and our request crossed on the wire: it was not executed. */
  #isUntaken(message: TunnelUp): boolean {
    const { tunnel, head } = this.#options;
    return tunnel.reuse && isRetirement(message) && this.#body === undefined && !head.upgrade;
  }

  /** The agent's direction ended cleanly. */
  #complete(reusable: boolean): void {
    this.#finish(this.#switched ? 'upgraded' : 'served', ok, '', reusable, ok);
    this.#pump?.end();
  }

  #bodyEnded(): void {
    if (this.#done) return;
    const { tunnel, head } = this.#options;
    this.#requestSent = true;
    this.#requestEnded = !head.upgrade;
    tunnel.stream.write(head.upgrade ? requestTrailer : requestEnd);
    this.#options.onEvent?.('requestSent');
  }

  /** 101: the client's socket is ours from here on; raw bytes start with the trailer. */
  #switch(headers: readonly string[]): void {
    const { head, upgrade, response, clock, tunnel, droppedResponseHeaders } = this.#options;
    if (!head.upgrade || !this.#requestSent || upgrade === undefined || response.socket === null) {
      return this.#unusable('unable to upgrade connection');
    }
    const { pairs } = responseHead(headers, response, droppedResponseHeaders, this.#via());
    const bytes = switchingHead(pairs);
    if (bytes === undefined) return this.#unusable('response header with invalid characters');
    this.#switched = true;
    response.detachSocket(response.socket);
    this.#pump = new RawPump(upgrade.socket, tunnel.stream, requestUpgradePrefix, this, clock);
    upgrade.socket.write(bytes);
    this.#options.onEvent?.('upgraded');
  }

  #clientClosed(): void {
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
    const after = this.#switched || this.#answer.started;
    this.#finish(after ? 'failedAfterHeader' : 'failedBeforeHeader', failure, what, false, tunnelStatus);
    this.#pump?.destroy();
    if (this.#answer.started) this.#answer.cut();
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
    const { request, response, clock } = this.#options;
    if (this.#body !== undefined && !request.readableEnded) {
      this.#body.stop();
      if (kind === 'served' || kind === 'failedBeforeHeader') discardBody(request, response, clock);
    }
    this.#releaseStream(); // invariant 5
    this.#onDone({
      kind,
      reusable: reusable && this.#options.tunnel.stream.open,
      tunnelStatus,
      status: failure,
      what,
      statusCode: this.#switched ? switchingProtocols : this.#answer.statusCode,
      bytesUp: this.#pump?.bytesIn ?? this.#body?.bytes ?? 0,
      bytesDown: this.#pump?.bytesOut ?? this.#answer.bytes,
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
