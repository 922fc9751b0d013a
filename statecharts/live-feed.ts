/**
 * The pulse of the dashboard: while somebody watches, what changed is told at a steady beat; while nobody does, nothing
 * is done. The frames, and who gets which, are the feed's own (`src/kas/dashboard/live-feed.actor.ts`).
 *
 * L1. No beat without a watcher.
 * L2. A beat begins where the one before ended, so a slow one delays the next instead of piling up.
 */
import { setup } from 'xstate';
import type { Tone } from './tone.ts';

type Input = { readonly pulseMs: number };
type Context = Input;
type Event =
  | { readonly type: 'watcher.joined' }
  /** The last one left. */
  | { readonly type: 'watchers.gone' }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };

export const liveFeedMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as Tone,
  },
  actions: {
    tell: () => {},
    dismissWatchers: () => {},
  },
  delays: { pulse: ({ context }) => context.pulseMs },
}).createMachine({
  id: 'liveFeed',
  description: 'The pulse of the dashboard: tells watchers what changed, rests while there are none.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input }),
  initial: 'resting',
  output: { kind: 'stopped' },
  on: { 'stop.requested': '.stopped' },
  states: {
    resting: { tags: ['healthy'], on: { 'watcher.joined': 'telling' } },
    telling: {
      tags: ['healthy'],
      after: { pulse: { target: 'telling', reenter: true, actions: 'tell' } },
      on: { 'watchers.gone': 'resting' },
    },
    stopped: { type: 'final', entry: 'dismissWatchers' },
  },
});
