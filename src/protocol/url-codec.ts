/**
 * Queries and paths by Go's rules, which decide what a request looks like at the other end of the tunnel.
 * Source: spec/wire.md §9.2 and §9.3, spec/kas.md §5.7.
 *
 * 1. An ill-formed pair of a query is dropped, the rest stays: `;` in it, a broken escape, bytes that are not UTF-8.
 * 2. Messages carry UTF-8 text; what cannot be that is refused here and not sent half.
 */

/** Parses a raw query (without `?`) to decoded keys and values; values of a key keep their order (invariant 1). */
export function parseQuery(rawQuery: string): Map<string, string[]> {
  const query = new Map<string, string[]>();
  if (rawQuery === '') return query;
  for (const pair of rawQuery.split('&')) {
    if (pair === '' || pair.includes(';')) continue;
    const equals = pair.indexOf('=');
    const key = unescapeBytes(equals < 0 ? pair : pair.slice(0, equals), true);
    const value = equals < 0 ? '' : unescapeBytes(pair.slice(equals + 1), true);
    if (key === undefined || value === undefined) continue;
    const known = query.get(key);
    if (known === undefined) query.set(key, [value]);
    else known.push(value);
  }
  return query;
}

/** Encodes a query: keys sorted by their bytes, space as `+`, everything but letters, digits and `-_.~` escaped. */
export function encodeQuery(query: ReadonlyMap<string, readonly string[]>): string {
  const keys = [...query.keys()].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const pairs: string[] = [];
  for (const key of keys) {
    const name = queryEscape(key);
    for (const value of query.get(key) ?? []) pairs.push(`${name}=${queryEscape(value)}`);
  }
  return pairs.join('&');
}

/** Percent-decodes a path. Undefined for a broken escape or bytes that are not UTF-8: answer 400 (invariant 2). */
export function decodePath(rawPath: string): string | undefined {
  return unescapeBytes(rawPath, false);
}

/** Encodes a decoded path as Go does; `/` stays, so an escaped slash of the sender is lost. */
export function encodePath(path: string): string {
  if (/^[A-Za-z0-9\-_.~$&+,/:;=@]*$/.test(path)) return path;
  return encodeURIComponent(path.toWellFormed()).replaceAll(
    /%(24|26|2B|2C|2F|3A|3B|3D|40)|[!'()*]/g,
    (found) =>
      found.length === 3 ? String.fromCharCode(Number.parseInt(found.slice(1), 16)) : escapeCharacter(found),
  );
}

function queryEscape(text: string): string {
  if (/^[A-Za-z0-9\-_.~]*$/.test(text)) return text;
  return encodeURIComponent(text.toWellFormed()).replaceAll(/%20|[!'()*]/g, (found) =>
    found === '%20' ? '+' : escapeCharacter(found),
  );
}

function escapeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

// eslint-disable-next-line no-control-regex -- plain ASCII, control characters included
const plainPattern = /^[\x00-\x24\x26-\x2a\x2c-\x7f]*$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undoes %XX (and `+` in queries). node:http gives raw bytes above ASCII as one character each. */
function unescapeBytes(text: string, plusIsSpace: boolean): string | undefined {
  if (plainPattern.test(text)) return text;
  const source = Buffer.from(text, 'latin1');
  const bytes = Buffer.allocUnsafe(source.length);
  let length = 0;
  for (let i = 0; i < source.length; i += 1) {
    let byte = source[i] ?? 0;
    if (byte === 0x25) {
      const hex = source.toString('latin1', i + 1, i + 3);
      if (!/^[0-9a-fA-F]{2}$/.test(hex)) return undefined;
      byte = Number.parseInt(hex, 16);
      i += 2;
    } else if (byte === 0x2b && plusIsSpace) {
      byte = 0x20;
    }
    bytes[length] = byte;
    length += 1;
  }
  try {
    return utf8.decode(bytes.subarray(0, length));
  } catch {
    return undefined;
  }
}
