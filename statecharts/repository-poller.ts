/**
 * The life of one poller of one (project, ref), shared by every stream that wants its news, so that a thousand agents of
 * one repository cost one question per period (`spec/kas.md §4.2`). The question itself and the list of listeners belong to the
 * actor.
 *
 * P1. Missing is told, empty is told, but neither is ever read as "no manifests": what follows is the listener's business.
 * P2. A push noticed while the repository is being asked is not lost: it is asked again right after.
 * P3. A poller nobody wants any more ends at its next turn, not before: an agent comes back right after each delivery.
 */
import { assign, fromPromise, setup } from 'xstate';

/** What the repository answered. */
export type Polled =
  | { readonly kind: 'commit'; readonly commitId: string }
  /** It has no commit at all. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

type Input = { readonly pollerId: string; readonly pollMs: number };
type Context = Input & {
  readonly attempt: number;
  readonly pushed: boolean;
  readonly wanted: boolean;
};
type Event =
  | { readonly type: 'push.noticed' }
  | { readonly type: 'listeners.changed'; readonly count: number }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'ended' };
type Told = { readonly pollerId: string; readonly polled: Polled };

export const repositoryPollerDelays = { backoffInitMs: 10_000, backoffMaxMs: 300_000 } as const;

/** Doubling from ten seconds to five minutes, before jitter (`spec/kas.md §4.2`). */
export function repositoryPollerBackoffMs(attempt: number): number {
  const { backoffInitMs, backoffMaxMs } = repositoryPollerDelays;
  return Math.min(backoffInitMs * 2 ** Math.min(Math.max(attempt - 1, 0), 8), backoffMaxMs);
}

export const repositoryPollerMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actors: {
    poll: fromPromise<Polled, { readonly pollerId: string }>(async () => {
      throw new Error('repositoryPoller: poll is not provided');
    }),
  },
  actions: {
    tell: (_, _params: Told) => {},
    report: (_, _params: { pollerId: string; reason: string }) => {},
    notePush: assign({ pushed: true }),
    forgetPush: assign({ pushed: false }),
    countListeners: assign((_, { count }: { count: number }) => ({ wanted: count > 0 })),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    forgetAttempts: assign({ attempt: 0 }),
  },
  guards: {
    answered: (_, { polled }: { polled: Polled }) => polled.kind !== 'unavailable',
    pushed: ({ context }) => context.pushed,
    wanted: ({ context }) => context.wanted,
  },
  delays: {
    // The actor adds jitter to both.
    pollPeriod: ({ context }) => context.pollMs,
    backoff: ({ context }) => repositoryPollerBackoffMs(context.attempt),
  },
}).createMachine({
  id: 'repositoryPoller',
  description: 'One (project, ref), asked once per period for all streams that want its news.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, attempt: 0, pushed: false, wanted: true }),
  initial: 'polling',
  output: { kind: 'ended' },
  on: {
    'listeners.changed': {
      actions: { type: 'countListeners', params: ({ event }) => ({ count: event.count }) },
    },
    'stop.requested': '.ended',
  },
  states: {
    polling: {
      tags: ['healthy'],
      entry: 'forgetPush',
      on: { 'push.noticed': { actions: 'notePush' } },
      invoke: {
        id: 'poll',
        src: 'poll',
        input: ({ context }) => ({ pollerId: context.pollerId }),
        onDone: [
          {
            guard: { type: 'answered', params: ({ event }) => ({ polled: event.output }) },
            target: 'waiting',
            actions: ['forgetAttempts', { type: 'tell', params: told }],
          },
          {
            target: 'backingOff',
            actions: ['countAttempt', { type: 'tell', params: told }, { type: 'report', params: failure }],
          },
        ],
        onError: { target: 'backingOff', actions: ['countAttempt', { type: 'report', params: crash }] },
      },
    },
    waiting: {
      tags: ['healthy'],
      always: { guard: 'pushed', target: 'polling' },
      after: { pollPeriod: [{ guard: 'wanted', target: 'polling' }, { target: 'ended' }] },
      on: { 'push.noticed': 'polling' },
    },
    backingOff: {
      tags: ['degraded'],
      after: { backoff: [{ guard: 'wanted', target: 'polling' }, { target: 'ended' }] },
      on: { 'push.noticed': 'polling' },
    },
    ended: { type: 'final' },
  },
});

function told({ context, event }: { context: Context; event: { output: Polled } }): Told {
  return { pollerId: context.pollerId, polled: event.output };
}

function failure({ context, event }: { context: Context; event: { output: Polled } }) {
  return {
    pollerId: context.pollerId,
    reason: event.output.kind === 'unavailable' ? event.output.reason : '',
  };
}

function crash({ context, event }: { context: Context; event: { error: unknown } }) {
  const { error } = event;
  return { pollerId: context.pollerId, reason: error instanceof Error ? error.message : String(error) };
}
