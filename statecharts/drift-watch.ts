/**
 * Looking for drift between two synchronisations: somebody deleted an object of the project, or changed a field that is the
 * project's. It ends with the first drift, because what comes next is a synchronisation, and after that it is begun anew with what
 * that applied.
 *
 * D1. What breaks one thing often breaks many at once: the first sight is followed by a short time in which the rest may come.
 * D2. The watches are open as long as it lives, and not longer.
 */
import { fromPromise, setup } from 'xstate';
import type { Tone } from './tone.ts';

type Event = { readonly type: 'object.drifted' } | { readonly type: 'stop.requested' };
export type DriftWatchOutput = { readonly kind: 'drifted' } | { readonly kind: 'stopped' };

export const driftWatchDelays = { gatherMs: 2_000 } as const;

const notProvided = (name: string) => async (): Promise<never> => {
  throw new Error(`driftWatch: ${name} is not provided`);
};

export const driftWatchMachine = setup({
  types: { events: {} as Event, output: {} as DriftWatchOutput, tags: {} as Tone },
  actors: {
    // Tells of drift by events; never ends by itself.
    watchObjects: fromPromise<void>(notProvided('watchObjects')),
  },
  delays: { gather: driftWatchDelays.gatherMs },
}).createMachine({
  id: 'driftWatch',
  description: 'Looking for what others changed in the objects of a project.',
  options: { maxIterations: 100 },
  initial: 'watching',
  output: ({ event }) => event.output as DriftWatchOutput,
  states: {
    watching: {
      invoke: { id: 'watchObjects', src: 'watchObjects', onError: 'stopped' }, // D2
      initial: 'calm',
      on: { 'stop.requested': 'stopped' },
      states: {
        calm: { tags: ['healthy'], on: { 'object.drifted': 'gathering' } },
        gathering: { tags: ['degraded'], after: { gather: '#driftWatch.drifted' } }, // D1
      },
    },
    drifted: { type: 'final', output: { kind: 'drifted' } },
    stopped: { type: 'final', output: { kind: 'stopped' } },
  },
});
