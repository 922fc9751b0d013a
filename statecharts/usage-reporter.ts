/**
 * Tells GitLab from time to time what was used, and once more at the end (`spec/kas.md §4.9`, `spec/gitlab.md §7`). The
 * counts belong to the actor, which takes away what GitLab took and nothing else.
 *
 * U1. One report at a time, so that nothing is told twice: a stop that comes during one waits for it.
 * U2. Counts that could not be told stay and go with the next report.
 * U3. At the end five seconds are given to a report that is under way, and five to the last one, whatever GitLab does.
 */
import { assign, fromPromise, setup, stateIn } from 'xstate';

type Input = { readonly periodMs: number };
type Context = Input & {
  readonly reports: number;
  /** Failed in a row. */
  readonly failures: number;
};
type Event = { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string };

export type UsageVerdict =
  | { readonly kind: 'told' }
  /** Nothing had been used. */
  | { readonly kind: 'nothing' }
  | { readonly kind: 'failed'; readonly reason: string };

export const usageReporterDelays = {
  /** Part of the period by which it is shortened or prolonged, so that many kas do not report at once. */
  jitter: 0.1,
  endMs: 5_000,
} as const;

const notProvided = async (): Promise<never> => {
  throw new Error('usageReporter: report is not provided');
};

export const usageReporterMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actors: { report: fromPromise<UsageVerdict>(notProvided) },
  actions: {
    note: assign(({ context }, { verdict }: { verdict: UsageVerdict }) =>
      verdict.kind === 'failed'
        ? { failures: context.failures + 1 }
        : { failures: 0, reports: context.reports + (verdict.kind === 'told' ? 1 : 0) },
    ),
    /** An empty reason is no trouble. */
    reportTrouble: (_, _params: { reason: string; failures: number }) => {},
  },
  guards: {
    failed: (_, { verdict }: { verdict: UsageVerdict }) => verdict.kind === 'failed',
    stopping: stateIn({ reporting: 'stopping' }),
  },
  delays: {
    // The actor provides it with jitter.
    period: ({ context }) => context.periodMs,
    endLimit: usageReporterDelays.endMs,
  },
}).createMachine({
  id: 'usageReporter',
  description: 'Tells GitLab what was used, from time to time and once more at the end.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, reports: 0, failures: 0 }),
  initial: 'collecting',
  output: ({ event }) => event.output as Output,
  states: {
    collecting: { tags: ['healthy'], after: { period: 'reporting' }, on: { 'stop.requested': 'flushing' } },
    reporting: {
      invoke: {
        id: 'report',
        src: 'report',
        onDone: [
          { guard: 'stopping', target: 'flushing', actions: { type: 'note', params: verdict } },
          {
            guard: { type: 'failed', params: verdict },
            target: 'collecting', // U2
            actions: [
              { type: 'note', params: verdict },
              { type: 'reportTrouble', params: trouble },
            ],
          },
          { target: 'collecting', actions: { type: 'note', params: verdict } },
        ],
        onError: { target: 'failed', actions: { type: 'reportTrouble', params: crash } },
      },
      initial: 'going',
      states: {
        going: { tags: ['healthy'], on: { 'stop.requested': 'stopping' } },
        stopping: {
          description: 'A stop came in the middle of a report (U1).',
          tags: ['transient'],
          after: { endLimit: '#usageReporter.stopped' }, // U3
        },
      },
      on: { 'stop.requested': {} },
    },
    flushing: {
      description: 'The last report.',
      tags: ['transient'],
      invoke: {
        id: 'flush',
        src: 'report',
        onDone: { target: 'stopped', actions: { type: 'reportTrouble', params: trouble } },
        onError: { target: 'failed', actions: { type: 'reportTrouble', params: crash } },
      },
      after: { endLimit: 'stopped' }, // U3
      on: { 'stop.requested': {} },
    },
    stopped: { type: 'final', output: { kind: 'stopped' } },
    failed: { type: 'final', output: ({ event }) => ({ kind: 'failed', reason: crash({ event }).reason }) },
  },
});

function verdict({ event }: { event: { output: UsageVerdict } }) {
  return { verdict: event.output };
}

function trouble({ context, event }: { context: Context; event: { output: UsageVerdict } }) {
  return { reason: event.output.kind === 'failed' ? event.output.reason : '', failures: context.failures };
}

function crash({ event }: { event: object }) {
  const error = 'error' in event ? event.error : undefined;
  return { reason: error instanceof Error ? error.message : String(error), failures: 1 };
}
