/**
 * HTTP headers as flat lists `[name, value, name, value, ...]`, the shape node:http gives (rawHeaders) and takes: names
 * in Go's canonical form, and the clean-up a proxy does. Source: spec/wire.md §9.2.
 *
 * 1. Repeated names stay repeated and in order; joining would change what peers see.
 * 2. What belongs to one hop is removed; an upgrade wish is kept as `Upgrade` plus `Connection: upgrade`.
 */
import { create } from '@bufbuild/protobuf';
import { ValuesSchema } from './gen/gitlab/agent/prototool/prototool_pb.ts';
import type { Values } from './gen/gitlab/agent/prototool/prototool_pb.ts';

/** Names that concern one hop only, lower case. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What the Kubernetes proxy takes out of requests besides: its own credentials. Lower case. */
export const proxyRequestHeadersRemoved: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'gitlab-agent-id',
  'x-csrf-token',
]);

/** What the Kubernetes proxy takes out of answers besides: CORS is for kas to decide. Lower case. */
export const proxyResponseHeadersRemoved: ReadonlySet<string> = new Set([
  'access-control-allow-origin',
  'access-control-allow-headers',
  'access-control-allow-credentials',
  'access-control-allow-methods',
  'access-control-max-age',
]);

const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Names seen on nearly every request, so that they cost a look-up; keys are given and canonical spelling. */
const common: ReadonlyMap<string, string> = new Map(
  (
    'Accept Accept-Encoding Accept-Language Audit-Id Authorization Cache-Control Connection Content-Encoding ' +
    'Content-Length Content-Type Cookie Date Etag Expires Host Kubectl-Command Kubectl-Session Last-Modified Location ' +
    'Origin Referer Sec-Websocket-Accept Sec-Websocket-Extensions Sec-Websocket-Key Sec-Websocket-Protocol ' +
    'Sec-Websocket-Version Server Te Transfer-Encoding Upgrade User-Agent Vary Via Warning X-Content-Type-Options ' +
    'X-Forwarded-For X-Forwarded-Proto X-Kubernetes-Pf-Flowschema-Uid X-Kubernetes-Pf-Prioritylevel-Uid ' +
    'X-Remote-Group X-Remote-User X-Request-Id X-Stream-Protocol-Version'
  )
    .split(' ')
    .flatMap((name) => [[name, name] as const, [name.toLowerCase(), name] as const]),
);

/** Go's canonical form: `sec-websocket-key` → `Sec-Websocket-Key`. A name that is no token is given back untouched. */
export function canonicalHeaderName(name: string): string {
  const known = common.get(name);
  if (known !== undefined) return known;
  if (!tokenPattern.test(name)) return name;
  const lower = name.toLowerCase();
  let canonical = '';
  let from = 0;
  for (let dash = lower.indexOf('-'); dash >= 0; dash = lower.indexOf('-', from)) {
    canonical += capitalized(lower, from, dash + 1);
    from = dash + 1;
  }
  return canonical + capitalized(lower, from, lower.length);
}

function capitalized(text: string, from: number, to: number): string {
  return text.charAt(from).toUpperCase() + text.slice(from + 1, to);
}

/**
 * Cleans the headers of a request before it goes into a tunnel (invariant 2). `extraRemoved` holds lower-case names.
 * `Host` goes too: the other side has its own.
 */
export function cleanRequestHeaders(
  rawHeaders: readonly string[],
  extraRemoved: ReadonlySet<string> = proxyRequestHeadersRemoved,
): string[] {
  return clean(rawHeaders, extraRemoved, 'host');
}

/** Cleans the headers of an answer from a tunnel in the same way. `extraRemoved` holds lower-case names. */
export function cleanResponseHeaders(
  rawHeaders: readonly string[],
  extraRemoved: ReadonlySet<string> = proxyResponseHeadersRemoved,
): string[] {
  return clean(rawHeaders, extraRemoved, undefined);
}

function clean(
  rawHeaders: readonly string[],
  extraRemoved: ReadonlySet<string>,
  host: string | undefined,
): string[] {
  const named = namedByConnection(rawHeaders);
  const kept: string[] = [];
  const upgrade: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const value = rawHeaders[i + 1] ?? '';
    const lower = name.toLowerCase();
    if (lower === 'upgrade') upgrade.push('Upgrade', value);
    if (lower === host || hopByHop.has(lower) || extraRemoved.has(lower) || named?.has(lower)) continue;
    kept.push(canonicalHeaderName(name), value);
  }
  if (upgrade.length > 0) kept.push(...upgrade, 'Connection', 'upgrade');
  return kept;
}

function namedByConnection(rawHeaders: readonly string[]): ReadonlySet<string> | undefined {
  let named: Set<string> | undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== 'connection') continue;
    named ??= new Set();
    for (const one of (rawHeaders[i + 1] ?? '').split(',')) named.add(one.trim().toLowerCase());
  }
  return named;
}

/** A flat list as the header map of a message. Names become canonical. */
export function headersToMap(rawHeaders: readonly string[]): Record<string, Values> {
  const map = Object.create(null) as Record<string, Values>;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = canonicalHeaderName(rawHeaders[i] ?? '');
    (map[name] ??= create(ValuesSchema)).value.push(rawHeaders[i + 1] ?? '');
  }
  return map;
}

/** The header map of a message as a flat list. */
export function headersFromMap(map: Readonly<Record<string, Values>>): string[] {
  const raw: string[] = [];
  for (const [name, { value }] of Object.entries(map)) for (const one of value) raw.push(name, one);
  return raw;
}

// eslint-disable-next-line no-control-regex -- control bytes are exactly what is looked for
const asciiPattern = /^[\x00-\x7f]*$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * node:http gives header bytes as one character each; messages carry UTF-8 text. Undefined when the bytes are not
 * UTF-8: such a value cannot travel (spec/kas.md §5.7).
 */
export function headerValueFromNode(value: string): string | undefined {
  if (asciiPattern.test(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return undefined;
  }
}

/** The reverse: text of a message as node:http wants it, one character per byte. */
export function headerValueToNode(value: string): string {
  return asciiPattern.test(value) ? value : Buffer.from(value, 'utf8').toString('latin1');
}
