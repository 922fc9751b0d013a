/**
 * A tunnelled request as it is made to the API server: target path, headers, whether it asks for an upgrade.
 * Source: spec/agentk.md §4.2, §4.3.
 *
 * 1. Credentials are agentk's own: an incoming Authorization is dropped whatever sent it.
 * 2. Framing is ours: nothing that concerns one hop or the size of the body is taken over.
 */
import { encodePath, encodeQuery, headerValueToNode } from '../../protocol/index.ts';
import { grouped } from '../../protocol/envelope/index.ts';
import type { ReceivedRequestHeader } from '../../protocol/envelope/index.ts';
import type { ApiTarget } from './api-target.ts';
import { asksToImpersonate, impersonationHeaders } from './impersonation.ts';

/** A request ready to be made. */
export interface ApiRequest {
  readonly kind: 'request';
  readonly method: string;
  /** Escaped path with query. */
  readonly path: string;
  /** `[name, value, ...]`, values as byte strings. */
  readonly headers: string[];
  /** The Upgrade values when the request asks for a protocol switch. */
  readonly upgrade: readonly string[];
}

const droppedHeaders: ReadonlySet<string> = new Set([
  'authorization', // invariant 1
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Builds the request, or says why it cannot be made. `agentName` is `gitlab-agent/<version>/<commit>`. */
export function apiRequest(
  header: ReceivedRequestHeader,
  target: ApiTarget,
  agentName: string,
): ApiRequest | { readonly kind: 'refused'; readonly reason: string } {
  const headers: string[] = [];
  const upgrade: string[] = [];
  let requested = false;
  let hasUserAgent = false;
  const { headers: incoming } = header;
  for (let i = 0; i + 1 < incoming.length; i += 2) {
    const name = incoming[i] ?? '';
    const value = headerValueToNode(incoming[i + 1] ?? '');
    const lower = name.toLowerCase();
    if (lower === 'upgrade') upgrade.push(value);
    if (droppedHeaders.has(lower)) continue; // invariant 2
    if (lower === 'user-agent') hasUserAgent = true;
    if (asksToImpersonate(lower)) requested = true;
    headers.push(name, value);
  }
  const acting = impersonationHeaders(target.impersonation, header.extra, requested);
  if (acting.kind === 'refused') return acting;
  for (let i = 0; i + 1 < acting.pairs.length; i += 2) {
    headers.push(acting.pairs[i] ?? '', headerValueToNode(acting.pairs[i + 1] ?? ''));
  }
  headers.push('Via', `gRPC/1.0 ${agentName}`);
  if (!hasUserAgent) headers.push('User-Agent', agentName);
  const authorization = target.authorization();
  if (authorization !== undefined) headers.push('Authorization', authorization);
  return { kind: 'request', method: header.method, path: pathOf(header, target), headers, upgrade };
}

function pathOf(header: ReceivedRequestHeader, target: ApiTarget): string {
  const slash = header.urlPath.startsWith('/') ? '' : '/';
  const path = `${target.basePath}${slash}${encodePath(header.urlPath)}`;
  return header.query.length === 0 ? path : `${path}?${encodeQuery(grouped(header.query))}`;
}
