/**
 * What one kas does for its own entries in the shared store besides writing them once: takes away what has expired
 * (`spec/kas.md §4.7`), and writes its entries again when the store has lost them or could not take them.
 *
 * U1. One thing at a time, each with a deadline. A failure is not repeated at once: the next period or the next sign of
 *     missing entries comes.
 * U2. After entries were written again signs of missing ones count for nothing for a while, so that a store that loses
 *     everything at once is not written to without end.
 */
import { fromPromise, setup } from 'xstate';

type Input = { readonly sweepPeriodMs: number };
type Context = Input;
type Event = { readonly type: 'entries.missing' } | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };

export const storeUpkeepDelays = {
  sweepMs: 120_000,
  restoreMs: 120_000,
  calmMs: 10_000,
} as const;

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`storeUpkeep: ${name} is not provided`);
};

export const storeUpkeepMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actors: {
    sweep: fromPromise<void>(notProvided('sweep')),
    restore: fromPromise<void>(notProvided('restore')),
  },
  delays: {
    sweepPeriod: ({ context }) => context.sweepPeriodMs,
    sweepDeadline: storeUpkeepDelays.sweepMs,
    restoreDeadline: storeUpkeepDelays.restoreMs,
    calm: storeUpkeepDelays.calmMs,
  },
}).createMachine({
  id: 'storeUpkeep',
  description: "Care for one kas's own entries in the shared store: expired ones go, lost ones come back.",
  options: { maxIterations: 100 },
  context: ({ input }) => input,
  initial: 'resting',
  output: { kind: 'stopped' },
  on: { 'stop.requested': '.stopped' },
  states: {
    resting: {
      tags: ['healthy'],
      after: { sweepPeriod: 'sweeping' },
      on: { 'entries.missing': 'restoring' },
    },
    sweeping: {
      tags: ['healthy'],
      invoke: { id: 'sweep', src: 'sweep', onDone: 'resting', onError: 'resting' },
      after: { sweepDeadline: 'resting' },
    },
    restoring: {
      tags: ['degraded'],
      invoke: { id: 'restore', src: 'restore', onDone: 'calm', onError: 'calm' },
      after: { restoreDeadline: 'calm' },
    },
    calm: { description: 'U2', tags: ['healthy'], after: { calm: 'resting' } },
    stopped: { type: 'final' },
  },
});
