/** What two ends of a simulated HTTP/2 connection send each other. */
export type RawHeaders = readonly string[];

export type Http2Frame =
  | { readonly kind: 'settings'; readonly number: number }
  | { readonly kind: 'settings-taken'; readonly number: number }
  | { readonly kind: 'headers'; readonly id: number; readonly headers: RawHeaders; readonly end: boolean }
  | { readonly kind: 'data'; readonly id: number; readonly chunk: Buffer | undefined; readonly end: boolean }
  | { readonly kind: 'reset'; readonly id: number; readonly code: number }
  | {
      readonly kind: 'goaway';
      readonly code: number;
      readonly last: number;
      readonly data: Buffer | undefined;
    }
  | { readonly kind: 'ping'; readonly number: number }
  | { readonly kind: 'pong'; readonly number: number };

/** Names and values in turn, from an object as node:http2 takes it. */
export type GivenHeaders = Readonly<Record<string, string | number | readonly string[] | undefined>>;

export function rawHeaders(headers: GivenHeaders): RawHeaders {
  const raw: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'object') for (const one of value) raw.push(name, one);
    else if (value !== undefined) raw.push(name, String(value));
  }
  return raw;
}

/** As node:http2 gives them: one value per name, the status a number. */
export function headersObject(raw: RawHeaders): Record<string, string | number> {
  const headers: Record<string, string | number> = {};
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    const value = raw[at + 1] ?? '';
    const known = headers[name];
    headers[name] = known === undefined ? (name === ':status' ? Number(value) : value) : `${known}, ${value}`;
  }
  return headers;
}
