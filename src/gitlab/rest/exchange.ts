/**
 * One HTTP request to GitLab over a pooled connection, and its answer.
 *
 * 1. A deadline on each wait: for a connection, for the head of the answer, for the next piece of its body. A reader that
 *    is slower than GitLab pauses the connection, and the last of these is not counted then.
 * 2. `signal` ends it at any time; what GitLab sends after that is not read.
 * 3. A failure says what happened in words that hold no header and no part of a body.
 * 4. Redirects are not followed.
 */
import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Clock, TimerHandle } from '../../ports/index.ts';
import { failureOf, type ExchangeFailure } from './failure.ts';
import { restLimits, restTimes } from './limits.ts';

export interface ExchangeRequest {
  readonly origin: string;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: Uint8Array | Readable | undefined;
}

export interface ExchangeAnswer {
  readonly kind: 'answered';
  readonly statusCode: number;
  readonly statusText: string;
  /** Names and values in turn, as they came. */
  readonly headers: readonly string[];
  /** To be read to its end or destroyed. */
  readonly body: Readable;
}

export type ExchangeOutcome = ExchangeAnswer | ExchangeFailure;

/** Makes the request. Resolves with the head of the answer, or with what went wrong before it. */
export function exchange(
  dispatcher: Dispatcher,
  request: ExchangeRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<ExchangeOutcome> {
  return new Promise((resolve) => new Exchange(dispatcher, clock, signal, resolve).start(request));
}

const cancelled: ExchangeFailure = { kind: 'failed', reason: 'cancelled', again: false };

class Exchange implements Dispatcher.DispatchHandler {
  readonly #dispatcher: Dispatcher;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #settle: ((outcome: ExchangeOutcome) => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #body: Readable | undefined;
  #timer: TimerHandle;
  #isOver = false;
  readonly #onAbort = (): void => this.#end(cancelled);

  constructor(
    dispatcher: Dispatcher,
    clock: Clock,
    signal: AbortSignal,
    settle: (outcome: ExchangeOutcome) => void,
  ) {
    this.#dispatcher = dispatcher;
    this.#clock = clock;
    this.#signal = signal;
    this.#settle = settle;
  }

  start({ origin, method, target, headers, body }: ExchangeRequest): void {
    if (this.#signal.aborted) return this.#end(cancelled);
    this.#signal.addEventListener('abort', this.#onAbort, { once: true });
    this.#arm(restTimes.connectionMs, 'no connection to GitLab'); // 1
    const options = { origin, path: target, method, headers: [...headers], body: body ?? null };
    try {
      this.#dispatcher.dispatch(options, this);
    } catch (error) {
      this.#end(failureOf(error)); // e.g. a header no HTTP request may have
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new Error('cancelled')); // 2
    else this.#arm(restTimes.headMs, 'no answer from GitLab');
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    statusCode: number,
    _headers: unknown,
    statusText = '',
  ): void {
    if (this.#isOver || statusCode < 200) return;
    const body = new Readable({
      highWaterMark: restLimits.answerBufferBytes,
      read: () => this.#readOn(),
      destroy: (error, done) => {
        this.#end(cancelled); // the reader left
        done(error);
      },
    });
    body.on('error', ignore); // whoever reads sees it; nobody may be reading yet
    this.#body = body;
    this.#arm(restTimes.bodyPauseMs, 'the answer of GitLab does not go on');
    const headers = (controller.rawHeaders ?? []) as readonly (Buffer | string)[];
    this.#answer({
      kind: 'answered',
      statusCode,
      statusText,
      headers: headers.map((one) => (typeof one === 'string' ? one : one.toString('latin1'))),
      body,
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver || this.#body === undefined) return;
    if (this.#body.push(chunk))
      return this.#arm(restTimes.bodyPauseMs, 'the answer of GitLab does not go on');
    controller.pause();
    this.#clock.clearTimeout(this.#timer);
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#close();
    this.#body?.push(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(failureOf(error));
  }

  #readOn(): void {
    if (this.#isOver || this.#controller?.paused !== true) return;
    this.#arm(restTimes.bodyPauseMs, 'the answer of GitLab does not go on');
    this.#controller.resume();
  }

  #arm(ms: number, reason: string): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(
      () => this.#end({ kind: 'failed', reason: `${reason} within ${ms / 1000} s`, again: true }),
      ms,
    );
  }

  #answer(outcome: ExchangeOutcome): void {
    this.#settle?.(outcome);
    this.#settle = undefined;
  }

  #close(): void {
    this.#isOver = true;
    this.#clock.clearTimeout(this.#timer);
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  #end(failure: ExchangeFailure): void {
    if (this.#isOver) return;
    this.#close();
    this.#controller?.abort(new Error(failure.reason));
    this.#body?.destroy(new Error(failure.reason));
    this.#answer(failure);
  }
}

function ignore(): void {}
