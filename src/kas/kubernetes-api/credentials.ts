/**
 * Who is calling the Kubernetes API proxy: a CI job, a personal access token or a browser session (`spec/kas.md §5.4`).
 * Parsing only; whether the caller may is GitLab's answer. The error texts are the originals', they are documented for users.
 *
 * C1. An Authorization header wins over the cookie, and a bad one fails without trying the cookie.
 * C2. No error text contains a token.
 */
import type { RequestHead } from './request-head.ts';

export type Credentials =
  | { readonly kind: 'ci'; readonly agentId: bigint; readonly token: string }
  | { readonly kind: 'pat'; readonly agentId: bigint; readonly token: string }
  | {
      readonly kind: 'session';
      readonly agentId: bigint;
      readonly cookie: string;
      readonly csrfToken: string;
    };

export type ParsedCredentials = Credentials | { readonly kind: 'invalid'; readonly reason: string };

const cookieName = '_gitlab_kas';
const agentIdMax = 2n ** 63n - 1n;

/** @param query the request's parsed query, used only by browser sessions */
export function parseCredentials(
  head: RequestHead,
  query: () => ReadonlyMap<string, readonly string[]>,
): ParsedCredentials {
  if (head.authorization.length > 0) return parseAuthorization(head.authorization);
  const cookie = findCookie(head.cookie);
  if (cookie === undefined) return invalid('no valid credentials provided');
  return parseSession(cookie, head, query());
}

function parseAuthorization(values: readonly string[]): ParsedCredentials {
  const [value = ''] = values;
  if (values.length !== 1) {
    return invalid(`Authorization header: expecting a single header, got ${values.length}`);
  }
  if (!value.startsWith('Bearer ')) return invalid('Authorization header: expecting Bearer token');
  const typeEnd = value.indexOf(':', 7);
  const idEnd = typeEnd < 0 ? -1 : value.indexOf(':', typeEnd + 1);
  if (idEnd < 0) return invalid('Authorization header: invalid value');
  const type = value.slice(7, typeEnd);
  if (type !== 'ci' && type !== 'pat') return invalid('Authorization header: unknown token type');
  const idText = value.slice(typeEnd + 1, idEnd);
  const agentId = parseAgentId(idText);
  if (typeof agentId === 'string') {
    return invalid(
      `Authorization header: failed to parse: strconv.ParseInt: parsing ${JSON.stringify(idText)}: ${agentId}`,
    );
  }
  const token = value.slice(idEnd + 1);
  if (token === '') return invalid('Authorization header: empty token');
  return { kind: type, agentId, token };
}

/** The id, or the reason as the originals word it. */
function parseAgentId(text: string): bigint | string {
  if (!/^[+-]?\d+$/.test(text)) return 'invalid syntax';
  const digits = text.replace(/^[+-]?0*(?=\d)/, '');
  if (digits.length > 19) return 'value out of range';
  const id = text.startsWith('-') ? -BigInt(digits) : BigInt(digits);
  return id > agentIdMax || id < -agentIdMax - 1n ? 'value out of range' : id;
}

function findCookie(headers: readonly string[]): string | undefined {
  for (const header of headers) {
    for (const part of header.split(';')) {
      const text = part.trim();
      if (!text.startsWith(`${cookieName}=`)) continue;
      const value = text.slice(cookieName.length + 1);
      return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
  }
  return undefined;
}

function parseSession(
  raw: string,
  head: RequestHead,
  query: ReadonlyMap<string, readonly string[]>,
): ParsedCredentials {
  if (raw === '') return invalid(`${cookieName} cookie value must not be empty`);
  let cookie: string;
  try {
    cookie = decodeURIComponent(raw.replaceAll('+', ' '));
  } catch {
    return invalid(`${cookieName} invalid cookie value`);
  }
  const id = pick(
    head.agentId,
    query.get('gitlab-agent-id'),
    'Gitlab-Agent-Id',
    'gitlab-agent-id',
    'agent id',
  );
  if (id.kind === 'invalid') return id;
  const agentId = parseAgentId(id.value);
  if (typeof agentId === 'string') {
    return invalid(`agent id in request: invalid value: ${JSON.stringify(id.value)}`);
  }
  const csrf = pick(
    head.csrfToken,
    query.get('gitlab-csrf-token'),
    'X-Csrf-Token',
    'gitlab-csrf-token',
    'CSRF token',
  );
  if (csrf.kind === 'invalid') return csrf;
  return { kind: 'session', agentId, cookie, csrfToken: csrf.value };
}

function pick(
  header: readonly string[],
  parameter: readonly string[] | undefined,
  headerName: string,
  parameterName: string,
  what: string,
): { kind: 'one'; value: string } | { kind: 'invalid'; reason: string } {
  if (header.length > 1) return invalid(`${headerName} header must have exactly one value`);
  const value = header[0] ?? (parameter?.length === 1 ? parameter[0] : undefined);
  if (value === undefined) {
    return invalid(
      `exactly one ${what} must be provided either in the "${headerName}" header or "${parameterName}" query parameter`,
    );
  }
  return { kind: 'one', value };
}

function invalid(reason: string): { readonly kind: 'invalid'; readonly reason: string } {
  return { kind: 'invalid', reason };
}
