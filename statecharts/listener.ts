/**
 * The life of one listening socket of kas: open, serve, keep serving for a grace while balancers turn away, finish what
 * runs, close (`spec/kas.md §1.4`). The socket belongs to the actor in every state; the chart sees only facts about it.
 *
 * L1. `listening` is the only state that is ready.
 * L2. Work in flight has a deadline; after it the connections are cut.
 */
import { assign, fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

type Input = {
  readonly name: string;
  readonly listenGraceMs: number;
  readonly shutdownGraceMs: number;
};
type Context = Input & { readonly failure: string | undefined };
type Event =
  | { readonly type: 'stop.requested' }
  | { readonly type: 'socket.failed'; readonly reason: string };
type Output = { readonly kind: 'closed' } | { readonly kind: 'failed'; readonly reason: string };
type Named = { readonly name: string };

const notProvided = (name: string) => async (): Promise<void> => {
  throw new Error(`listener: ${name} is not provided`);
};

export const listenerMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'ready' | Tone,
  },
  actors: {
    open: fromPromise<void, Named>(notProvided('open')),
    drain: fromPromise<void, Named>(notProvided('drain')),
    cut: fromPromise<void, Named>(notProvided('cut')),
  },
  actions: {
    keepFailure: assign((_, params: { reason: string }) => ({ failure: params.reason })),
    announceDrain: (_, _params: Named) => {},
  },
  delays: {
    listenGrace: ({ context }) => context.listenGraceMs,
    shutdownGrace: ({ context }) => context.shutdownGraceMs,
  },
}).createMachine({
  id: 'listener',
  description: 'One listening socket of kas, from bind to the last connection.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, failure: undefined }),
  initial: 'opening',
  output: ({ context }) =>
    context.failure === undefined ? { kind: 'closed' } : { kind: 'failed', reason: context.failure },
  states: {
    opening: {
      tags: ['transient'],
      invoke: {
        id: 'open',
        src: 'open',
        input: named,
        onDone: 'listening',
        onError: {
          target: 'closed',
          actions: { type: 'keepFailure', params: ({ event }) => ({ reason: reasonOf(event.error) }) },
        },
      },
      on: { 'stop.requested': 'cutting' },
    },
    listening: {
      tags: ['ready', 'healthy'],
      on: {
        'stop.requested': 'lingering',
        'socket.failed': {
          target: 'cutting',
          actions: { type: 'keepFailure', params: ({ event }) => ({ reason: event.reason }) },
        },
      },
    },
    lingering: {
      description: 'Still accepting, so that balancers which have not noticed yet lose nothing.',
      tags: ['transient'],
      after: { listenGrace: 'draining' },
      on: { 'stop.requested': 'draining' },
    },
    draining: {
      tags: ['transient'],
      entry: { type: 'announceDrain', params: named },
      invoke: {
        id: 'drain',
        src: 'drain',
        input: named,
        onDone: 'closed',
        onError: 'cutting',
      },
      after: { shutdownGrace: 'cutting' },
      on: { 'stop.requested': 'cutting' },
    },
    cutting: {
      tags: ['degraded'],
      invoke: {
        id: 'cut',
        src: 'cut',
        input: named,
        onDone: 'closed',
        onError: 'closed',
      },
      on: { 'stop.requested': {} },
    },
    closed: { type: 'final' },
  },
});

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function named({ context }: { context: Context }) {
  return { name: context.name };
}
