/**
 * Waiting until what a run applied is as it should be, or what it deleted is gone (`spec/agentk.md §5.12`). Which objects those are
 * and how each stands is the reconciliation's business; here is only how long it goes on.
 *
 * W1. The watches are open exactly as long as there is something to wait for: they end with their state.
 * W2. Every wait ends: all is settled, the time is up, or nobody wants to know any more.
 * W3. A definition that says it is established is not always served already; its objects would fail. So the API server is
 *     asked until it serves the new kinds, for a while.
 */
import { assign, fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

type Input = {
  /** 0 is without limit. */
  readonly timeoutMs: number;
};
type Context = Input & { readonly questions: number };
type Event = { readonly type: 'stop.requested' };
export type ObjectWaitOutput = { readonly kind: 'settled' | 'late' | 'cancelled' };

export const objectWaitDelays = {
  /** "Without limit" is as long as a timer can be set: 24 days. */
  unlimitedMs: 2_147_483_647,
  servedMs: 30_000,
  askInitMs: 100,
  askFactor: 2,
  askMsMax: 2_000,
} as const;

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`objectWait: ${name} is not provided`);
};

export const objectWaitMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as ObjectWaitOutput,
    tags: {} as Tone,
  },
  actors: {
    // Resolves when nothing is pending, with whether there are new kinds now (W3).
    watchObjects: fromPromise<boolean>(notProvided('watchObjects')),
    // Whether all new kinds are served.
    askKinds: fromPromise<boolean>(notProvided('askKinds')),
  },
  actions: { countQuestion: assign({ questions: ({ context }) => context.questions + 1 }) },
  guards: {
    newKinds: (_, { found }: { found: boolean }) => found,
    served: (_, { served }: { served: boolean }) => served,
  },
  delays: {
    deadline: ({ context: { timeoutMs } }) =>
      timeoutMs > 0 ? Math.min(timeoutMs, objectWaitDelays.unlimitedMs) : objectWaitDelays.unlimitedMs,
    servedDeadline: objectWaitDelays.servedMs,
    // The actor provides it with jitter.
    pause: ({ context }) => objectWaitPauseMs(context.questions),
  },
}).createMachine({
  id: 'objectWait',
  description: 'Waiting for objects to become current, or to be gone.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, questions: 0 }),
  initial: 'watching',
  output: ({ event }) => event.output as ObjectWaitOutput,
  states: {
    watching: {
      tags: ['transient'],
      invoke: {
        id: 'watchObjects',
        src: 'watchObjects',
        onDone: [
          {
            guard: { type: 'newKinds', params: ({ event }) => ({ found: event.output }) },
            target: 'serving',
          },
          { target: 'settled' },
        ],
        onError: { target: 'late' },
      },
      after: { deadline: 'late' },
      on: { 'stop.requested': 'cancelled' },
    },
    serving: {
      tags: ['transient'],
      initial: 'asking',
      after: { servedDeadline: 'settled' },
      on: { 'stop.requested': 'cancelled' },
      states: {
        asking: {
          invoke: {
            id: 'askKinds',
            src: 'askKinds',
            onDone: [
              {
                guard: { type: 'served', params: ({ event }) => ({ served: event.output }) },
                target: '#objectWait.settled',
              },
              { target: 'pausing', actions: 'countQuestion' },
            ],
            onError: { target: 'pausing', actions: 'countQuestion' },
          },
        },
        pausing: { after: { pause: 'asking' } },
      },
    },
    settled: { type: 'final', output: { kind: 'settled' } },
    late: { type: 'final', output: { kind: 'late' } },
    cancelled: { type: 'final', output: { kind: 'cancelled' } },
  },
});

/** Pause after so many questions, without jitter. */
export function objectWaitPauseMs(questions: number): number {
  const { askInitMs, askFactor, askMsMax } = objectWaitDelays;
  return Math.min(askInitMs * askFactor ** Math.min(Math.max(questions - 1, 0), 8), askMsMax);
}
