/**
 * A request that asks for a protocol switch, on a connection of its own (exec, attach, port-forward).
 * Source: spec/agentk.md §4.5.
 *
 * 1. One dial per request, at most `dialMsMax`, ALPN restricted to HTTP/1.1; the connection is never pooled.
 * 2. A request without a body carries no chunk framing: a zero chunk breaks SPDY servers.
 * 3. Raw bytes that come before the answer wait, with the tunnel paused.
 * 4. The caller's half-close half-closes the socket. The original leaves it open, and with it whatever a client that has
 *    gone was running; a server that reads the end of a switched connection closes it. The socket is closed when the
 *    exchange ends.
 */
import * as http from 'node:http';
import * as net from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import type { Clock, TimerHandle } from '../../ports/index.ts';
import { headerValueFromNode, status, StatusCode } from '../../protocol/index.ts';
import { responseUpgradePrefix } from '../../protocol/envelope/index.ts';
import type { MessageStream } from '../grpc/index.ts';
import type { ApiRequest } from './api-request.ts';
import type { ApiTarget } from './api-target.ts';
import type { Backend, BackendOwner } from './backend.ts';
import { errorText, ioFailed, requestFailed } from './error-text.ts';
import { dialMsMax, heldUpgradeBytesMax, responseHeadBytesMax } from './limits.ts';
import { RawPump } from './raw-pump.ts';
import type { PumpOwner } from './raw-pump.ts';

const methodsWithLength: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

export class UpgradeBackend implements Backend, PumpOwner {
  readonly #target: ApiTarget;
  readonly #request: ApiRequest;
  readonly #stream: MessageStream;
  readonly #hasBody: boolean;
  readonly #owner: BackendOwner;
  readonly #clock: Clock;
  #socket: net.Socket | undefined;
  #call: http.ClientRequest | undefined;
  #answer: http.IncomingMessage | undefined;
  #pump: RawPump | undefined;
  #dialTimer: TimerHandle;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #streamPaused = false;
  #callerEnded = false;
  #over = false;

  constructor(
    target: ApiTarget,
    request: ApiRequest,
    stream: MessageStream,
    hasBody: boolean,
    owner: BackendOwner,
    clock: Clock,
  ) {
    this.#target = target;
    this.#request = request;
    this.#stream = stream;
    this.#hasBody = hasBody;
    this.#owner = owner;
    this.#clock = clock;
  }

