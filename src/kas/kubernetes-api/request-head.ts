/**
 * One pass over a request's raw headers: everything the proxy decides on before it forwards. The raw list is read instead
 * of node's merged object because repeated headers must be seen (`spec/kas.md §5.4`) and because this is the hot path.
 */
import type { IncomingMessage } from 'node:http';

export interface RequestHead {
  readonly authorization: readonly string[];
  readonly cookie: readonly string[];
  readonly agentId: readonly string[];
  readonly csrfToken: readonly string[];
  readonly origin: string | undefined;
  readonly upgrade: boolean;
  /** −1 unknown, 0 none, else the declared size (`spec/wire.md §9.2`). */
  readonly contentLength: bigint;
  readonly userAgent: string;
  readonly accept: string;
  /** Path as sent, without the query. */
  readonly rawPath: string;
  /** Query as sent, without the question mark. */
  readonly rawQuery: string;
}

const none: readonly string[] = [];

export function readRequestHead(request: IncomingMessage): RequestHead {
  const { rawHeaders } = request;
  let authorization = none;
  let cookie = none;
  let agentId = none;
  let csrfToken = none;
  let origin: string | undefined;
  let upgrade = false;
  let contentLength = 0n;
  let userAgent = '';
  let accept = '';
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const value = rawHeaders[i + 1] ?? '';
    switch ((rawHeaders[i] ?? '').toLowerCase()) {
      case 'authorization':
        authorization = [...authorization, value];
        break;
      case 'cookie':
        cookie = [...cookie, value];
        break;
      case 'gitlab-agent-id':
        agentId = [...agentId, value];
        break;
      case 'x-csrf-token':
        csrfToken = [...csrfToken, value];
        break;
      case 'origin':
        origin = value;
        break;
      case 'upgrade':
        upgrade = true;
        break;
      case 'content-length':
        if (contentLength === 0n && /^\d{1,18}$/.test(value)) contentLength = BigInt(value);
        break;
      case 'transfer-encoding':
        contentLength = -1n;
        break;
      case 'user-agent':
        userAgent = value;
        break;
      case 'accept':
        accept = value;
        break;
      default:
    }
  }
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  return {
    authorization,
    cookie,
    agentId,
    csrfToken,
    origin,
    upgrade,
    contentLength,
    userAgent,
    accept,
    rawPath: mark < 0 ? url : url.slice(0, mark),
    rawQuery: mark < 0 ? '' : url.slice(mark + 1),
  };
}
