/**
 * One HTTP request to a cluster, as the request actor sees it: authorised with GitLab, forwarded over a tunnel, or answered
 * with an error. The request's life is the actor's; this is only its hands on HTTP.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Authorization, Exchange, ForwardResult, Tunnel } from '../../actors/index.ts';
import { forwardHttp } from '../../pipe/http/index.ts';
import type { Clock } from '../../ports/index.ts';
import {
  cleanRequestHeaders,
  methods,
  proxyResponseHeadersRemoved,
  status,
  StatusCode,
  statusText,
  type AnyBytes,
} from '../../protocol/index.ts';
import { serverName } from '../build-info.ts';
import type { Authorizer } from './authorizer.ts';
import type { Credentials } from './credentials.ts';
import type { RequestHead } from './request-head.ts';
import { answerStatus } from './status-answer.ts';

const noMetadata: readonly string[] = [];

/** Counts requests by how they ended: `http_status` or the pipe's outcome. */
export type CountOutcome = (outcome: string) => void;

export interface ProxiedRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly head: RequestHead;
  readonly urlPath: string;
  readonly query: ReadonlyMap<string, readonly string[]> | readonly string[];
  readonly credentials: Credentials;
  readonly upgrade?: { readonly socket: Duplex; readonly head: Buffer };
  readonly expectContinue: boolean;
}

export class ProxiedExchange implements Exchange {
  readonly agentId: bigint;
  readonly kind: Exchange['kind'];
  readonly method = methods.makeRequest.path;
  readonly #proxied: ProxiedRequest;
  readonly #authorizer: Authorizer;
  readonly #clock: Clock;
  readonly #count: CountOutcome;
  #extra: AnyBytes | undefined;
  #controller: AbortController | undefined;

  constructor(
    proxied: ProxiedRequest,
    deps: { readonly authorizer: Authorizer; readonly clock: Clock; readonly count: CountOutcome },
  ) {
    const { credentials } = proxied;
    this.agentId = credentials.agentId;
    this.kind = credentials.kind === 'pat' ? 'user' : credentials.kind;
    this.#proxied = proxied;
    this.#authorizer = deps.authorizer;
    this.#clock = deps.clock;
    this.#count = deps.count;
  }

  authorize(answer: (authorization: Authorization) => void): void {
    const signal = () => (this.#controller ??= new AbortController()).signal;
    this.#authorizer.authorize(this.#proxied.credentials, signal, (verdict) => {
      this.#controller = undefined;
      if (verdict.kind === 'granted') this.#extra = verdict.extra;
      answer(verdict);
    });
  }

  forward(tunnel: Tunnel, done: (result: ForwardResult) => void): { cancel(reason: string): void } {
    const { request, response, head, urlPath, query, upgrade, expectContinue } = this.#proxied;
    const forwarding = forwardHttp(
      {
        request,
        response,
        head: {
          method: request.method ?? 'GET',
          urlPath,
          query,
          headers: cleanRequestHeaders(request.rawHeaders),
          contentLength: head.contentLength,
          upgrade: head.upgrade,
          ...(this.#extra === undefined ? {} : { extra: this.#extra }),
        },
        methodPath: this.method,
        metadata: noMetadata,
        tunnel: { stream: tunnel.call.stream, reuse: tunnel.reuse },
        serverName,
        droppedResponseHeaders: proxyResponseHeadersRemoved,
        expectContinue,
        clock: this.#clock,
        ...(upgrade === undefined ? {} : { upgrade }),
      },
      (outcome) => {
        if (outcome.kind === 'failedBeforeHeader') {
          this.#answer(502, `HTTP->gRPC: ${outcome.what}: ${statusText(outcome.status)}`);
        }
        this.#count(outcome.kind);
        done({ outcome: outcome.kind, reusable: outcome.reusable, ending: outcome.tunnelStatus });
      },
    );
    return { cancel: (reason) => forwarding.cancel(status(StatusCode.Canceled, reason)) };
  }

  refuse(httpStatus: number, reason: string): void {
    this.#count('refused');
    // Tells a 401 of ours from one of the cluster (`spec/kas.md §5.5`).
    this.#answer(httpStatus, reason, httpStatus === 401 ? ['Gitlab-Unauthorized', 'true'] : []);
  }

  fail(code: number, message: string): void {
    this.#count('unreachable');
    const text = statusText(status(code as StatusCode, message));
    this.#answer(502, `HTTP->gRPC: failed to read gRPC response: ${text}`);
  }

  abandoned(): void {
    this.#controller?.abort(new Error('the caller went away'));
    this.#count('abandoned');
    this.#answer(502, 'kas is shutting down');
  }

  #answer(httpStatus: number, message: string, headers: readonly string[] = []): void {
    answerStatus(this.#proxied.response, this.#proxied.head, httpStatus, message, headers);
  }
}
