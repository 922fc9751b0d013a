/**
 * How readers give up: deep inside a delta chain there is one way out, and the boundary of each adapter's operation turns
 * it into the failure the port promises. Nothing of it leaves `src/git`.
 */
import type { GitFailure } from '../../ports/index.ts';

export class RepositoryFault extends Error {
  readonly failure: GitFailure;
  constructor(kind: GitFailure['kind'], reason: string) {
    super(reason);
    this.name = 'RepositoryFault';
    this.failure = { kind, reason };
  }
}

export function corrupt(what: string): RepositoryFault {
  return new RepositoryFault('invalid', `corrupt repository: ${what}`);
}

/** The code of a file system error, e.g. `ENOENT`; undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The file or folder is not there, or something else is in its place. */
export function isAbsent(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR';
}
