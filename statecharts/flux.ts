/**
 * agentk's work for Flux (`spec/agentk.md §6.1`), on the replica that leads: look whether the cluster has Flux, and if so run
 * the parts that make Receivers and pass pushes on. The parts are supervised by the actor; here is only whether they run.
 *
 * F1. A cluster without Flux costs one question in five minutes, and Flux that comes later is found; the original looks once.
 * F2. The stop is over when the parts have stopped, or their time is.
 */
import { fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

type Input = { readonly fluxId: string };
type Event = { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };

export type FluxPresence = { readonly present: boolean };

export const fluxDelays = {
  lookMs: 60_000,
  recheckMs: 300_000,
  recheckJitter: 0.2,
  stopMs: 15_000,
} as const;

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`flux: ${name} is not provided`);
};

export const fluxMachine = setup({
  types: {
    context: {} as Input,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'ready' | Tone,
  },
  actors: {
    look: fromPromise<FluxPresence>(notProvided('look')),
    /** Starts the parts and resolves when they have ended by themselves. */
    runParts: fromPromise<void>(notProvided('runParts')),
    stopParts: fromPromise<void>(notProvided('stopParts')),
  },
  actions: {
    reportAbsent: () => {},
    reportUnknown: (_, _params: { reason: string }) => {},
    reportEnded: (_, _params: { reason: string }) => {},
  },
  guards: { present: (_, { presence }: { presence: FluxPresence }) => presence.present },
  delays: {
    lookDeadline: fluxDelays.lookMs,
    // The actor provides it with jitter.
    recheck: fluxDelays.recheckMs,
    stopDeadline: fluxDelays.stopMs,
  },
}).createMachine({
  id: 'flux',
  description: "agentk's work for Flux.",
  options: { maxIterations: 100 },
  context: ({ input }) => input,
  initial: 'looking',
  output: { kind: 'stopped' },
  states: {
    looking: {
      tags: ['transient'],
      invoke: {
        id: 'look',
        src: 'look',
        onDone: [
          {
            guard: { type: 'present', params: ({ event }) => ({ presence: event.output }) },
            target: 'running',
          },
          { target: 'absent', actions: 'reportAbsent' },
        ],
        onError: { target: 'absent', actions: { type: 'reportUnknown', params: reason } },
      },
      after: {
        lookDeadline: {
          target: 'absent',
          actions: { type: 'reportUnknown', params: { reason: 'no answer in time' } },
        },
      },
      on: { 'stop.requested': 'stopped' },
    },
    absent: { tags: ['healthy'], after: { recheck: 'looking' }, on: { 'stop.requested': 'stopped' } },
    running: {
      tags: ['ready', 'healthy'],
      invoke: {
        id: 'runParts',
        src: 'runParts',
        onDone: {
          target: 'absent',
          actions: { type: 'reportEnded', params: { reason: 'its parts gave up' } },
        },
        onError: { target: 'absent', actions: { type: 'reportEnded', params: reason } },
      },
      on: { 'stop.requested': 'stopping' },
    },
    stopping: {
      tags: ['transient'],
      invoke: { id: 'stopParts', src: 'stopParts', onDone: 'stopped', onError: 'stopped' },
      after: { stopDeadline: 'stopped' },
      on: { 'stop.requested': {} },
    },
    stopped: { type: 'final' },
  },
});

function reason({ event }: { event: { error: unknown } }) {
  return { reason: event.error instanceof Error ? event.error.message : String(event.error) };
}
