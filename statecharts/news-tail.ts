/**
 * Following the news of a kas from a terminal: one stream of events, opened again when it ends, from where it was left.
 *
 * T1. A kas that was never reached is said at once: the address or the token is wrong more often than the network. One that was
 *     reached before is tried again until the person has seen enough.
 * T2. What kas refuses for good (a token, an unknown agent) is not tried again.
 */
import { assign, fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

/** How a stream ended. */
export type StreamEnd =
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

type Input = { readonly tailId: string };
type Context = Input & { readonly attempt: number; readonly reached: boolean; readonly reason: string };
type Event =
  /** kas answered, and its news follow. */
  { readonly type: 'stream.opened' } | { readonly type: 'stop.requested' };
type Output =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'unreachable' | 'refused'; readonly reason: string };

export const newsTailDelays = { backoffInitMs: 500, backoffMaxMs: 15_000 } as const;

export const newsTailMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as Tone,
  },
  actors: {
    follow: fromPromise<StreamEnd, Input>(async () => {
      throw new Error('newsTail: follow is not provided');
    }),
  },
  actions: {
    tellLost: (_, _params: { reason: string }) => {},
    tellBack: () => {},
    noteReached: assign({ reached: true, attempt: 0 }),
    keepReason: assign((_, { reason }: { reason: string }) => ({ reason })),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
  },
  guards: {
    isRefused: (_, { end }: { end: StreamEnd }) => end.kind === 'refused',
    neverReached: ({ context }) => !context.reached,
    wasLost: ({ context }) => context.reached,
  },
  delays: {
    // The actor adds jitter.
    backoff: ({ context }) => {
      const { backoffInitMs, backoffMaxMs } = newsTailDelays;
      return Math.min(backoffInitMs * 2 ** Math.min(Math.max(context.attempt - 1, 0), 6), backoffMaxMs);
    },
  },
}).createMachine({
  id: 'newsTail',
  description: 'A terminal that follows the news of a kas: opened again where it was left.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, attempt: 0, reached: false, reason: '' }),
  initial: 'tailing',
  output: ({ event }) => event.output as Output,
  on: { 'stop.requested': '.stopped' },
  states: {
    tailing: {
      initial: 'opening',
      invoke: {
        id: 'follow',
        src: 'follow',
        input: ({ context: { tailId } }) => ({ tailId }),
        onDone: [
          {
            guard: { type: 'isRefused', params: ended },
            target: 'refused',
            actions: { type: 'keepReason', params: endReason },
          },
          {
            guard: 'neverReached',
            target: 'unreachable',
            actions: { type: 'keepReason', params: endReason },
          },
          {
            target: 'backingOff',
            actions: ['countAttempt', { type: 'tellLost', params: endReason }],
          },
        ],
        onError: [
          {
            guard: 'neverReached',
            target: 'unreachable',
            actions: { type: 'keepReason', params: crashReason },
          },
          {
            target: 'backingOff',
            actions: ['countAttempt', { type: 'tellLost', params: crashReason }],
          },
        ],
      },
      states: {
        opening: {
          tags: ['transient'],
          on: {
            'stream.opened': [
              { guard: 'wasLost', target: 'following', actions: ['noteReached', 'tellBack'] },
              { target: 'following', actions: 'noteReached' },
            ],
          },
        },
        following: { tags: ['healthy'] },
      },
    },
    backingOff: {
      tags: ['down'],
      after: { backoff: 'tailing' },
    },
    unreachable: {
      type: 'final',
      output: ({ context }): Output => ({ kind: 'unreachable', reason: context.reason }),
    },
    refused: {
      type: 'final',
      output: ({ context }): Output => ({ kind: 'refused', reason: context.reason }),
    },
    stopped: { type: 'final', output: (): Output => ({ kind: 'stopped' }) },
  },
});

function ended({ event }: { event: { output: StreamEnd } }) {
  return { end: event.output };
}

function endReason({ event }: { event: { output: StreamEnd } }) {
  return { reason: event.output.reason };
}

function crashReason({ event }: { event: { error: unknown } }) {
  const { error } = event;
  return { reason: error instanceof Error ? error.message : String(error) };
}
