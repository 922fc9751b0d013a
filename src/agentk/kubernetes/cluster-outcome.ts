/**
 * What became of a call to the API server, as a tagged union: nothing here is an exception. A refusal is what the server
 * answered (`Status`), with its text made harmless: it comes from webhooks and controllers as well.
 */
import { clusterLimits } from './limits.ts';
import { fieldsOf } from './kube-object.ts';

export interface ClusterRefusal {
  readonly kind: 'refused';
  /** The HTTP status. */
  readonly code: number;
  /** `NotFound`, `Conflict`, `Expired`, ...; empty when the server did not say. */
  readonly reason: string;
  readonly message: string;
  /** Reasons of single causes, e.g. `ResourceVersionTooLarge`, `FieldManagerConflict`. */
  readonly causes: readonly string[];
  /** When the server asks to be left alone. */
  readonly retryAfterMs: number | undefined;
}

export interface ClusterTrouble {
  readonly kind: 'unreachable';
  /** `refused`: nobody listens. `late`: the deadline passed. `cancelled`: the caller gave up. `busy`: too many calls wait. */
  readonly cause: 'refused' | 'late' | 'cancelled' | 'busy' | 'broken';
  readonly reason: string;
}

export type ClusterFailure = ClusterRefusal | ClusterTrouble;
export type ClusterOutcome<T> = { readonly kind: 'ok'; readonly value: T } | ClusterFailure;

/** The failure as one line for a log or an error. */
export function failureText(failure: ClusterFailure): string {
  if (failure.kind === 'unreachable') return failure.reason;
  return failure.message === '' ? `HTTP ${failure.code}` : `HTTP ${failure.code}: ${failure.message}`;
}

/** Reads a `Status` body; any other body gives a refusal without words. */
export function refusalOf(code: number, body: unknown, retryAfter?: string): ClusterRefusal {
  const status = fieldsOf(body);
  const isStatus = status['kind'] === 'Status';
  const details = fieldsOf(isStatus ? status['details'] : undefined);
  const causes = Array.isArray(details['causes']) ? details['causes'].slice(0, 100) : [];
  const word = (value: unknown) => (typeof value === 'string' ? harmless(value) : '');
  const seconds = Number(retryAfter ?? details['retryAfterSeconds'] ?? Number.NaN);
  return {
    kind: 'refused',
    code,
    reason: isStatus ? word(status['reason']) : '',
    message: isStatus ? word(status['message']) : '',
    causes: causes.map((cause) => word(fieldsOf(cause)['reason'])),
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 && seconds < 3_600 ? seconds * 1_000 : undefined,
  };
}

/** The list or watch cannot go on from its resource version (`spec/agentk.md §9.1` rows 3 and 11). */
export function isExpired(failure: ClusterFailure): boolean {
  if (failure.kind !== 'refused') return false;
  const { code, reason, message, causes } = failure;
  if (code === 410 || reason === 'Expired' || reason === 'Gone') return true;
  return causes.includes('ResourceVersionTooLarge') || message.includes('Too large resource version');
}

export function isAbsent(failure: ClusterFailure): boolean {
  return failure.kind === 'refused' && failure.code === 404;
}

/** Text of others: bounded, on one line, without control characters. */
function harmless(text: string): string {
  const bounded =
    text.length > clusterLimits.messageCharsMax ? `${text.slice(0, clusterLimits.messageCharsMax)}…` : text;
  return bounded.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
