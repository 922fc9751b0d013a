/** Failures of HTTP calls as statuses for the caller of the tunnel. Source: spec/wire.md §9.3 (error mapping). */
import { prefixed, status, StatusCode } from '../../protocol/index.ts';
import type { RpcStatus } from '../../protocol/index.ts';
import { errorTextMax } from './limits.ts';

/** One line about an error, bounded: libraries quote what peers sent. */
export function errorText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  const text = message !== '' ? message : typeof code === 'string' ? code : 'unknown error';
  return text
    .slice(0, errorTextMax)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .toWellFormed();
}

/** The request could not be made or answered: UNAVAILABLE. */
export function requestFailed(reason: string): RpcStatus {
  return status(StatusCode.Unavailable, `gRPC -> HTTP: ${reason}`);
}

/** Reading or writing broke off in the middle: the prefix rule. */
export function ioFailed(what: string, error: unknown): RpcStatus {
  return prefixed(`gRPC -> HTTP: ${what}`, errorText(error));
}
