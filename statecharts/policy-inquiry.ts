/**
 * agentk asks GitLab now and then whether it has scan policies for this agent (`spec/agentk.md §6.2`). Scanning is not
 * included; who has such a policy should be told so, also when `config.yaml` says nothing of it.
 *
 * P1. One question at a time, once an hour while answers come; failures wait with growing waits.
 */
import { assign, fromPromise, setup } from 'xstate';

export type InquiryOutcome =
  | { readonly kind: 'answered' }
  /** `atMs` is monotonic time. */
  | { readonly kind: 'failed'; readonly atMs: number };

type Input = { readonly inquiryId: string };
type Context = Input & { readonly failures: number; readonly failedAtMs: number };
type Event = { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };

export const policyInquiryDelays = {
  periodMs: 3_600_000,
  periodJitter: 0.2,
  backoffInitMs: 10_000,
  backoffFactor: 2,
  backoffMsMax: 300_000,
  backoffJitter: 1,
  backoffResetMs: 600_000,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function inquiryBackoffMs(failures: number): number {
  const { backoffInitMs, backoffFactor, backoffMsMax } = policyInquiryDelays;
  return Math.min(backoffInitMs * backoffFactor ** Math.min(Math.max(failures - 1, 0), 8), backoffMsMax);
}

const notProvided = async (): Promise<never> => {
  throw new Error('policyInquiry: ask is not provided');
};

export const policyInquiryMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actors: {
    /** Asks, and says to people what there is to say. */
    ask: fromPromise<InquiryOutcome>(notProvided),
  },
  actions: {
    countFailure: assign(({ context }, { outcome }: { outcome: InquiryOutcome }) =>
      outcome.kind === 'answered'
        ? {}
        : {
            failures:
              outcome.atMs - context.failedAtMs > policyInquiryDelays.backoffResetMs
                ? 1
                : context.failures + 1,
            failedAtMs: outcome.atMs,
          },
    ),
  },
  guards: { answered: (_, { outcome }: { outcome: InquiryOutcome }) => outcome.kind === 'answered' },
  delays: {
    // The actor provides both with jitter.
    period: policyInquiryDelays.periodMs,
    backoff: ({ context }) => inquiryBackoffMs(context.failures),
  },
}).createMachine({
  id: 'policyInquiry',
  description: 'agentk asks GitLab now and then for scan policies.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, failures: 0, failedAtMs: 0 }),
  initial: 'asking',
  output: { kind: 'stopped' },
  on: { 'stop.requested': '.stopped' },
  states: {
    asking: {
      tags: ['transient'],
      invoke: {
        id: 'ask',
        src: 'ask',
        onDone: [
          { guard: { type: 'answered', params: result }, target: 'resting' },
          { target: 'backingOff', actions: { type: 'countFailure', params: result } },
        ],
        onError: 'backingOff',
      },
    },
    resting: { tags: ['healthy'], after: { period: 'asking' } },
    backingOff: { tags: ['degraded'], after: { backoff: 'asking' } },
    stopped: { type: 'final' },
  },
});

function result({ event }: { event: { output: InquiryOutcome } }) {
  return { outcome: event.output };
}
