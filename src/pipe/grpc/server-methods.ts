/**
 * Unary and server-streaming methods with typed messages, as call handlers. Every request is decoded and validated
 * before the method sees it (spec/wire.md §3.1). A method that throws has a bug: logged, INTERNAL to the client.
 */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { decodeFromPeer, encode, ok, status, StatusCode, validate } from '../../protocol/index.ts';
import type { Metadata, RpcStatus } from '../../protocol/index.ts';
import type { MessageHandler, StreamEnd } from './message-stream.ts';
import type { CallHandler, ServerCall } from './server-call.ts';

/** What a unary method answers. */
export type UnaryAnswer<Response> =
  | { readonly ok: Response; readonly trailers?: Metadata }
  | { readonly status: RpcStatus; readonly trailers?: Metadata };

/** Serves a unary method. `call.signal` tells the method when nobody waits any more. */
export function unaryHandler<Request extends DescMessage, Response extends DescMessage>(
  requestSchema: Request,
  responseSchema: Response,
  serve: (request: MessageShape<Request>, call: ServerCall) => Promise<UnaryAnswer<MessageShape<Response>>>,
): CallHandler {
  return (call) => {
    call.compressAnswers();
    call.stream.handler = new SingleRequest(call, requestSchema, async (request) => {
      const answer = await serve(request, call);
      if ('status' in answer) return call.finish(answer.status, answer.trailers);
      call.stream.write(call.frame(encode(responseSchema, answer.ok)));
      call.finish(ok, answer.trailers);
    });
  };
}

/** Where a server-streaming method puts its messages. */
export interface MessageSink<Message> {
  /**
   * Sends one message and waits until the client can take more. False when the call is over and the message was
   * dropped: the method should end.
   */
  send(message: Message): Promise<boolean>;
}

/** Serves a server-streaming method; its status ends the call. */
export function serverStreamHandler<Request extends DescMessage, Response extends DescMessage>(
  requestSchema: Request,
  responseSchema: Response,
  serve: (
    request: MessageShape<Request>,
    sink: MessageSink<MessageShape<Response>>,
    call: ServerCall,
  ) => Promise<RpcStatus>,
): CallHandler {
  return (call) => {
    call.compressAnswers();
    const owner = new SingleRequest(call, requestSchema, async (request) => {
      const sink: MessageSink<MessageShape<Response>> = {
        send(message) {
          if (!call.stream.open) return Promise.resolve(false);
          const bytes = call.frame(encode(responseSchema, message));
          return call.stream.write(bytes) ? Promise.resolve(true) : owner.drained();
        },
      };
      call.finish(await serve(request, sink, call));
    });
    call.stream.handler = owner;
  };
}

/** Takes the one request of a call, serves it, and lets senders wait for the client. */
class SingleRequest<Request extends DescMessage> implements MessageHandler {
  readonly #call: ServerCall;
  readonly #schema: Request;
  readonly #serve: (request: MessageShape<Request>) => Promise<void>;
  #received = false;
  #waiting: ((open: boolean) => void)[] = [];

  constructor(call: ServerCall, schema: Request, serve: (request: MessageShape<Request>) => Promise<void>) {
    this.#call = call;
    this.#schema = schema;
    this.#serve = serve;
  }

  onMessage(payload: Buffer): void {
    if (this.#received) {
      return this.#call.finish(status(StatusCode.Internal, 'more than one request message'));
    }
    this.#received = true;
    const decoded = decodeFromPeer(this.#schema, payload);
    if (decoded.kind === 'malformed') return this.#call.finish(decoded.status);
    const violations = validate(this.#schema, decoded.message);
    if (violations !== undefined) {
      return this.#call.finish(status(StatusCode.InvalidArgument, violations));
    }
    this.#serve(decoded.message).catch((error: unknown) => this.#call.crash(error));
  }

  onHalfClosed(): void {
    if (!this.#received) this.#call.finish(status(StatusCode.Internal, 'no request message'));
  }

  onDrain(): void {
    this.#release(true);
  }

  onClosed(_end: StreamEnd): void {
    this.#release(false);
  }

  /** Resolves at the next drain, with false when the call ended instead. */
  drained(): Promise<boolean> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(open: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve(open);
  }
}
