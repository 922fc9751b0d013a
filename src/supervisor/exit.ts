/**
 * How a life ended. `normal` is a verdict the actor reached itself, `shutdown` an end somebody asked for, `crashed` an
 * exception. Restart rules look at nothing else.
 */
export type Exit =
  | { readonly kind: 'normal'; readonly output: unknown }
  | { readonly kind: 'shutdown'; readonly reason: string }
  | { readonly kind: 'crashed'; readonly error: unknown };

/** True for the ends after which a `transient` child is started again. */
export function isAbnormal(exit: Exit): boolean {
  return exit.kind === 'crashed';
}

/** One line for reports and logs: the reason without stack or payload. */
export function exitReason(exit: Exit): string {
  switch (exit.kind) {
    case 'normal':
      return failureOf(exit.output) ?? 'ended normally';
    case 'shutdown':
      return exit.reason;
    case 'crashed':
      return errorText(exit.error);
  }
}

/** Charts that end by a failure they expected say so in their output: `{ kind: 'failed', reason }`. */
function failureOf(output: unknown): string | undefined {
  if (typeof output !== 'object' || output === null || !('kind' in output) || !('reason' in output))
    return undefined;
  return output.kind === 'failed' && typeof output.reason === 'string' ? output.reason : undefined;
}

/** The message of a thrown value, whatever was thrown. */
export function errorText(error: unknown): string {
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return typeof error === 'string' ? error : `threw a value of type ${typeof error}`;
}
