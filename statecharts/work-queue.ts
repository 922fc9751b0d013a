/**
 * A worker that takes one key after the other and works on it (`spec/agentk.md §9.1`, work queue for controllers). The keys
 * and when each is due are the actor's queue; here is only whether it works, waits or rests.
 *
 * W1. One key at a time; a key that is added while it is worked on is worked on again.
 * W2. A key that failed waits, with growing waits and jitter, and holds up no other.
 */
import { assign, fromPromise, setup } from 'xstate';

export type WorkOutcome =
  /** Another key is due. */
  | { readonly kind: 'more' }
  /** The next key is due in this time. */
  | { readonly kind: 'later'; readonly waitMs: number }
  | { readonly kind: 'empty' };

type Input = { readonly queueId: string };
type Context = Input & { readonly waitMs: number };
type Event = { readonly type: 'work.added' } | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };

export const workQueueDelays = {
  /** Work on one key; what takes longer counts as failed. */
  workMs: 120_000,
  backoffInitMs: 250,
  backoffFactor: 2,
  backoffMsMax: 1_000_000,
  backoffJitter: 1,
} as const;

/** Wait after so many failures of one key in a row, without jitter. */
export function workBackoffMs(failures: number): number {
  const { backoffInitMs, backoffFactor, backoffMsMax } = workQueueDelays;
  return Math.min(backoffInitMs * backoffFactor ** Math.min(Math.max(failures - 1, 0), 20), backoffMsMax);
}

const notProvided = async (): Promise<never> => {
  throw new Error('workQueue: work is not provided');
};

export const workQueueMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actors: {
    /** Works on the first key that is due; says what comes then. */
    work: fromPromise<WorkOutcome>(notProvided),
  },
  actions: {
    keepWait: assign((_, { outcome }: { outcome: WorkOutcome }) => ({
      waitMs: outcome.kind === 'later' ? outcome.waitMs : 0,
    })),
    reportCrash: (_, _params: { reason: string }) => {},
  },
  guards: {
    more: (_, { outcome }: { outcome: WorkOutcome }) => outcome.kind === 'more',
    later: (_, { outcome }: { outcome: WorkOutcome }) => outcome.kind === 'later',
  },
  delays: { workDeadline: workQueueDelays.workMs, due: ({ context }) => context.waitMs },
}).createMachine({
  id: 'workQueue',
  description: 'A worker that takes one key after the other.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, waitMs: 0 }),
  initial: 'working',
  output: { kind: 'stopped' },
  on: { 'stop.requested': '.stopped' },
  states: {
    working: {
      tags: ['healthy'],
      invoke: {
        id: 'work',
        src: 'work',
        onDone: [
          { guard: { type: 'more', params: result }, target: 'working', reenter: true },
          {
            guard: { type: 'later', params: result },
            target: 'waiting',
            actions: { type: 'keepWait', params: result },
          },
          { target: 'resting' },
        ],
        onError: {
          target: 'working',
          reenter: true,
          actions: {
            type: 'reportCrash',
            params: ({ event }) => ({
              reason: event.error instanceof Error ? event.error.message : 'unknown',
            }),
          },
        },
      },
      after: {
        workDeadline: {
          target: 'working',
          reenter: true,
          actions: { type: 'reportCrash', params: { reason: 'no end in time' } },
        },
      },
    },
    waiting: { tags: ['healthy'], after: { due: 'working' }, on: { 'work.added': 'working' } },
    resting: { tags: ['healthy'], on: { 'work.added': 'working' } },
    stopped: { type: 'final' },
  },
});

function result({ event }: { event: { output: WorkOutcome } }) {
  return { outcome: event.output };
}
