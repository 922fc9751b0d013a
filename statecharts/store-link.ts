/**
 * The life of one connection of kas to the shared store: dial, serve, ask for signs of life, dial again
 * (`spec/kas.md §2.3`). The sockets live in the actor's resource under the incarnation of their dial.
 *
 * L1. At the start the store must be there: a bounded number of tries, none after a refusal, then the link has failed and
 *     kas does not start (`spec/kas.md §1.3` step 6). A link that has been ready once never gives up.
 * L2. From `announce` to `withdraw` the link lends its connection; at other times callers fail at once instead of waiting.
 * L3. An event of another incarnation than the current one never moves the link.
 * L4. Failures are forgotten only after `proven` of uptime, so a store that accepts and drops is not hammered.
 * L5. A stop finishes what was handed over, within a deadline.
 */
import { assign, fromCallback, fromPromise, setup, type EventObject } from 'xstate';
import type { Tone } from './tone.ts';

type Input = {
  readonly name: string;
  /** Tries before a start has failed. */
  readonly triesMax: number;
  readonly dialMs: number;
  readonly probeMs: number;
  readonly probeAnswerMs: number;
};
type Context = Input & {
  readonly incarnation: number;
  /** Dials in a row that failed or did not last. */
  readonly failures: number;
  /** Why it is not ready; empty when it is. */
  readonly reason: string;
};
type Event =
  | { readonly type: 'connection.lost'; readonly incarnation: number; readonly reason: string }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string };
type Named = { readonly name: string; readonly incarnation: number };
/** What became of a dial. Refused: somebody answered and does not want us as we are. */
export type DialVerdict =
  | { readonly kind: 'connected' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'unreachable'; readonly reason: string };

export const storeLinkDelays = {
  /** As the originals subscribe again (`spec/kas.md §8`); the actor adds up to as much again as jitter. */
  backoffInitMs: 100,
  backoffMsMax: 10_000,
  provenMs: 20_000,
  finishMs: 5_000,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function storeBackoffMs(failures: number): number {
  const { backoffInitMs, backoffMsMax } = storeLinkDelays;
  return Math.min(backoffInitMs * 2 ** Math.min(Math.max(failures - 1, 0), 16), backoffMsMax);
}

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`storeLink: ${name} is not provided`);
};
const late = { reason: 'Redis did not answer in time' } as const;
const keepVerdict = { type: 'keepReason', params: refusal } as const;
const keepCrash = { type: 'keepReason', params: crash } as const;
const keepLate = { type: 'keepReason', params: late } as const;

