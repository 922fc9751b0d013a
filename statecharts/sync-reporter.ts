/**
 * agentk tells kas what becomes of its manifest projects (`SyncReports/Report`, docs/protocol.md). What there is to tell is in the actor's
 * book; here is only when it is told.
 *
 * R1. Changes are gathered for half a second, so that a run of thousands of objects is a few reports a second at most.
 * R2. On each new connection everything is news: the kas behind it may be another one.
 * R3. A kas that does not know the service is not asked again on this connection.
 * R4. What could not be told stays news.
 */
import { assign, fromCallback, fromPromise, setup } from 'xstate';

export type ReportOutcome =
  /** `more`: not all of it fitted into one message. */
  | { readonly kind: 'reported'; readonly more: boolean }
  | { readonly kind: 'unimplemented' }
  | { readonly kind: 'lost' }
  /** `atMs` is monotonic time. */
  | { readonly kind: 'failed'; readonly atMs: number };

type Input = { readonly reporterId: string };
type Context = Input & {
  readonly incarnation: number;
  /** Something changed while a report was on its way. */
  readonly changed: boolean;
  readonly failures: number;
  readonly failedAtMs: number;
};
type Event =
  | { readonly type: 'link.restored'; readonly incarnation: number }
  | { readonly type: 'state.changed' }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };
type Named = { readonly incarnation: number };

export const syncReporterDelays = {
  gatherMs: 500,
  backoffInitMs: 10_000,
  backoffFactor: 2,
  backoffMsMax: 300_000,
  backoffJitter: 1,
  backoffResetMs: 600_000,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function syncReporterBackoffMs(failures: number): number {
  const { backoffInitMs, backoffFactor, backoffMsMax } = syncReporterDelays;
  return Math.min(backoffInitMs * backoffFactor ** Math.min(Math.max(failures - 1, 0), 8), backoffMsMax);
}

const notProvided = async (): Promise<never> => {
  throw new Error('syncReporter: report is not provided');
};

export const syncReporterMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actors: {
    /** Sends `link.restored` for each connection that comes up. */
    link: fromCallback(() => undefined),
    report: fromPromise<ReportOutcome, Named>(notProvided),
  },
  actions: {
    takeIncarnation: assign((_, params: Named) => ({ incarnation: params.incarnation })),
    noteChange: assign({ changed: true }),
    forgetChange: assign({ changed: false }),
    forgiveFailures: assign({ failures: 0 }),
    countFailure: assign(({ context }, { outcome }: { outcome: ReportOutcome }) =>
      outcome.kind !== 'failed'
        ? {}
        : {
            failures:
              outcome.atMs - context.failedAtMs > syncReporterDelays.backoffResetMs
                ? 1
                : context.failures + 1,
            failedAtMs: outcome.atMs,
          },
    ),
    /** Answers with `link.restored` when the link is up now; later restorations come by themselves. */
    awaitLink: () => {},
    /** Everything is to be told again (R2). */
    markAll: () => {},
    reportCrash: (_, _params: { reason: string }) => {},
  },
  guards: {
    newer: ({ context }, params: Named) => params.incarnation > context.incarnation,
    reportedInPart: ({ context }, { outcome }: { outcome: ReportOutcome }) =>
      outcome.kind === 'reported' && (outcome.more || context.changed),
    reported: (_, { outcome }: { outcome: ReportOutcome }) => outcome.kind === 'reported',
    unimplemented: (_, { outcome }: { outcome: ReportOutcome }) => outcome.kind === 'unimplemented',
    lost: (_, { outcome }: { outcome: ReportOutcome }) => outcome.kind === 'lost',
  },
  delays: {
    gather: syncReporterDelays.gatherMs,
    // The actor provides it with jitter.
    backoff: ({ context }) => syncReporterBackoffMs(context.failures),
  },
}).createMachine({
  id: 'syncReporter',
  description: 'agentk tells kas what becomes of its manifest projects.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, incarnation: 0, changed: false, failures: 0, failedAtMs: 0 }),
  initial: 'waitingForLink',
  output: { kind: 'stopped' },
  invoke: { id: 'link', src: 'link', onError: '.stopped' },
  on: {
    'stop.requested': '.stopped',
    'link.restored': {
      guard: { type: 'newer', params: theirs },
      target: '.reporting',
      reenter: true,
      actions: [{ type: 'takeIncarnation', params: theirs }, 'markAll'],
    },
  },
  states: {
    waitingForLink: {
      tags: ['transient'],
      entry: 'awaitLink',
      on: {
        'link.restored': {
          target: 'reporting',
          actions: [{ type: 'takeIncarnation', params: theirs }, 'markAll'],
        },
      },
    },
    upToDate: { tags: ['healthy'], on: { 'state.changed': 'gathering' } },
    gathering: { tags: ['healthy'], after: { gather: 'reporting' } },
    reporting: {
      tags: ['healthy'],
      entry: 'forgetChange',
      on: { 'state.changed': { actions: 'noteChange' } },
      invoke: {
        id: 'report',
        src: 'report',
        input: ({ context }) => ({ incarnation: context.incarnation }),
        onDone: [
          {
            guard: { type: 'reportedInPart', params: result },
            target: 'gathering',
            actions: 'forgiveFailures',
          },
          { guard: { type: 'reported', params: result }, target: 'upToDate', actions: 'forgiveFailures' },
          { guard: { type: 'unimplemented', params: result }, target: 'unsupported' },
          { guard: { type: 'lost', params: result }, target: 'waitingForLink' },
          { target: 'backingOff', actions: { type: 'countFailure', params: result } },
        ],
        onError: {
          target: 'backingOff',
          actions: { type: 'reportCrash', params: ({ event }) => ({ reason: reasonOf(event.error) }) },
        },
      },
    },
    unsupported: { tags: ['healthy'], description: 'R3: the next connection is asked again.' },
    backingOff: { tags: ['degraded'], after: { backoff: 'waitingForLink' } },
    stopped: { type: 'final' },
  },
});

function theirs({ event }: { event: Named }): Named {
  return { incarnation: event.incarnation };
}

function result({ event }: { event: { output: ReportOutcome } }) {
  return { outcome: event.output };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
