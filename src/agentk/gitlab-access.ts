/**
 * What modules of agentk have of GitLab: HTTP requests to its endpoint for their module, made by kas with the agent's token
 * (`spec/agentk.md §3.8`, `spec/wire.md §9.3`).
 *
 * G1. A request has one deadline, the wait for a connection to kas included, and ends with an answer or a status.
 * G2. Nothing is repeated here: kas repeats what may be repeated, and the module knows whether it may ask again.
 * G3. An answer is bounded; one that is handed on as it comes (`onData`) is held back while its taker is busy.
 */
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  endStatus,
  gzipFrame,
  openCall,
  type MessageHandler,
  type MessageStream,
} from '../pipe/grpc/index.ts';
import {
  decodeFromPeer,
  encode,
  GitlabHeaderExtraSchema,
  HttpRequestSchema,
  HttpResponseSchema,
  MessageOrder,
  methods,
  status,
  StatusCode,
} from '../protocol/index.ts';
import type { HttpRequest, RpcStatus } from '../protocol/index.ts';
import type { KasCaller } from './kas-caller.ts';
import { agentkLimits } from './limits.ts';
import type { LinkBoard, LiveLink } from './link/index.ts';

export interface GitlabRequest {
  readonly method?: string;
  /** Below the module's endpoint, with a slash at its begin. */
  readonly path: string;
  readonly query?: Readonly<Record<string, readonly string[]>>;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** Takes the body as it comes; the answer's own body is then empty. */
  readonly onData?: (chunk: Buffer) => void | Promise<void>;
}

export type GitlabAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly body: Buffer }
  | { readonly kind: 'failed'; readonly status: RpcStatus };

export class GitlabAccess {
  readonly #moduleName: string;
  readonly #board: LinkBoard;
  readonly #caller: KasCaller;

  /** `moduleName` as in the original: it is part of GitLab's path. */
  constructor(moduleName: string, board: LinkBoard, caller: KasCaller) {
    this.#moduleName = moduleName;
    this.#board = board;
    this.#caller = caller;
  }

  async request(request: GitlabRequest): Promise<GitlabAnswer> {
    const { clock } = this.#caller.options;
    const { deadlineMs = agentkLimits.gitlabRequestMs, signal } = request;
    const late = new AbortController();
    const timer = clock.setTimeout(() => late.abort(), deadlineMs); // G1
    const either = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
    try {
      const live = await this.#link(either);
      const answer = live === undefined ? undefined : await this.#exchange(live, request, either);
      if (!either.aborted) return answer ?? failed(StatusCode.Unavailable, 'no connection to kas');
      if (answer?.kind === 'answered') return answer;
      return signal?.aborted === true
        ? failed(StatusCode.Canceled, 'cancelled')
        : failed(StatusCode.DeadlineExceeded, 'no answer of GitLab in time');
    } finally {
      clock.clearTimeout(timer);
    }
  }

