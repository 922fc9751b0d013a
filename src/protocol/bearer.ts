/** The bearer token of a call, or the refusal the originals give (`spec/kas.md §3.4`). */
import { firstValue, type Metadata } from './metadata.ts';
import { status, StatusCode, type RpcStatus } from './status.ts';

export type BearerToken =
  | { readonly kind: 'token'; readonly value: string }
  | { readonly kind: 'refused'; readonly status: RpcStatus };

/** Everything after the first space is the token; the scheme is compared without regard to case. */
export function bearerToken(metadata: Metadata): BearerToken {
  const header = firstValue(metadata, 'authorization') ?? '';
  if (header === '') return { kind: 'refused', status: unauthenticated };
  const space = header.indexOf(' ');
  if (space < 0) return { kind: 'refused', status: badAuthorization };
  if (header.slice(0, space).toLowerCase() !== 'bearer') return { kind: 'refused', status: unauthenticated };
  return { kind: 'token', value: header.slice(space + 1) };
}

const unauthenticated = status(StatusCode.Unauthenticated, 'Request unauthenticated with bearer');
const badAuthorization = status(StatusCode.Unauthenticated, 'Bad authorization string');
