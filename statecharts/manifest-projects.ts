/**
 * Which manifest projects agentk works on, kept in step with its configuration (`spec/agentk.md §5.1`). What the configuration wants
 * is a value outside, and only the newest counts: a change that comes while another is carried out is looked at right after it.
 *
 * C1. One change after the other: a project that is to be restarted has stopped before it is started.
 * C2. Begun anew, also after a failure, it looks at what is wanted first: nothing it did not finish is forgotten.
 */
import { fromPromise, raise, setup } from 'xstate';
import type { Tone } from './tone.ts';

type Event =
  | { readonly type: 'projects.changed' }
  | { readonly type: 'change.finished' }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };

export const manifestProjectsDelays = { retryMs: 10_000, retryJitter: 1 } as const;

export const manifestProjectsMachine = setup({
  types: { events: {} as Event, output: {} as Output, tags: {} as Tone },
  actors: {
    /** Stops what is not wanted any more or not like this, then starts what is missing. */
    change: fromPromise<void>(async () => {
      throw new Error('manifestProjects: change is not provided');
    }),
  },
  actions: { reportFailure: (_, _params: { reason: string }) => {} },
  // The actor provides it with jitter.
  delays: { retry: manifestProjectsDelays.retryMs },
}).createMachine({
  id: 'manifestProjects',
  description: 'Which manifest projects are worked on, as the newest configuration wants.',
  options: { maxIterations: 100 },
  initial: 'changing',
  output: { kind: 'stopped' },
  states: {
    changing: {
      tags: ['transient'],
      description: 'C1, C2',
      invoke: {
        id: 'change',
        src: 'change',
        onDone: { actions: raise({ type: 'change.finished' }) },
        onError: { target: 'failed', actions: { type: 'reportFailure', params: crash } },
      },
      initial: 'newest',
      on: { 'stop.requested': 'stopped' },
      states: {
        newest: {
          on: { 'projects.changed': 'outdated', 'change.finished': '#manifestProjects.settled' },
        },
        outdated: {
          on: {
            'projects.changed': {},
            'change.finished': { target: '#manifestProjects.changing', reenter: true },
          },
        },
      },
    },
    settled: {
      tags: ['healthy'],
      on: { 'projects.changed': 'changing', 'stop.requested': 'stopped' },
    },
    failed: {
      tags: ['down'],
      after: { retry: 'changing' },
      on: { 'projects.changed': 'changing', 'stop.requested': 'stopped' },
    },
    stopped: { type: 'final' },
  },
});

function crash({ event }: { event: { readonly error: unknown } }) {
  return { reason: event.error instanceof Error ? event.error.message : String(event.error) };
}
