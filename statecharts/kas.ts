/**
 * The life of the server process. The composition root starts one actor of it and does what its states say: bring the
 * tree up, serve, drain, leave. A failure to start and a failure while serving end in the same way, with the reason kept.
 *
 * K1. Nothing listens before `starting` began, and readiness is answered only in `ready`.
 * K2. A drain has a deadline; a second stop request ends it at once, and what that does has a deadline too, so an
 *     operator never needs SIGKILL (the original swallows it, `spec/kas.md §1.4`).
 */
import { assign, fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

type Input = { readonly drainMsMax: number };
type Context = Input & { readonly failure: string | undefined };
type Event =
  | { readonly type: 'stop.requested'; readonly reason: string }
  | { readonly type: 'tree.failed'; readonly reason: string };
type Output = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string };

const notProvided = (name: string) => async (): Promise<void> => {
  throw new Error(`kas: ${name} is not provided`);
};

export const kasDelays = { killMs: 5_000 } as const;

export const kasMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'ready' | Tone,
  },
  actors: {
    startTree: fromPromise<void, void>(notProvided('startTree')),
    drainTree: fromPromise<void, void>(notProvided('drainTree')),
    killTree: fromPromise<void, void>(notProvided('killTree')),
  },
  actions: {
    keepFailure: assign((_, params: { reason: string }) => ({ failure: params.reason })),
  },
  delays: { drainDeadline: ({ context }) => context.drainMsMax, killDeadline: kasDelays.killMs },
}).createMachine({
  id: 'kas',
  description: 'The life of the kas process: bring the tree up, serve, drain, leave.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, failure: undefined }),
  initial: 'starting',
  output: ({ context }) =>
    context.failure === undefined ? { kind: 'stopped' } : { kind: 'failed', reason: context.failure },
  states: {
    starting: {
      tags: ['transient'],
      invoke: {
        id: 'startTree',
        src: 'startTree',
        onDone: 'ready',
        onError: {
          target: 'stopped',
          actions: { type: 'keepFailure', params: ({ event }) => ({ reason: reasonOf(event.error) }) },
        },
      },
      on: { 'stop.requested': 'draining' },
    },
    ready: {
      tags: ['ready', 'healthy'],
      on: {
        'stop.requested': 'draining',
        'tree.failed': {
          target: 'draining',
          actions: { type: 'keepFailure', params: ({ event }) => ({ reason: event.reason }) },
        },
      },
    },
    draining: {
      tags: ['transient'],
      invoke: {
        id: 'drainTree',
        src: 'drainTree',
        onDone: 'stopped',
        onError: {
          target: 'stopped',
          actions: { type: 'keepFailure', params: ({ event }) => ({ reason: reasonOf(event.error) }) },
        },
      },
      after: { drainDeadline: 'killing' },
      on: { 'stop.requested': 'killing' },
    },
    killing: {
      tags: ['degraded'],
      invoke: { id: 'killTree', src: 'killTree', onDone: 'stopped', onError: 'stopped' },
      after: { killDeadline: 'stopped' },
      on: { 'stop.requested': {} },
    },
    stopped: { type: 'final' },
  },
});

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
