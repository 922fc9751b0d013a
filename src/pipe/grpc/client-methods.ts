/**
 * Unary and server-streaming calls with typed messages. Every response is validated (spec/wire.md §3.1). The outcome is
 * a value; only a request that cannot be encoded, a bug of the caller, throws.
 */
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { ClientHttp2Session } from 'node:http2';
import { decodeFromPeer, encode, status, StatusCode, validate } from '../../protocol/index.ts';
import type { Metadata, Method, RpcStatus } from '../../protocol/index.ts';
import { openCall } from './client-call.ts';
import type { CallOptions } from './client-call.ts';
import { frame, gzipFrame } from './frame.ts';
import { endStatus } from './message-stream.ts';
import type { MessageHandler, MessageStream, StreamEnd } from './message-stream.ts';

export type UnaryResult<Response> = { readonly ok: Response } | { readonly status: RpcStatus };

export interface CallUnaryOptions extends CallOptions {
  /** Aborting it cancels the call: CANCELED. */
  readonly signal?: AbortSignal | undefined;
}

const aborted = status(StatusCode.Canceled, 'context canceled');

/** One request, one response or a status that is not OK. */
export function callUnary<Request extends DescMessage, Response extends DescMessage>(
  session: ClientHttp2Session,
  method: Method<Request, Response, 'unary'>,
  request: MessageShape<Request>,
  metadata: Metadata,
  options: CallUnaryOptions,
): Promise<UnaryResult<MessageShape<Response>>> {
  const bytes = requestFrame(encode(method.request, request), options);
  if (options.signal?.aborted === true) return Promise.resolve({ status: aborted });
  return new Promise((resolve) => {
    let response: MessageShape<Response> | undefined;
    let failure: RpcStatus | undefined;
    const { stream } = openCall(session, method.path, metadata, options);
    const cancel = () => stream.abort('cancelled by the caller');
    const refuse = (refused: RpcStatus) => {
      failure ??= refused;
      stream.abort('unusable response');
    };
    stream.handler = {
      onMessage(payload) {
        if (response !== undefined) {
          return refuse(status(StatusCode.Internal, 'more than one response to a unary call'));
        }
        const read = readResponse(method.response, payload);
        if ('status' in read) refuse(read.status);
        else response = read.ok;
      },
      onHalfClosed: ignore,
      onDrain: ignore,
      onClosed(end) {
        options.signal?.removeEventListener('abort', cancel);
        const outcome = failure ?? endStatus(end);
        if (outcome.code !== StatusCode.OK) resolve({ status: outcome });
        else if (response === undefined) {
          resolve({ status: status(StatusCode.Internal, 'no response to a unary call') });
        } else resolve({ ok: response });
      },
    };
    options.signal?.addEventListener('abort', cancel, { once: true });
    stream.write(bytes);
    stream.halfClose();
  });
}

/** What a server-streaming call tells its caller. */
export interface StreamReceiver<Response> {
  onHeaders?(metadata: Metadata): void;
  /** One validated response. While an answered promise is pending nothing more is read; its rejection ends the call. */
  onMessage(message: Response): void | Promise<void>;
  /** Exactly once, last. OK when the server ended the stream. */
  onClosed(outcome: RpcStatus): void;
}

/** One request, any number of responses. `cancel` ends the call with CANCELED. */
export function callServerStream<Request extends DescMessage, Response extends DescMessage>(
  session: ClientHttp2Session,
  method: Method<Request, Response, 'server_streaming'>,
  request: MessageShape<Request>,
  metadata: Metadata,
  options: CallOptions,
  receiver: StreamReceiver<MessageShape<Response>>,
): { cancel(reason: string): void } {
  const bytes = requestFrame(encode(method.request, request), options);
  const { stream } = openCall(session, method.path, metadata, options);
  stream.handler = new ResponseReader(stream, method.response, receiver);
  stream.write(bytes);
  stream.halfClose();
  return { cancel: (reason) => stream.abort(reason) };
}

class ResponseReader<Response extends DescMessage> implements MessageHandler {
  readonly #stream: MessageStream;
  readonly #schema: Response;
  readonly #receiver: StreamReceiver<MessageShape<Response>>;
  #failure: RpcStatus | undefined;

  constructor(stream: MessageStream, schema: Response, receiver: StreamReceiver<MessageShape<Response>>) {
    this.#stream = stream;
    this.#schema = schema;
    this.#receiver = receiver;
  }

  onHeaders(metadata: Metadata): void {
    this.#receiver.onHeaders?.(metadata);
  }

  onMessage(payload: Buffer): void {
    const read = readResponse(this.#schema, payload);
    if ('status' in read) return this.#refuse(read.status);
    const taken = this.#receiver.onMessage(read.ok);
    if (taken === undefined) return;
    this.#stream.pause();
    taken.then(
      () => this.#stream.resume(),
      () => this.#refuse(status(StatusCode.Internal, 'internal error')),
    );
  }

  onHalfClosed(): void {}
  onDrain(): void {}

  onClosed(end: StreamEnd): void {
    this.#receiver.onClosed(this.#failure ?? endStatus(end));
  }

  #refuse(refused: RpcStatus): void {
    this.#failure ??= refused;
    this.#stream.abort('unusable response');
  }
}

function requestFrame(payload: Buffer, { gzip }: CallOptions): Buffer {
  return gzip === true ? gzipFrame(payload) : frame(payload);
}

function readResponse<Response extends DescMessage>(
  schema: Response,
  payload: Buffer,
): UnaryResult<MessageShape<Response>> {
  const decoded = decodeFromPeer(schema, payload);
  if (decoded.kind === 'malformed') return { status: decoded.status };
  const violations = validate(schema, decoded.message);
  if (violations === undefined) return { ok: decoded.message };
  return { status: status(StatusCode.InvalidArgument, `invalid server response: ${violations}`) };
}

function ignore(): void {}
