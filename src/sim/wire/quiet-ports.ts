/** Logs and metrics of simulated programs: lines that tell of a bug are kept, numbers are not. */
import type { Log, LogFields, Metrics } from '../../ports/index.ts';

const nothing = { inc() {}, set() {}, observe() {} };

export const noMetrics: Metrics = {
  counter: () => nothing,
  gauge: () => nothing,
  histogram: () => nothing,
  observed() {},
};

/** What is logged as an error is a bug of the program: expected trouble is a warning at most. */
export function watchfulLog(note: (line: string) => void, onError: (line: string) => void): Log {
  const text = (message: string, fields: LogFields) =>
    `${message} ${Object.entries(fields)
      .map(([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`)
      .join(' ')}`;
  const of = (inherited: LogFields): Log => ({
    debug() {},
    info: (message) => note(message),
    warn: (message, fields) => note(text(message, { ...inherited, ...fields })),
    error: (message, fields) => onError(text(message, { ...inherited, ...fields })),
    child: (fields) => of({ ...inherited, ...fields }),
  });
  return of({});
}
