/**
 * The outcome of an RPC: a gRPC code, a text and details. This is a value, not an exception: what a peer answers is an
 * expected outcome. Source: spec/wire.md §6.4 (prefix rule) and §11.
 */

/** gRPC status codes by their Go names. */
export const StatusCode = {
  OK: 0,
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;

/** A gRPC status code. Codes outside 0..16 are kept as they came; `statusName` shows them as `Code(n)`. */
export type StatusCode = (typeof StatusCode)[keyof typeof StatusCode];

/** The two fields of a google.protobuf.Any: a type URL and the encoded message. */
export interface AnyBytes {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** How an RPC ended. `details` is absent when there are none. */
export interface RpcStatus {
  readonly code: StatusCode;
  readonly message: string;
  readonly details?: readonly AnyBytes[];
}

const names = new Map<number, string>(Object.entries(StatusCode).map(([name, code]) => [code, name]));

/** Success without a text. */
export const ok: RpcStatus = Object.freeze({ code: StatusCode.OK, message: '' });

/** A status without details. */
export function status(code: StatusCode, message: string): RpcStatus {
  return { code, message };
}

/** The Go name of a code (`DeadlineExceeded`), `Code(n)` for a number gRPC does not know. */
export function statusName(code: number): string {
  return names.get(code) ?? `Code(${code})`;
}

/** Takes a number from the wire as a status code; what is not a known code becomes Unknown. */
export function statusCodeOf(code: number): StatusCode {
  return names.has(code) ? (code as StatusCode) : StatusCode.Unknown;
}

/**
 * The prefix rule (spec/wire.md §6.4): a status keeps code and details and gets `<prefix>: ` in front of its text; any
 * other failure (given as its text) becomes CANCELED `<prefix>: <text>`.
 */
export function prefixed(prefix: string, failure: RpcStatus | string): RpcStatus {
  if (typeof failure === 'string') return status(StatusCode.Canceled, `${prefix}: ${failure}`);
  return { ...failure, message: `${prefix}: ${failure.message}` };
}

/** The text Go prints for a status error: `rpc error: code = <Name> desc = <text>`. */
export function statusText(failure: RpcStatus): string {
  return `rpc error: code = ${statusName(failure.code)} desc = ${failure.message}`;
}
