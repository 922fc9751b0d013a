/**
 * The life of the agent process. The composition root starts one actor of it and does what its states say: bring the tree
 * up, serve, drain, leave. `ready` does not mean connected: an agent without kas waits and is healthy.
 *
 * A1. A drain has a deadline below Kubernetes' grace period, so a watch that never ends cannot hold the pod until SIGKILL
 *     (`spec/agentk.md §11` no. 5); a second stop request ends it at once.
 * A2. A wish to restart (`restart.requested`) drains like a stop, and ends as a failure so that the exit code says so.
 */
import { assign, fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

type Input = { readonly drainMsMax: number };
type Context = Input & { readonly failure: string | undefined };
type Event =
  | { readonly type: 'stop.requested' }
  | { readonly type: 'restart.requested'; readonly reason: string }
  | { readonly type: 'tree.failed'; readonly reason: string };
type Output = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string };

const notProvided = (name: string) => async (): Promise<void> => {
  throw new Error(`agentk: ${name} is not provided`);
};

export const agentkMachine = setup({
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
    keepFailure: assign(({ context }, params: { reason: string }) => ({
      failure: context.failure ?? params.reason,
    })),
  },
  delays: { drainDeadline: ({ context }) => context.drainMsMax },
}).createMachine({
  id: 'agentk',
  description: 'The life of the agent process: bring the tree up, serve, drain, leave.',
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
        onError: { target: 'draining', actions: { type: 'keepFailure', params: crash } },
      },
      on: {
        'stop.requested': 'draining',
        'restart.requested': { target: 'draining', actions: { type: 'keepFailure', params: failure } },
        'tree.failed': { target: 'draining', actions: { type: 'keepFailure', params: failure } },
      },
    },
    ready: {
      tags: ['ready', 'healthy'],
      on: {
        'stop.requested': 'draining',
        'restart.requested': { target: 'draining', actions: { type: 'keepFailure', params: failure } },
        'tree.failed': { target: 'draining', actions: { type: 'keepFailure', params: failure } },
      },
    },
    draining: {
      tags: ['transient'],
      invoke: {
        id: 'drainTree',
        src: 'drainTree',
        onDone: 'stopped',
        onError: { target: 'killing', actions: { type: 'keepFailure', params: crash } },
      },
      after: { drainDeadline: 'killing' },
      on: { 'stop.requested': 'killing' },
    },
    killing: {
      tags: ['degraded'],
      invoke: { id: 'killTree', src: 'killTree', onDone: 'stopped', onError: 'stopped' },
      on: { 'stop.requested': {} },
    },
    stopped: { type: 'final' },
  },
});

function failure({ event }: { event: { readonly reason: string } }) {
  return { reason: event.reason };
}

function crash({ event }: { event: { readonly error: unknown } }) {
  return { reason: event.error instanceof Error ? event.error.message : String(event.error) };
}
