/**
 * The head of an answer from the cluster as kas gives it to its client: cleaned of what belongs to one hop and of what
 * kas decides itself, merged with headers kas has already set (CORS), `Via` appended. Source: spec/wire.md §9.2.
 *
 * 1. A header that is already set wins, except `Vary`, where both count.
 * 2. Names and values become byte strings as node:http wants them; it refuses control characters itself.
 */
import type { ServerResponse } from 'node:http';
import { canonicalHeaderName, cleanResponseHeaders, headerValueToNode } from '../../protocol/index.ts';

/** The head to write, and the declared length of the body. */
export interface ResponseHead {
  /** `[name, value, ...]` for `writeHead`. */
  readonly pairs: string[];
  /** -1 when none is declared, undefined when the declaration makes no sense. */
  readonly contentLength: number | undefined;
}

/** Builds the head and takes the headers already set out of `response`; they are part of `pairs`. */
export function responseHead(
  headers: readonly string[],
  response: ServerResponse,
  dropped: ReadonlySet<string>,
  via: string,
): ResponseHead {
  const cleaned = cleanResponseHeaders(headers, dropped);
  const preset = response.getHeaderNames();
  const pairs: string[] = [];
  let contentLength: number | undefined = -1;
  for (let i = 0; i + 1 < cleaned.length; i += 2) {
    const name = cleaned[i] ?? '';
    const value = headerValueToNode(cleaned[i + 1] ?? '');
    if (preset.length > 0 && name !== 'Vary' && response.hasHeader(name)) continue; // invariant 1
    if (name === 'Content-Length') {
      const declared = lengthOf(value);
      if (contentLength !== -1 && declared !== contentLength) contentLength = undefined;
      else if (contentLength !== -1) continue;
      else contentLength = declared;
    }
    pairs.push(name, value);
  }
  for (const name of preset) takePreset(response, name, pairs);
  pairs.push('Via', via);
  return { pairs, contentLength };
}

function takePreset(response: ServerResponse, name: string, pairs: string[]): void {
  const value = response.getHeader(name);
  const spelled = canonicalHeaderName(name);
  response.removeHeader(name);
  if (Array.isArray(value)) for (const one of value) pairs.push(spelled, one);
  else if (value !== undefined) pairs.push(spelled, String(value));
}

function lengthOf(value: string): number | undefined {
  if (!/^[0-9]{1,15}$/.test(value)) return undefined;
  return Number(value);
}
