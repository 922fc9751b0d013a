/**
 * One agent's stream of pushes for its Flux (`ReconcileProjects`, `spec/wire.md §10`): a push to a project of the stream is
 * noticed, the agent's access to the project is checked, the agent is told. One actor per stream; the stream itself belongs
 * to the actor.
 *
 * F1. Nothing is told of a project whose access was not granted, and a question that failed is not a grant.
 * F2. At most `queueMax` pushes wait; more are dropped and counted, for polling is what Flux relies on. A project that
 *     waits already is not queued again: one reconciliation serves both pushes.
 * F3. A reader that does not read is not written to: `held` until the stream drains.
 * F4. Connection age and a stopping kas end the stream with OK: the agent opens it again elsewhere.
 */
import { assign, fromPromise, setup } from 'xstate';

export type FluxPush = { readonly projectId: bigint; readonly projectPath: string };
export type FluxTold =
  | { readonly kind: 'told' }
  /** Told, and the stream asks to wait. */
  | { readonly kind: 'full' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'unavailable'; readonly reason: string };
type FluxEnding = { readonly code: number; readonly message: string };

type Input = { readonly streamId: string; readonly queueMax: number };
type Context = Input & { readonly queue: readonly FluxPush[]; readonly ending: FluxEnding };
type Event =
  | { readonly type: 'push.noticed'; readonly push: FluxPush }
  | { readonly type: 'stream.drained' }
  | { readonly type: 'call.closed'; readonly reason: string }
  | { readonly type: 'age.expired' }
  | { readonly type: 'session.refused'; readonly code: number; readonly message: string }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'ended'; readonly ending: FluxEnding };
type Step = { readonly streamId: string; readonly push: FluxPush | undefined };
type Named = { readonly streamId: string };

const noticed = [
  { guard: { type: 'waitsAlready', params: pushOf } },
  { guard: 'hasRoom', actions: { type: 'enqueue', params: pushOf } },
  { actions: { type: 'drop', params: named } },
] as const;

export const fluxStreamMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actors: {
    verifyAndTell: fromPromise<FluxTold, Step>(async () => {
      throw new Error('fluxStream: verifyAndTell is not provided');
    }),
  },
  actions: {
    enqueue: assign(({ context }, { push }: { push: FluxPush }) => ({ queue: [...context.queue, push] })),
    dequeue: assign(({ context }) => ({ queue: context.queue.slice(1) })),
    keepEnding: assign((_, ending: FluxEnding) => ({ ending })),
    drop: (_, _params: Named) => {},
    report: (_, _params: Named & { reason: string }) => {},
  },
  guards: {
    waitsAlready: ({ context }, { push }: { push: FluxPush }) =>
      context.queue.slice(1).some(({ projectPath }) => projectPath === push.projectPath),
    hasRoom: ({ context }) => context.queue.length < context.queueMax,
    isWaiting: ({ context }) => context.queue.length > 0,
    isFull: (_, { told }: { told: FluxTold }) => told.kind === 'full',
    isUnavailable: (_, { told }: { told: FluxTold }) => told.kind === 'unavailable',
  },
}).createMachine({
  id: 'fluxStream',
  description: "One agent's stream of pushes to the projects its Flux reads.",
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, queue: [], ending: { code: 0, message: '' } }),
  initial: 'listening',
  output: ({ context }) => ({ kind: 'ended', ending: context.ending }),
  on: {
    'call.closed': '.ended',
    'age.expired': '.ended',
    'session.refused': {
      target: '.ended',
      actions: {
        type: 'keepEnding',
        params: ({ event: { code, message } }) => ({ code, message }),
      },
    },
    'stop.requested': '.ended',
  },
  states: {
    listening: {
      tags: ['healthy'],
      always: { guard: 'isWaiting', target: 'telling' },
      on: { 'push.noticed': { actions: { type: 'enqueue', params: pushOf } } },
    },
    telling: {
      description: 'The first of the queue is checked and told.',
      tags: ['healthy'],
      invoke: {
        id: 'verifyAndTell',
        src: 'verifyAndTell',
        input: ({ context }) => ({ streamId: context.streamId, push: context.queue[0] }),
        onDone: [
          { guard: { type: 'isFull', params: toldOf }, target: 'held', actions: 'dequeue' },
          {
            guard: { type: 'isUnavailable', params: toldOf },
            target: 'listening',
            actions: ['dequeue', { type: 'report', params: failure }],
          },
          { target: 'listening', actions: 'dequeue' },
        ],
        onError: { target: 'listening', actions: ['dequeue', { type: 'report', params: crash }] },
      },
      on: { 'push.noticed': noticed },
    },
    held: {
      description: 'The agent does not read; pushes wait in the queue.',
      tags: ['degraded'],
      on: { 'stream.drained': 'listening', 'push.noticed': noticed },
    },
    ended: { type: 'final' },
  },
});

function named({ context }: { context: Context }): Named {
  return { streamId: context.streamId };
}

function pushOf({ event }: { event: { push: FluxPush } }) {
  return { push: event.push };
}

function toldOf({ event }: { event: { output: FluxTold } }) {
  return { told: event.output };
}

function failure({ context, event }: { context: Context; event: { output: FluxTold } }) {
  return {
    streamId: context.streamId,
    reason: event.output.kind === 'unavailable' ? event.output.reason : '',
  };
}

function crash({ context, event }: { context: Context; event: { error: unknown } }) {
  return {
    streamId: context.streamId,
    reason: event.error instanceof Error ? event.error.message : String(event.error),
  };
}
