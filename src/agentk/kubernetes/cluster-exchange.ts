/**
 * One HTTP exchange with the API server as agentk itself: its credential, its impersonation, a bounded answer.
 *
 * X1. Nothing throws for what the server or the network does; the outcome says it.
 * X2. The credential is asked per exchange (it is renewed) and appears nowhere else.
 */
import type { Dispatcher } from 'undici';
import { ownImpersonation } from '../../pipe/http/index.ts';
import type { ApiTarget } from '../../pipe/http/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { ClusterTrouble } from './cluster-outcome.ts';
import type { CallEnd } from './call-end.ts';
import { clusterLimits } from './limits.ts';

export interface ClusterRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query, without the server's base path. */
  readonly path: string;
  readonly body?: string | undefined;
  readonly contentType?: string | undefined;
}

export interface ClusterAnswer {
  readonly kind: 'answered';
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

/** An answer whose body is still to come; `body` must be read or destroyed. */
export interface OpenAnswer {
  readonly kind: 'opened';
  readonly response: Dispatcher.ResponseData;
}

export interface ExchangeDeps {
  readonly target: ApiTarget;
  readonly userAgent: string;
  readonly clock: Clock;
  /** No call may take longer, whatever its caller allows. */
  readonly callMsMax?: number | undefined;
}

/** The whole exchange, until the signal ends it. */
export async function exchange(
  deps: ExchangeDeps,
  request: ClusterRequest,
  signal: AbortSignal,
): Promise<ClusterAnswer | ClusterTrouble> {
  const opened = await open(deps, request, signal);
  if (opened.kind !== 'opened') return opened;
  const { statusCode, headers, body } = opened.response;
  try {
    const text = await readBounded(body);
    if (text === undefined)
      return { kind: 'unreachable', cause: 'broken', reason: 'the answer is too large' };
    const retryAfter = headers['retry-after'];
    return {
      kind: 'answered',
      status: statusCode,
      retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
      text,
    };
  } catch (error) {
    return troubleOf(error);
  }
}

/** Sends a request and answers with its head. Ends with the signal, whenever that is. */
export async function open(
  { target, userAgent }: ExchangeDeps,
  { method, path, body, contentType }: ClusterRequest,
  signal: AbortSignal,
): Promise<OpenAnswer | ClusterTrouble> {
  const headers = ['accept', 'application/json', 'user-agent', userAgent, ...ownImpersonation(target)];
  const authorization = target.authorization(); // X2
  if (authorization !== undefined) headers.push('authorization', authorization);
  if (body !== undefined) headers.push('content-type', contentType ?? 'application/json');
  try {
    const response = await target.dispatcher.request({
      method,
      origin: target.origin,
      path: target.basePath + path,
      headers,
      signal,
      ...(body === undefined ? {} : { body }),
    });
    return { kind: 'opened', response };
  } catch (error) {
    return troubleOf(error);
  }
}

/** The failure of a socket, by its code where it has one. */
export function troubleOf(error: unknown): ClusterTrouble {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const said = error instanceof Error ? error.message : String(error);
  return {
    kind: 'unreachable',
    cause: code === 'ECONNREFUSED' ? 'refused' : 'broken',
    reason: `API server: ${(said === '' ? code : said).slice(0, clusterLimits.messageCharsMax)}`,
  };
}

/** Why a call ended without an answer, when its caller or its deadline ended it. */
export function endedBy({ cancelled, late }: CallEnd): ClusterTrouble | undefined {
  if (cancelled) return { kind: 'unreachable', cause: 'cancelled', reason: 'cancelled' };
  if (late) return { kind: 'unreachable', cause: 'late', reason: 'no answer of the API server in time' };
  return undefined;
}

/** The body as text; undefined when it is larger than an answer may be. */
async function readBounded(body: Dispatcher.ResponseData['body']): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > clusterLimits.answerBytesMax) return undefined; // leaving the loop destroys the body
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
