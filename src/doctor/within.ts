/** A wait with a deadline: the work hears an abort, and what it makes of that no longer matters. */
import type { Clock } from '../ports/index.ts';

export const late = Symbol('late');

/** What the work gives, or `late`. */
export function within<T>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | typeof late> {
  const given = new AbortController();
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => {
      resolve(late);
      given.abort();
    }, ms);
    work(given.signal)
      .then(resolve, reject)
      .finally(() => clock.clearTimeout(timer));
  });
}
