/** Logs and metrics of simulated processes: errors are violations, everything else is silent. */
import type { Log, Metrics } from '../../ports/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';

/** What is logged as an error while nothing outside is broken beyond what the code must live with. */
export function judgedLog(process: SimulatedProcess): Log {
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (message, fields) => {
      if (!process.alive || expected.some((known) => message.startsWith(known))) return;
      const { error, reason } = fields ?? {};
      const why = error instanceof Error ? (error.stack ?? error.message) : String(reason ?? '');
      process.kernel.fail('no-unexpected-error', `${process.name}: ${message}: ${why}`);
    },
    child: () => log,
  };
  return log;
}

/** Errors for operators that the faults of a plan bring about. */
const expected: readonly string[] = [
  'Failed to authorize user',
  'Failed to look up',
  'kas refuses',
  'No manifests from kas',
  'apply', // of one object, as `prune` and `wait`
  'prune',
  'wait',
];

const nothing = { inc: () => {}, set: () => {}, observe: () => {} };

/** Nobody scrapes a simulation. */
export const noMetrics: Metrics = {
  counter: () => nothing,
  gauge: () => nothing,
  histogram: () => nothing,
  observed: () => {},
};

export const noExposition = () => Promise.resolve({ contentType: 'text/plain', body: '' });