export const storeLinkMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'ready' | Tone,
  },
  actors: {
    /** Owns the sockets: closes them with the actor, also when that crashes. */
    sockets: fromCallback<EventObject, { name: string }>(() => undefined),
    dial: fromPromise<DialVerdict, Named>(notProvided('dial')),
    probe: fromPromise<void, Named>(notProvided('probe')),
    finish: fromPromise<void, Named>(notProvided('finish')),
  },
  actions: {
    nextIncarnation: assign({ incarnation: ({ context }) => context.incarnation + 1 }),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    forgiveFailures: assign({ failures: 0 }),
    keepReason: assign((_, params: { reason: string }) => ({ reason: params.reason })),
    announce: (_, _params: Named) => {},
    withdraw: (_, _params: Named) => {},
    reportTrouble: (_, _params: Named & { reason: string }) => {},
  },
  guards: {
    connected: (_, params: { verdict: DialVerdict }) => params.verdict.kind === 'connected',
    hopeless: ({ context }, params: { verdict: DialVerdict }) =>
      params.verdict.kind === 'refused' || context.failures + 1 >= context.triesMax,
    noTriesLeft: ({ context }) => context.failures + 1 >= context.triesMax,
    current: ({ context }, params: { incarnation: number }) => params.incarnation === context.incarnation,
  },
  delays: {
    dialDeadline: ({ context }) => context.dialMs,
    // The actor provides it with jitter.
    backoff: ({ context }) => storeBackoffMs(context.failures),
    probePeriod: ({ context }) => context.probeMs,
    probeDeadline: ({ context }) => context.probeAnswerMs,
    proven: storeLinkDelays.provenMs,
    finishDeadline: storeLinkDelays.finishMs,
  },
}).createMachine({
  id: 'storeLink',
  description: 'One connection of kas to the shared store, from the first dial to the stop.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, incarnation: 0, failures: 0, reason: 'not connected yet' }),
  initial: 'connecting',
  output: ({ event }) => event.output as Output,
  invoke: {
    id: 'sockets',
    src: 'sockets',
    input: ({ context }) => ({ name: context.name }),
    onError: '.failed', // the supervisor starts it anew
  },
  on: { 'stop.requested': '.stopped' },
  states: {
    connecting: {
      description: 'The first time: kas waits for it, and does not start without it (L1).',
      initial: 'dialing',
      states: {
        dialing: {
          tags: ['transient'],
          entry: 'nextIncarnation',
          invoke: {
            id: 'dial',
            src: 'dial',
            input: named,
            onDone: [
              { guard: { type: 'connected', params: verdict }, target: '#storeLink.ready' },
              {
                guard: { type: 'hopeless', params: verdict },
                target: '#storeLink.failed',
                actions: keepVerdict,
              },
              { target: 'waiting', actions: ['countFailure', keepVerdict] },
            ],
            onError: { target: '#storeLink.failed', actions: keepCrash },
          },
          after: {
            dialDeadline: [
              { guard: 'noTriesLeft', target: '#storeLink.failed', actions: keepLate },
              { target: 'waiting', actions: ['countFailure', keepLate] },
            ],
          },
        },
        waiting: { tags: ['down'], after: { backoff: 'dialing' } },
      },
    },
    ready: {
      tags: ['ready', 'healthy'],
      // Counted up front and forgiven when proven (L4): whatever ends it early leaves a failure behind.
      entry: ['countFailure', { type: 'announce', params: named }],
      after: { proven: { actions: 'forgiveFailures' } },
      on: {
        'connection.lost': {
          guard: { type: 'current', params: theirs },
          target: 'degraded',
          actions: { type: 'keepReason', params: loss },
        },
        'stop.requested': 'finishing',
      },
      initial: 'quiet',
      states: {
        quiet: { after: { probePeriod: 'probing' } },
        probing: {
          invoke: {
            id: 'probe',
            src: 'probe',
            input: named,
            onDone: 'quiet',
            onError: { target: '#storeLink.degraded', actions: keepCrash },
          },
          after: { probeDeadline: { target: '#storeLink.degraded', actions: keepLate } },
        },
      },
    },
    degraded: {
      description:
        'It was there and is not now: calls fail at once, and it is dialled until it answers (L1, L2).',
      tags: ['down'],
      initial: 'waiting',
      entry: [
        { type: 'withdraw', params: named },
        { type: 'reportTrouble', params: trouble },
      ],
      states: {
        waiting: { after: { backoff: 'dialing' } },
        dialing: {
          entry: 'nextIncarnation',
          invoke: {
            id: 'redial',
            src: 'dial',
            input: named,
            onDone: [
              { guard: { type: 'connected', params: verdict }, target: '#storeLink.ready' },
              { target: 'waiting', actions: ['countFailure', keepVerdict] },
            ],
            onError: { target: 'waiting', actions: ['countFailure', keepCrash] },
          },
          after: { dialDeadline: { target: 'waiting', actions: ['countFailure', keepLate] } },
        },
      },
    },
    finishing: {
      description: 'What was handed over is still written (L5).',
      tags: ['transient'],
      invoke: { id: 'finish', src: 'finish', input: named, onDone: 'stopped', onError: 'stopped' },
      after: { finishDeadline: 'stopped' },
      on: {
        'connection.lost': { guard: { type: 'current', params: theirs }, target: 'stopped' },
        'stop.requested': 'stopped',
      },
    },
    stopped: { type: 'final', output: { kind: 'stopped' } },
    failed: {
      type: 'final',
      output: ({ context }) => ({ kind: 'failed', reason: context.reason }),
    },
  },
});

function named({ context }: { context: Context }): Named {
  return { name: context.name, incarnation: context.incarnation };
}

function trouble({ context }: { context: Context }) {
  return { ...named({ context }), reason: context.reason };
}

function theirs({ event }: { event: { incarnation: number } }) {
  return { incarnation: event.incarnation };
}

function loss({ event }: { event: { reason: string } }) {
  return { reason: event.reason };
}

function verdict({ event }: { event: { output: DialVerdict } }) {
  return { verdict: event.output };
}

function refusal({ event }: { event: { output: DialVerdict } }) {
  return { reason: event.output.kind === 'connected' ? '' : event.output.reason };
}

function crash({ event }: { event: { error: unknown } }) {
  return { reason: event.error instanceof Error ? event.error.message : String(event.error) };
}
