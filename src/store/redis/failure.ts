/** Why the shared store could not do what it was asked. The message is safe to show: bounded, and without secrets. */
export type FailureKind =
  /** No connection is ready. */
  | 'offline'
  /** No answer in time. */
  | 'late'
  /** Too much waits already. */
  | 'busy'
  /** Redis answered with an error. */
  | 'refused'
  /** Others kept writing to the same entries. */
  | 'conflict';

export class StoreFailure extends Error {
  override readonly name = 'StoreFailure';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** Text of a peer for people: one line of bounded length without control characters. */
export function plainText(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').slice(0, 300);
}
