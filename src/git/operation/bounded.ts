/**
 * A question's deadline: it is answered when the work is done, the caller gives up, or its time has passed, whichever
 * comes first; the work is told by its signal and its late end is ignored.
 */
import type { Clock, GitFailure } from '../../ports/index.ts';

export interface Bounds {
  /** Without one only the caller's signal ends the work early. */
  readonly clock: Clock | undefined;
  readonly msMax: number;
  readonly signal: AbortSignal;
  /** What is said when the time has passed. */
  readonly late: string;
}

/** Runs the work within its bounds. What it throws is thrown on: only bugs should be. */
export function bounded<T>(
  { clock, msMax, signal, late }: Bounds,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | GitFailure> {
  if (signal.aborted) return Promise.resolve({ kind: 'unavailable', reason: 'cancelled' });
  const ended = new AbortController();
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      if (timer !== undefined) clock?.clearTimeout(timer);
      signal.removeEventListener('abort', cancel);
      settle();
      ended.abort();
    };
    const giveUp = (reason: string): void => finish(() => resolve({ kind: 'unavailable', reason }));
    const cancel = (): void => giveUp('cancelled');
    const timer = clock?.setTimeout(() => giveUp(late), msMax);
    signal.addEventListener('abort', cancel, { once: true });
    work(ended.signal).then(
      (answer) => finish(() => resolve(answer)),
      (error: unknown) => finish(() => reject(error instanceof Error ? error : new Error(String(error)))),
    );
  });
}
