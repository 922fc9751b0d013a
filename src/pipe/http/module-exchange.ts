/**
 * One HTTP request that an agent's module makes through kas, message by message on a gRPC stream of its own
 * (`spec/wire.md §9.1`, `§9.3`): the request is read off the stream and its answer written to it; somebody else makes it.
 *
 * 1. Messages come in the order of the protocol; the first that does not ends the call.
 * 2. The body is pulled: what nobody has taken yet is held up to a bound, then the stream is paused.
 * 3. The answer waits for the stream: nothing is read from its source while the agent does not take it.
 * 4. A request whose stream broke off ends its body with an error, never as if it were complete.
 * 5. `signal` aborts when the call is over, however it ended.
 */
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  decodeFromPeer,
  encode,
  HttpRequestSchema,
  HttpResponseSchema,
  MessageOrder,
  ok,
  status,
  StatusCode,
  validate,
} from '../../protocol/index.ts';
import type { HttpRequest, HttpResponseHead, RpcStatus } from '../../protocol/index.ts';
import { endStatus } from '../grpc/index.ts';
import type { MessageHandler, ServerCall, StreamEnd } from '../grpc/index.ts';
import { ioFailed, requestFailed } from './error-text.ts';
import { moduleChunkBytesMax, requestBufferBytes } from './limits.ts';

/** The head of the request, as it came. */
export type ModuleRequestHead = Extract<HttpRequest['message'], { case: 'header' }>['value'];

export interface ModuleResponse {
  readonly statusCode: number;
  /** Code and reason. */
  readonly status: string;
  readonly header: HttpResponseHead['header'];
  readonly body: AsyncIterable<Uint8Array>;
}

export interface ModuleExchangeOwner {
  /** Once, when the head has come. */
  onHead(head: ModuleRequestHead): void;
  /** Once and last. */
  onClosed(): void;
}

/** Takes a call's messages over: make it its stream's handler. */
export class ModuleExchange implements MessageHandler {
  readonly #call: ServerCall;
  readonly #owner: ModuleExchangeOwner;
  readonly #order = new MessageOrder(HttpRequestSchema);
  readonly #controller = new AbortController();
  #body: 'none' | 'untouched' | 'read' | 'dropped' = 'untouched';
  /** Chunks nobody has taken yet, and their bytes. */
  #chunks: Uint8Array[] = [];
  #held = 0;
  #complete = false;
  #broken: RpcStatus | undefined;
  #wake: (() => void) | undefined;
  #drained: (() => void) | undefined;

  constructor(call: ServerCall, owner: ModuleExchangeOwner) {
    this.#call = call;
    this.#owner = owner;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The body of the request, to be read at most once; undefined when there is none. */
  get body(): AsyncIterable<Uint8Array> | undefined {
    return this.#body === 'none' ? undefined : this.#read();
  }

  /** Sends the answer and ends the call. */
  async answer({ body, ...response }: ModuleResponse): Promise<void> {
    if (this.#body === 'untouched') this.#drop(); // nobody will
    if (!(await this.#send({ case: 'header', value: { response } }))) return;
    try {
      for await (const chunk of body) {
        for (let at = 0; at < chunk.length; at += moduleChunkBytesMax) {
          const data = chunk.subarray(at, at + moduleChunkBytesMax);
          if (!(await this.#send({ case: 'data', value: { data } }))) return;
        }
      }
    } catch (error) {
      return this.fail(ioFailed('read HTTP response body', error));
    }
    if (await this.#send({ case: 'trailer', value: {} })) this.#finish(ok);
  }

  /** The request could not be made. */
  refuse(reason: string): void {
    this.fail(requestFailed(reason));
  }

  fail(failure: RpcStatus): void {
    this.#break(failure);
    this.#finish(failure);
  }

  onMessage(payload: Buffer): void {
    const decoded = decodeFromPeer(HttpRequestSchema, payload);
    if (decoded.kind === 'malformed') return this.fail(decoded.status);
    const violations = validate(HttpRequestSchema, decoded.message);
    if (violations !== undefined) return this.fail(status(StatusCode.InvalidArgument, violations));
    const refused = this.#order.acceptMessage(decoded.message); // 1
    if (refused !== undefined) return this.fail(refused);
    const { message } = decoded.message;
    if (message.case === 'header') {
      if (message.value.contentLength === 0n) this.#body = 'none';
      this.#owner.onHead(message.value);
    } else if (message.case === 'data') this.#data(message.value.data);
    else if (message.case === 'upgradeData')
      this.fail(unexpected('HttpRequest_UpgradeData message for non-upgrade request'));
  }

  onHalfClosed(): void {
    const refused = this.#order.end();
    if (refused !== undefined) return this.fail(refused);
    this.#complete = true;
    this.#stir();
  }

  onDrain(): void {
    this.#release();
  }

  onClosed(end: StreamEnd): void {
    this.#break(endStatus(end));
    this.#over();
    this.#owner.onClosed();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    this.#body = 'read';
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#held -= chunk.length;
          if (this.#held < requestBufferBytes) this.#call.stream.resume();
          yield chunk;
        } else if (this.#broken !== undefined) {
          throw new Error(this.#broken.message); // 4
        } else if (this.#complete) {
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      this.#drop();
    }
  }

  #data(data: Uint8Array): void {
    if (this.#body === 'none') return this.fail(unexpected('HttpRequest_Data message received'));
    if (data.length === 0 || this.#body === 'dropped') return;
    this.#chunks.push(Buffer.from(data)); // a copy: the message's bytes belong to the stream
    this.#held += data.length;
    if (this.#held >= requestBufferBytes) this.#call.stream.pause(); // 2
    this.#stir();
  }

  #drop(): void {
    this.#body = 'dropped';
    this.#chunks = [];
    this.#held = 0;
    this.#call.stream.resume();
  }

  /** False when the call is over. */
  async #send(message: MessageInitShape<typeof HttpResponseSchema>['message']): Promise<boolean> {
    const { stream } = this.#call;
    if (!stream.open) return false;
    const response = create(HttpResponseSchema, message === undefined ? {} : { message });
    const writable = stream.write(this.#call.frame(encode(HttpResponseSchema, response)));
    if (!writable) await new Promise<void>((resolve) => (this.#drained = resolve)); // 3
    return stream.open;
  }

  #finish(outcome: RpcStatus): void {
    this.#call.finish(outcome);
    this.#over();
  }

  #over(): void {
    this.#controller.abort(); // 5
    this.#release();
  }

  #break(failure: RpcStatus): void {
    if (!this.#complete) this.#broken ??= failure;
    this.#stir();
  }

  #stir(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #release(): void {
    const drained = this.#drained;
    this.#drained = undefined;
    drained?.();
  }
}

function unexpected(what: string): RpcStatus {
  return status(StatusCode.Internal, `unexpected ${what}`);
}
