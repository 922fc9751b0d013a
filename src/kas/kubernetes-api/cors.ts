/** Which browser pages may use the proxy, and the answers browsers ask for first (`spec/kas.md §5.2`, `§5.3`). */

/** Undefined: the origin is refused (403, empty body). */
export function corsHeaders(
  origin: string | undefined,
  allowedOrigin: string | undefined,
): readonly string[] | undefined {
  if (origin === undefined) return [];
  if (allowedOrigin === undefined || origin !== allowedOrigin) return undefined;
  return [
    'Access-Control-Allow-Origin',
    origin,
    'Access-Control-Allow-Credentials',
    'true',
    'Vary',
    'Origin',
  ];
}

/** The further headers of a preflight answer. `requested` is echoed. */
export function preflightHeaders(requested: readonly string[]): readonly string[] {
  return [
    ...requested.flatMap((value) => ['Access-Control-Allow-Headers', value]),
    'Access-Control-Allow-Methods',
    'GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE, PATCH',
    'Access-Control-Max-Age',
    '86400',
  ];
}