  /** The connection now, or the next one; undefined when the signal comes first. */
  #link(signal: AbortSignal): Promise<LiveLink | undefined> {
    const board = this.#board;
    if (board.current !== undefined || signal.aborted) return Promise.resolve(board.current);
    return new Promise((resolve) => {
      const done = () => {
        unsubscribe();
        signal.removeEventListener('abort', done);
        resolve(board.current);
      };
      const unsubscribe = board.subscribe(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #exchange(live: LiveLink, request: GitlabRequest, signal: AbortSignal): Promise<GitlabAnswer> {
    const { metadata, options } = this.#caller;
    return new Promise((resolve) => {
      const { stream } = openCall(live.session, methods.gitlabRequest.path, metadata, {
        ...options,
        gzip: true,
      });
      const cancel = () => stream.abort('the caller gave up');
      signal.addEventListener('abort', cancel, { once: true });
      stream.handler = new AnswerReader(stream, request.onData, (answer, outcome) => {
        signal.removeEventListener('abort', cancel);
        // A refusal of one request says nothing about the agent.
        if (outcome.code === StatusCode.OK) this.#board.noteStatus(live.incarnation, outcome);
        resolve(answer);
      });
      for (const message of requestMessages(this.#moduleName, request)) {
        stream.write(gzipFrame(encode(HttpRequestSchema, message)));
      }
      stream.halfClose();
      if (signal.aborted) cancel();
    });
  }
}

/** The request as it goes over the wire, without a length as the original sends it. */
function requestMessages(moduleName: string, request: GitlabRequest): readonly HttpRequest[] {
  const { method = 'GET', path, query = {}, headers = {}, json } = request;
  const values = (map: Readonly<Record<string, readonly string[]>>) =>
    Object.fromEntries(Object.entries(map).map(([name, value]) => [name, { value: [...value] }]));
  const type = json === undefined ? {} : { 'Content-Type': ['application/json'] };
  const head = {
    request: { method, urlPath: path, header: values({ ...type, ...headers }), query: values(query) },
    extra: anyPack(GitlabHeaderExtraSchema, create(GitlabHeaderExtraSchema, { moduleName })),
  };
  const body = json === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(json));
  const messages = [create(HttpRequestSchema, { message: { case: 'header', value: head } })];
  for (let at = 0; at < body.length; at += agentkLimits.gitlabChunkBytes) {
    const data = body.subarray(at, at + agentkLimits.gitlabChunkBytes);
    messages.push(create(HttpRequestSchema, { message: { case: 'data', value: { data } } }));
  }
  messages.push(create(HttpRequestSchema, { message: { case: 'trailer', value: {} } }));
  return messages;
}

class AnswerReader implements MessageHandler {
  readonly #stream: MessageStream;
  readonly #onData: GitlabRequest['onData'];
  readonly #onEnd: (answer: GitlabAnswer, outcome: RpcStatus) => void;
  readonly #order = new MessageOrder(HttpResponseSchema);
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #status = 0;
  #failure: RpcStatus | undefined;

  constructor(
    stream: MessageStream,
    onData: GitlabRequest['onData'],
    onEnd: (answer: GitlabAnswer, outcome: RpcStatus) => void,
  ) {
    this.#stream = stream;
    this.#onData = onData;
    this.#onEnd = onEnd;
  }

  onMessage(payload: Buffer): void {
    const decoded = decodeFromPeer(HttpResponseSchema, payload);
    if (decoded.kind === 'malformed') return this.#refuse(decoded.status);
    const misplaced = this.#order.acceptMessage(decoded.message);
    if (misplaced !== undefined) return this.#refuse(misplaced);
    const { message } = decoded.message;
    if (message.case === 'header') this.#status = message.value.response?.statusCode ?? 0;
    else if (message.case === 'data') this.#take(Buffer.from(message.value.data));
    else if (message.case === 'upgradeData') {
      this.#refuse(status(StatusCode.Internal, 'GitLab does not upgrade connections'));
    }
  }

  onHalfClosed(): void {}
  onDrain(): void {}

  onClosed(end: Parameters<MessageHandler['onClosed']>[0]): void {
    const outcome = this.#failure ?? endStatus(end);
    const complete = outcome.code === StatusCode.OK ? this.#order.end() : outcome;
    if (complete === undefined) {
      this.#onEnd({ kind: 'answered', status: this.#status, body: Buffer.concat(this.#chunks) }, outcome);
    } else this.#onEnd({ kind: 'failed', status: complete }, outcome);
  }

  #take(chunk: Buffer): void {
    if (this.#onData !== undefined) {
      const taken = this.#onData(chunk);
      if (taken === undefined) return;
      this.#stream.pause(); // G3
      taken.then(
        () => this.#stream.resume(),
        () => this.#refuse(status(StatusCode.Internal, 'the answer could not be taken')),
      );
      return;
    }
    this.#bytes += chunk.length;
    if (this.#bytes > agentkLimits.gitlabAnswerBytesMax) {
      return this.#refuse(status(StatusCode.ResourceExhausted, "GitLab's answer is too large"));
    }
    this.#chunks.push(chunk);
  }

  #refuse(refused: RpcStatus): void {
    this.#failure ??= refused;
    this.#stream.abort('unusable answer');
  }
}

function failed(code: StatusCode, message: string): GitlabAnswer {
  return { kind: 'failed', status: status(code, message) };
}
