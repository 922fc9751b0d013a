/**
 * The life of the pool of worker threads that reads manifests. The threads are the library's; the pool's owner is told how many
 * tasks wait, and the chart says whether more are taken.
 *
 * W1. A task that kills its worker is an event, not an end: the pool goes on.
 * W2. A pool that cannot start a worker at all ends as failed, and its supervisor tries again.
 */
import { assign, fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

type Context = { readonly failure: string | undefined };
type Event =
  | { readonly type: 'queue.filled' }
  | { readonly type: 'queue.eased' }
  | { readonly type: 'worker.lost'; readonly reason: string }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string };

const notProvided = (name: string) => async (): Promise<void> => {
  throw new Error(`workerPool: ${name} is not provided`);
};

export const workerPoolDelays = {
  /** A first worker has to have answered by then. */
  startMs: 60_000,
  stopMs: 5_000,
} as const;

export const workerPoolMachine = setup({
  types: { context: {} as Context, events: {} as Event, output: {} as Output, tags: {} as 'ready' | Tone },
  actors: { open: fromPromise<void>(notProvided('open')), close: fromPromise<void>(notProvided('close')) },
  actions: {
    keepFailure: assign((_, { reason }: { reason: string }) => ({ failure: reason })),
    reportLoss: (_, _params: { reason: string }) => {},
  },
  delays: { startDeadline: workerPoolDelays.startMs, stopDeadline: workerPoolDelays.stopMs },
}).createMachine({
  id: 'workerPool',
  description: 'The pool of worker threads that reads manifests.',
  options: { maxIterations: 100 },
  context: { failure: undefined },
  initial: 'starting',
  output: ({ context }) =>
    context.failure === undefined ? { kind: 'stopped' } : { kind: 'failed', reason: context.failure },
  on: {
    'worker.lost': {
      actions: { type: 'reportLoss', params: ({ event }) => ({ reason: event.reason }) },
    },
  },
  states: {
    starting: {
      tags: ['transient'],
      invoke: {
        id: 'open',
        src: 'open',
        onDone: 'accepting',
        onError: {
          target: 'stopping',
          actions: { type: 'keepFailure', params: ({ event }) => ({ reason: reasonOf(event.error) }) },
        },
      },
      after: {
        startDeadline: {
          target: 'stopping',
          actions: { type: 'keepFailure', params: { reason: 'no worker thread answered in time' } },
        },
      },
      on: { 'stop.requested': 'stopping' },
    },
    accepting: {
      tags: ['ready', 'healthy'],
      on: { 'queue.filled': 'saturated', 'stop.requested': 'stopping' },
    },
    saturated: {
      description: 'As many tasks wait as may; new ones are refused as busy until half of them are done.',
      tags: ['ready', 'degraded'],
      on: { 'queue.eased': 'accepting', 'stop.requested': 'stopping' },
    },
    stopping: {
      tags: ['transient'],
      invoke: { id: 'close', src: 'close', onDone: 'stopped', onError: 'stopped' },
      after: { stopDeadline: 'stopped' },
      on: { 'stop.requested': {} },
    },
    stopped: { type: 'final' },
  },
});

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
