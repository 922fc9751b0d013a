/**
 * A plain request over the pooled connections of an undici dispatcher.
 *
 * 1. A body is streamed with unknown length, pulled by undici: a full buffer pauses the tunnel.
 * 2. Responses are pushed chunk by chunk; a full tunnel pauses undici.
 * 3. A request without a body that dies with a kept-alive connection before any answer is made once more, as Go does
 *    (methods that may be repeated only).
 * 4. A cancelled request that still waits for a connection is aborted as soon as it gets one.
 */
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { MessageStream } from '../grpc/index.ts';
import type { ApiRequest } from './api-request.ts';
import type { ApiTarget } from './api-target.ts';
import type { Backend, BackendOwner } from './backend.ts';
import { errorText, ioFailed, requestFailed } from './error-text.ts';
import { requestBufferBytes } from './limits.ts';

const repeatable: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);
const lostConnection: ReadonlySet<string> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

export class PooledBackend implements Backend, Dispatcher.DispatchHandler {
  readonly #target: ApiTarget;
  readonly #request: ApiRequest;
  readonly #owner: BackendOwner;
  readonly #source: BodySource | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #started = false;
  #over = false;
  #repeated = false;

  constructor(
    target: ApiTarget,
    request: ApiRequest,
    stream: MessageStream,
    hasBody: boolean,
    owner: BackendOwner,
  ) {
    this.#target = target;
    this.#request = request;
    this.#owner = owner;
    this.#source = hasBody ? new BodySource(stream) : undefined;
  }

  start(): void {
    const { method, path, headers } = this.#request;
    try {
      this.#target.dispatcher.dispatch(
        {
          origin: this.#target.origin,
          path,
          method,
          headers,
          body: this.#source ?? null,
          headersTimeout: 0,
          bodyTimeout: 0,
        },
        this,
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  body(chunk: Buffer): void {
    this.#source?.accept(chunk); // invariant 1
  }

  bodyEnd(): void {
    this.#source?.push(null);
  }

  upgradeData(): void {}

  callerEnded(): void {}

  rawBytes(): undefined {
    return undefined;
  }

  streamDrained(): void {
    this.#controller?.resume();
  }

  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#source?.release();
    this.#controller?.abort(new Error('context canceled'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('context canceled')); // invariant 4
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Readonly<Record<string, string | readonly string[] | undefined>>,
    reason?: string,
  ): void {
    if (this.#over || statusCode < 200) return;
    this.#started = true;
    this.#owner.responseStarted(
      statusCode,
      reason ?? '',
      flatHeaders(controller.rawHeaders ?? headers),
      '1.1',
    );
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over && !this.#owner.responseData(chunk)) controller.pause(); // invariant 2
  }

  onResponseEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#source?.release();
    this.#owner.responseEnded();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#over) return;
    const code = 'code' in error ? String(error.code) : '';
    if (!this.#started && !this.#repeated && this.#source === undefined && lostConnection.has(code)) {
      if (repeatable.has(this.#request.method)) {
        this.#repeated = true; // invariant 3
        this.start();
        return;
      }
    }
    this.#fail(error);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#source?.release();
    const failure = this.#started
      ? ioFailed('read HTTP response body', error)
      : requestFailed(errorText(error));
    this.#owner.failed(failure);
  }
}

/** The request body as undici wants it. */
class BodySource extends Readable {
  readonly #stream: MessageStream;
  #paused = false;

  constructor(stream: MessageStream) {
    super({ highWaterMark: requestBufferBytes });
    this.#stream = stream;
    this.on('error', ignore); // the dispatcher reports it as well
  }

  accept(chunk: Buffer): void {
    if (this.destroyed || this.push(chunk) || this.#paused) return;
    this.#paused = true;
    this.#stream.pause();
  }

  override _read(): void {
    this.#resume();
  }

  /** Nobody reads any more: the tunnel must not stay paused. */
  release(): void {
    if (!this.readableEnded) this.destroy();
    this.#resume();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#stream.resume();
  }
}

/** Raw header pairs as text; undici gives them as bytes. */
function flatHeaders(
  raw: readonly (Buffer | string)[] | Readonly<Record<string, string | readonly string[] | undefined>>,
): string[] {
  const pairs: string[] = [];
  if (isList(raw)) {
    for (let i = 0; i + 1 < raw.length; i += 2) pairs.push(String(raw[i]), String(raw[i + 1]));
    return pairs;
  }
  for (const [name, value] of Object.entries(raw)) {
    if (typeof value === 'string') pairs.push(name, value);
    else for (const one of value ?? []) pairs.push(name, one);
  }
  return pairs;
}

function isList(raw: unknown): raw is readonly (Buffer | string)[] {
  return Array.isArray(raw);
}

function ignore(): void {}