  start(): void {
    const url = new URL(this.#target.origin);
    const socket = dial(url, this.#target.tls);
    this.#socket = socket;
    this.#dialTimer = this.#clock.setTimeout(() => this.#fail('dial tcp: i/o timeout'), dialMsMax); // invariant 1
    socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => this.#stopDialTimer());
    try {
      this.#call = http.request({
        createConnection: () => socket,
        method: this.#request.method,
        path: this.#request.path,
        headers: upgradeHeaders(this.#request, url.host, this.#hasBody),
        maxHeaderSize: responseHeadBytesMax,
      });
    } catch (error) {
      return this.#fail(errorText(error));
    }
    const call = this.#call;
    call.on('error', (error) => this.#fail(errorText(error)));
    call.on('upgrade', (answer, raw, early) => this.#switched(answer, raw, early));
    call.on('response', (answer) => this.#answered(answer));
    call.on('drain', () => this.#resumeStream());
    call.flushHeaders();
    if (!this.#hasBody) call.end();
  }

  body(chunk: Buffer): void {
    if (this.#over || this.#call === undefined || this.#call.write(chunk)) return;
    this.#pauseStream();
  }

  bodyEnd(): void {
    if (this.#hasBody) this.#call?.end();
  }

  upgradeData(chunk: Buffer): void {
    if (this.#over) return;
    if (this.#pump !== undefined) return this.#pump.write(chunk);
    if (this.#answer !== undefined) {
      const code = this.#answer.statusCode ?? 0;
      const text = `unexpected HttpRequest_UpgradeData message for HTTP status code ${code}`;
      return this.#end(() => this.#owner.failed(status(StatusCode.Internal, text)));
    }
    this.#held.push(chunk); // invariant 3
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > heldUpgradeBytesMax)
      return this.#fail('too much data before the answer to an upgrade');
    this.#pauseStream();
  }

  callerEnded(): void {
    this.#callerEnded = true;
    this.#pump?.halfClose();
  }

  streamDrained(): void {
    if (this.#pump !== undefined) this.#pump.streamDrained();
    else this.#answer?.resume();
  }

  rawBytes(): { up: number; down: number } | undefined {
    return this.#pump === undefined ? undefined : { up: this.#pump.bytesOut, down: this.#pump.bytesIn };
  }

  cancel(): void {
    if (!this.#over) this.#end(undefined);
  }

  /** PumpOwner: the server will send no more, so the exchange is over (invariant 4). */
  socketEnded(): void {
    this.#switchOver();
  }

  socketClosed(reason: string | undefined): void {
    if (reason === undefined) return this.#switchOver();
    this.#end(() => this.#owner.failed(ioFailed('read upgrade response body', new Error(reason))));
  }

  #switchOver(): void {
    this.#end(() => this.#owner.switchEnded());
  }

  #switched(answer: http.IncomingMessage, socket: Duplex, early: Buffer): void {
    if (this.#over) return;
    this.#stopDialTimer();
    this.#owner.responseStarted(
      answer.statusCode ?? 0,
      answer.statusMessage ?? '',
      textPairs(answer),
      answer.httpVersion,
    );
    this.#owner.switched();
    const pump = new RawPump(socket, this.#stream, responseUpgradePrefix, this, this.#clock);
    this.#pump = pump;
    const held = this.#held;
    this.#held = [];
    this.#resumeStream();
    pump.start(early);
    for (const chunk of held) pump.write(chunk);
    if (this.#callerEnded) pump.halfClose();
  }

  #answered(answer: http.IncomingMessage): void {
    if (this.#over) return;
    this.#stopDialTimer();
    this.#answer = answer;
    this.#owner.responseStarted(
      answer.statusCode ?? 0,
      answer.statusMessage ?? '',
      textPairs(answer),
      answer.httpVersion,
    );
    answer.on('data', (chunk: Buffer) => {
      if (!this.#over && !this.#owner.responseData(chunk)) answer.pause();
    });
    answer.on('end', () => this.#end(() => this.#owner.responseEnded()));
    answer.on('error', (error) => {
      this.#end(() => this.#owner.failed(ioFailed('read HTTP response body', error)));
    });
    const [first] = this.#held;
    this.#held = [];
    this.#resumeStream();
    if (first !== undefined) this.upgradeData(first);
  }

  #fail(reason: string): void {
    this.#end(() => this.#owner.failed(requestFailed(reason)));
  }

  /** Releases everything, then tells. */
  #end(tell: (() => void) | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopDialTimer();
    this.#held = [];
    this.#pump?.destroy();
    this.#call?.destroy();
    this.#socket?.destroy();
    this.#resumeStream();
    tell?.();
  }

  #pauseStream(): void {
    if (this.#streamPaused) return;
    this.#streamPaused = true;
    this.#stream.pause();
  }

  #resumeStream(): void {
    if (!this.#streamPaused) return;
    this.#streamPaused = false;
    this.#stream.resume();
  }

  #stopDialTimer(): void {
    if (this.#dialTimer !== undefined) this.#clock.clearTimeout(this.#dialTimer);
    this.#dialTimer = undefined;
  }
}

function dial(url: URL, options: tls.ConnectionOptions | undefined): net.Socket {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (url.protocol !== 'https:') return net.connect({ host, port: Number(url.port || 80) });
  const servername = options?.servername ?? (net.isIP(host) === 0 ? host : '');
  return tls.connect({
    ...options,
    host,
    port: Number(url.port || 443),
    servername,
    ALPNProtocols: ['http/1.1'],
  });
}

/** Given as a list, node:http adds nothing of its own but chunk framing where it misses a length (invariant 2). */
function upgradeHeaders(request: ApiRequest, host: string, hasBody: boolean): string[] {
  const headers = ['Host', host, ...request.headers, 'Connection', 'upgrade'];
  for (const value of request.upgrade) headers.push('Upgrade', value);
  if (hasBody) headers.push('Transfer-Encoding', 'chunked');
  else if (methodsWithLength.has(request.method)) headers.push('Content-Length', '0');
  return headers;
}

function textPairs(answer: http.IncomingMessage): string[] {
  return answer.rawHeaders.map((text) => headerValueFromNode(text) ?? text);
}
