/**
 * One question of kas to GitLab: wait for its turn under the rate limit, ask, and where GitLab is in trouble ask again
 * after a while (`spec/gitlab.md §1.1`, `§1.3`). Request and answer belong to the actor; here is only how it goes.
 *
 * Q1. Each try takes its own turn: trouble must not let retries go around the limit.
 * Q2. After the last try GitLab's last answer is the answer, whatever it says.
 * Q3. Whoever asked may leave at any time; nothing is asked for him after that.
 */
import { assign, fromPromise, setup } from 'xstate';

type Input = { readonly callId: string; readonly triesMax: number };
type Context = Input & {
  readonly tries: number;
  /** What GitLab said to wait before the next try; 0 when it said nothing. */
  readonly retryAfterMs: number;
};
type Event = { readonly type: 'caller.left' } | { readonly type: 'stop.requested' };
type Output =
  | { readonly kind: 'answered' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'cancelled' };

/** Whether the question may be asked now. */
export type CallTurn = { readonly kind: 'taken' } | { readonly kind: 'refused'; readonly reason: string };
/** What a try came to. `again`: another try may help. */
export type CallTry =
  | { readonly kind: 'answered'; readonly again: boolean; readonly retryAfterMs: number }
  | { readonly kind: 'failed'; readonly again: boolean; readonly reason: string };
type Named = { readonly callId: string };

/** `spec/wire.md §12`. `callMs` is ours: all tries together. */
export const gitlabCallDelays = { backoffInitMs: 100, backoffMsMax: 30_000, callMs: 170_000 } as const;

/** Wait before the next try after so many, without jitter. */
export function gitlabCallBackoffMs(tries: number): number {
  const { backoffInitMs, backoffMsMax } = gitlabCallDelays;
  return Math.min(backoffInitMs * 2 ** Math.min(Math.max(tries - 1, 0), 16), backoffMsMax);
}

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`gitlabCall: ${name} is not provided`);
};

export const gitlabCallMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actors: {
    /** Resolves when the rate limit lets the question pass; gives its turn back when it is left. */
    takeTurn: fromPromise<CallTurn, Named>(notProvided('takeTurn')),
    ask: fromPromise<CallTry, Named>(notProvided('ask')),
  },
  actions: {
    countTry: assign({ tries: ({ context }) => context.tries + 1 }),
    keepRetryAfter: assign((_, { outcome }: { outcome: CallTry }) => ({
      retryAfterMs: outcome.kind === 'answered' ? outcome.retryAfterMs : 0,
    })),
    /** The answer of a try that is not the last is not read. */
    dropAnswer: (_, _params: Named) => {},
  },
  guards: {
    refused: (_, { turn }: { turn: CallTurn }) => turn.kind === 'refused',
    worthAgain: ({ context }, { outcome }: { outcome: CallTry }) =>
      outcome.again && context.tries < context.triesMax,
    answered: (_, { outcome }: { outcome: CallTry }) => outcome.kind === 'answered',
  },
  delays: {
    // The actor provides it with jitter.
    backoff: ({ context }) => Math.max(gitlabCallBackoffMs(context.tries), context.retryAfterMs),
    callDeadline: gitlabCallDelays.callMs,
  },
}).createMachine({
  id: 'gitlabCall',
  description: 'One question of kas to GitLab: its turn, its tries, its answer.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, tries: 0, retryAfterMs: 0 }),
  initial: 'queued',
  output: ({ event }) => event.output as Output,
  on: { 'stop.requested': '.cancelled', 'caller.left': '.cancelled' }, // Q3
  after: { callDeadline: '.late' },
  states: {
    queued: {
      description: 'Waits for its turn under the rate limit.',
      tags: ['transient'],
      invoke: {
        id: 'takeTurn',
        src: 'takeTurn',
        input: named,
        onDone: [{ guard: { type: 'refused', params: turn }, target: 'failed' }, { target: 'asking' }],
        onError: 'failed',
      },
    },
    asking: {
      tags: ['healthy'],
      entry: 'countTry',
      invoke: {
        id: 'ask',
        src: 'ask',
        input: named,
        onDone: [
          {
            guard: { type: 'worthAgain', params: outcome },
            target: 'backingOff',
            actions: [
              { type: 'keepRetryAfter', params: outcome },
              { type: 'dropAnswer', params: ({ context }) => named({ context }) },
            ],
          },
          { guard: { type: 'answered', params: outcome }, target: 'answered' }, // Q2
          { target: 'failed' },
        ],
        onError: 'failed',
      },
    },
    backingOff: { tags: ['degraded'], after: { backoff: 'queued' } }, // Q1
    answered: { type: 'final', output: { kind: 'answered' } },
    failed: { type: 'final', output: ({ event }) => ({ kind: 'failed', reason: reasonOf(event) }) },
    late: { type: 'final', output: { kind: 'failed', reason: 'GitLab did not answer in time' } },
    cancelled: { type: 'final', output: { kind: 'cancelled' } },
  },
});

function named({ context }: { readonly context: Context }): Named {
  return { callId: context.callId };
}

function turn({ event }: { event: { output: CallTurn } }) {
  return { turn: event.output };
}

function outcome({ event }: { event: { output: CallTry } }) {
  return { outcome: event.output };
}

/** Of a refused turn, a failed try, or a crash. */
function reasonOf(event: object): string {
  if ('error' in event) return event.error instanceof Error ? event.error.message : String(event.error);
  const told = 'output' in event ? event.output : undefined;
  return typeof told === 'object' && told !== null && 'reason' in told ? String(told.reason) : '';
}
