/**
 * How replicas of one agent agree who of them does what only one may do (`spec/agentk.md §3.3`): whoever holds the Lease
 * leads, and renews it. Numbers are those of the original, so that its replicas and ours elect together.
 *
 * E1. Who leads stops leading ten seconds after the start of its last successful renewal, whatever it is doing; others take
 *     the Lease over fifteen seconds after they saw that renewal at the earliest. Clocks are never compared, only how fast
 *     they run.
 * E2. After a loss nothing is tried before everything that ran as leader has stopped.
 * E3. A planned stop gives the Lease back, after everything that ran as leader has stopped (the tree sees to that).
 */
import { assign, fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

export type LeaseAttempt =
  /** Ours; `tookMs` since the start of the attempt. */
  | { readonly kind: 'held'; readonly tookMs: number }
  /** Somebody else's, for now. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'failed' };

type Input = { readonly identity: string };
type Context = Input & { readonly agentId: string; readonly tookMs: number };
type Event =
  | { readonly type: 'agent.identified'; readonly agentId: string }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };
type Bid = { readonly agentId: string; readonly identity: string };

export const leaderElectionDelays = {
  /** What the Lease says; others wait this long after the last renewal they saw. */
  leaseMs: 15_000,
  renewMs: 10_000,
  retryMs: 2_000,
  /** Waits of candidates are up to this much longer than `retryMs`. */
  retryJitter: 1.2,
  afterLossMs: 1,
  /** Leaders' work gets this to stop after a loss. */
  yieldMs: 30_000,
  releaseMs: 5_000,
} as const;

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`leaderElection: ${name} is not provided`);
};

export const leaderElectionMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'leading' | Tone,
  },
  actors: {
    bid: fromPromise<LeaseAttempt, Bid>(notProvided('bid')),
    /** Resolves when nothing runs as leader any more. */
    yield: fromPromise<void>(notProvided('yield')),
    release: fromPromise<void, Bid>(notProvided('release')),
  },
  actions: {
    keepAgent: assign((_, params: { agentId: string }) => ({ agentId: params.agentId })),
    noteHeld: assign((_, { attempt }: { attempt: LeaseAttempt }) => ({
      tookMs: attempt.kind === 'held' ? attempt.tookMs : 0,
    })),
    /** Answers with `agent.identified` when the agent is known already. */
    askWho: () => {},
    startLeading: (_, _params: Bid) => {},
    stopLeading: (_, _params: Bid) => {},
    reportHang: () => {},
  },
  guards: {
    held: (_, { attempt }: { attempt: LeaseAttempt }) => attempt.kind === 'held',
  },
  delays: {
    retry: leaderElectionDelays.retryMs,
    // The actor provides it with jitter.
    candidateRetry: leaderElectionDelays.retryMs,
    // What is left of `renewMs` when the rest after a renewal is over (E1).
    overdue: ({ context }) =>
      Math.max(leaderElectionDelays.renewMs - leaderElectionDelays.retryMs - context.tookMs, 0),
    afterLoss: leaderElectionDelays.afterLossMs,
    yieldDeadline: leaderElectionDelays.yieldMs,
    releaseDeadline: leaderElectionDelays.releaseMs,
  },
}).createMachine({
  id: 'leaderElection',
  description: 'Which replica of an agent does what only one may do.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, agentId: '', tookMs: 0 }),
  initial: 'unidentified',
  output: { kind: 'stopped' },
  states: {
    /** The Lease is named after the agent, whose id comes with its first configuration. */
    unidentified: {
      tags: ['transient'],
      entry: 'askWho',
      on: {
        'agent.identified': {
          target: 'bidding',
          actions: { type: 'keepAgent', params: ({ event }) => ({ agentId: event.agentId }) },
        },
        'stop.requested': 'stopped',
      },
    },
    bidding: {
      tags: ['transient'],
      invoke: {
        id: 'bid',
        src: 'bid',
        input: bid,
        onDone: [
          {
            guard: { type: 'held', params: attempt },
            target: 'leading',
            actions: { type: 'noteHeld', params: attempt },
          },
          { target: 'candidate' },
        ],
        onError: 'candidate',
      },
      on: { 'stop.requested': 'stopped' },
    },
    candidate: {
      tags: ['healthy'],
      after: { candidateRetry: 'bidding' },
      on: { 'stop.requested': 'stopped' },
    },
    leading: {
      tags: ['leading'],
      entry: { type: 'startLeading', params: bid },
      exit: { type: 'stopLeading', params: bid },
      initial: 'holding',
      on: { 'stop.requested': 'releasing' },
      states: {
        holding: { tags: ['healthy'], after: { retry: 'due' } },
        due: {
          after: { overdue: '#leaderElection.lost' },
          initial: 'renewing',
          states: {
            renewing: {
              tags: ['healthy'],
              invoke: {
                id: 'renew',
                src: 'bid',
                input: bid,
                onDone: [
                  {
                    guard: { type: 'held', params: attempt },
                    target: '#leaderElection.leading.holding',
                    actions: { type: 'noteHeld', params: attempt },
                  },
                  { target: 'retrying' },
                ],
                onError: 'retrying',
              },
            },
            retrying: { tags: ['degraded'], after: { retry: 'renewing' } },
          },
        },
      },
    },
    /** Others may lead by now (E2). */
    lost: {
      tags: ['degraded'],
      invoke: { id: 'yield', src: 'yield', onDone: 'yielded', onError: 'yielded' },
      after: { yieldDeadline: { target: 'yielded', actions: 'reportHang' } },
      on: { 'stop.requested': 'stopped' },
    },
    yielded: { tags: ['transient'], after: { afterLoss: 'bidding' }, on: { 'stop.requested': 'stopped' } },
    releasing: {
      tags: ['transient'],
      invoke: { id: 'release', src: 'release', input: bid, onDone: 'stopped', onError: 'stopped' },
      after: { releaseDeadline: 'stopped' },
      on: { 'stop.requested': {} },
    },
    stopped: { type: 'final' },
  },
});

function bid({ context: { agentId, identity } }: { context: Context }): Bid {
  return { agentId, identity };
}

function attempt({ event }: { event: { output: LeaseAttempt } }) {
  return { attempt: event.output };
}
