/**
 * agentk tells kas that this pod is alive (`Register`, `spec/agentk.md §3.6`): at once when a connection comes up, because
 * the kas behind it may be a new one, and every five minutes after. The entry in kas expires by itself.
 *
 * R1. One call at a time, each with a deadline in the actor.
 * R2. A lost link is no failure: the next connection registers again.
 */
import { assign, fromCallback, fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

export type RegisterOutcome =
  | { readonly kind: 'registered' }
  | { readonly kind: 'lost' }
  /** `atMs` is monotonic time. */
  | { readonly kind: 'failed'; readonly atMs: number };

type Input = { readonly registrationId: string };
type Context = Input & {
  readonly incarnation: number;
  readonly failures: number;
  readonly failedAtMs: number;
};
type Event =
  | { readonly type: 'link.restored'; readonly incarnation: number }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };
type Named = { readonly incarnation: number };

/** `spec/wire.md §12`. */
export const registrationDelays = {
  periodMs: 300_000,
  backoffInitMs: 10_000,
  backoffFactor: 2,
  backoffMsMax: 300_000,
  backoffJitter: 1,
  backoffResetMs: 600_000,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function registrationBackoffMs(failures: number): number {
  const { backoffInitMs, backoffFactor, backoffMsMax } = registrationDelays;
  return Math.min(backoffInitMs * backoffFactor ** Math.min(Math.max(failures - 1, 0), 8), backoffMsMax);
}

const notProvided = async (): Promise<never> => {
  throw new Error('registration: register is not provided');
};

export const registrationMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'registered' | Tone,
  },
  actors: {
    /** Sends `link.restored` for each connection that comes up. */
    link: fromCallback(() => undefined),
    register: fromPromise<RegisterOutcome, Named>(notProvided),
  },
  actions: {
    takeIncarnation: assign((_, params: Named) => ({ incarnation: params.incarnation })),
    countFailure: assign(({ context }, { outcome }: { outcome: RegisterOutcome }) =>
      outcome.kind !== 'failed'
        ? {}
        : outcome.atMs - context.failedAtMs > registrationDelays.backoffResetMs
          ? { failures: 1, failedAtMs: outcome.atMs }
          : { failures: context.failures + 1, failedAtMs: outcome.atMs },
    ),
    /** Answers with `link.restored` when the link is up now; later restorations come by themselves. */
    awaitLink: () => {},
    reportCrash: (_, _params: { reason: string }) => {},
  },
  guards: {
    registered: (_, { outcome }: { outcome: RegisterOutcome }) => outcome.kind === 'registered',
    lost: (_, { outcome }: { outcome: RegisterOutcome }) => outcome.kind === 'lost',
    newer: ({ context }, params: Named) => params.incarnation > context.incarnation,
  },
  delays: {
    period: registrationDelays.periodMs,
    // The actor provides it with jitter.
    backoff: ({ context }) => registrationBackoffMs(context.failures),
  },
}).createMachine({
  id: 'registration',
  description: 'agentk tells kas that this pod is alive.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, incarnation: 0, failures: 0, failedAtMs: 0 }),
  initial: 'waitingForLink',
  output: { kind: 'stopped' },
  invoke: { id: 'link', src: 'link', onError: '.stopped' },
  on: { 'stop.requested': '.stopped' },
  states: {
    waitingForLink: {
      tags: ['transient'],
      entry: 'awaitLink',
      on: {
        'link.restored': { target: 'registering', actions: { type: 'takeIncarnation', params: theirs } },
      },
    },
    registering: {
      tags: ['transient'],
      invoke: {
        id: 'register',
        src: 'register',
        input: ({ context }) => ({ incarnation: context.incarnation }),
        onDone: [
          { guard: { type: 'registered', params: result }, target: 'registered' },
          { guard: { type: 'lost', params: result }, target: 'waitingForLink' },
          { target: 'backingOff', actions: { type: 'countFailure', params: result } },
        ],
        onError: {
          target: 'backingOff',
          actions: { type: 'reportCrash', params: ({ event }) => ({ reason: reasonOf(event.error) }) },
        },
      },
    },
    registered: {
      tags: ['registered', 'healthy'],
      after: { period: 'waitingForLink' },
      on: {
        'link.restored': {
          guard: { type: 'newer', params: theirs },
          target: 'registering',
          actions: { type: 'takeIncarnation', params: theirs },
        },
      },
    },
    backingOff: {
      tags: ['degraded'],
      after: { backoff: 'waitingForLink' },
      on: {
        'link.restored': {
          guard: { type: 'newer', params: theirs },
          target: 'registering',
          actions: { type: 'takeIncarnation', params: theirs },
        },
      },
    },
    stopped: { type: 'final' },
  },
});

function theirs({ event }: { event: Named }): Named {
  return { incarnation: event.incarnation };
}

function result({ event }: { event: { output: RegisterOutcome } }) {
  return { outcome: event.output };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
