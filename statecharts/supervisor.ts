/**
 * The life of a supervisor, of either kind (`src/supervisor`). The chart says what the supervisor is doing; the two named
 * actions start and stop its children. Whether a restart is within the allowed intensity is decided outside and comes in
 * as a fact.
 *
 * V1. Children are started only in `starting`, and started again only in `running` and `restarting`.
 * V2. Once `givingUp` or `stopping`, nothing leads back; the only way on is `children.stopped`.
 * V3. The output says why the life ended; too many restarts is an end like any other, and the parent decides.
 */
import { type ActorRefFrom, assign, setup } from 'xstate';
import type { Tone } from './tone.ts';

export interface SupervisorInput {
  readonly supervisorId: string;
}

export interface SupervisorContext {
  readonly supervisorId: string;
  /** Restarts granted in this life; a group counts once. */
  readonly restarts: number;
  readonly verdict: SupervisorOutput;
}

export type SupervisorOutput =
  | { readonly kind: 'stopped'; readonly reason: string }
  | { readonly kind: 'startFailed'; readonly childId: string; readonly reason: string }
  | { readonly kind: 'gaveUp'; readonly childId: string; readonly reason: string }
  | { readonly kind: 'autoShutdown'; readonly childId: string };

export type SupervisorEvent =
  | { readonly type: 'start.requested' }
  | { readonly type: 'stop.requested'; readonly reason: string }
  /** Every child that should run does. */
  | { readonly type: 'children.started' }
  | { readonly type: 'children.stopped' }
  /** A child failed to start while the supervisor itself was starting: no retry at boot. */
  | { readonly type: 'child.startFailed'; readonly childId: string; readonly reason: string }
  | { readonly type: 'restart.granted'; readonly childId: string }
  | { readonly type: 'restart.refused'; readonly childId: string; readonly reason: string }
  /** A significant child ended by itself, and that ends the supervisor. */
  | { readonly type: 'significant.ended'; readonly childId: string };

export const supervisorMachine = setup({
  types: {
    context: {} as SupervisorContext,
    events: {} as SupervisorEvent,
    input: {} as SupervisorInput,
    output: {} as SupervisorOutput,
    tags: {} as 'ready' | 'ending' | Tone,
  },
  actions: {
    /** Start all children in order, then say `children.started` or `child.startFailed`. */
    startChildren: () => {},
    /** Stop all children, then say `children.stopped`. */
    stopChildren: () => {},
    remember: assign((_, params: { readonly verdict: SupervisorOutput }) => params),
    countRestart: assign({ restarts: ({ context }) => context.restarts + 1 }),
  },
}).createMachine({
  id: 'supervisor',
  description: 'The life of a supervisor: start the children, restart them, give up or stop.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({
    supervisorId: input.supervisorId,
    restarts: 0,
    verdict: { kind: 'stopped', reason: 'stopped' },
  }),
  initial: 'created',
  output: ({ context }) => context.verdict, // V3
  states: {
    created: {
      tags: ['transient'],
      on: {
        'start.requested': 'starting',
        'stop.requested': {
          target: 'stopped',
          actions: { type: 'remember', params: ({ event }) => ({ verdict: stopped(event) }) },
        },
      },
    },
    starting: {
      tags: ['transient'],
      entry: 'startChildren',
      on: {
        'children.started': 'running',
        'child.startFailed': {
          target: 'stopping',
          actions: { type: 'remember', params: ({ event }) => ({ verdict: startFailed(event) }) },
        },
        'stop.requested': {
          target: 'stopping',
          actions: { type: 'remember', params: ({ event }) => ({ verdict: stopped(event) }) },
        },
      },
    },
    running: {
      tags: ['ready', 'healthy'],
      on: {
        'restart.granted': { target: 'restarting', actions: 'countRestart' },
        'restart.refused': {
          target: 'givingUp',
          actions: { type: 'remember', params: ({ event }) => ({ verdict: gaveUp(event) }) },
        },
        'significant.ended': {
          target: 'stopping',
          actions: { type: 'remember', params: ({ event }) => ({ verdict: autoShutdown(event) }) },
        },
        'stop.requested': {
          target: 'stopping',
          actions: { type: 'remember', params: ({ event }) => ({ verdict: stopped(event) }) },
        },
      },
    },
    /** At least one child is being started again or waits for its turn; the others run. */
    restarting: {
      tags: ['ready', 'degraded'],
      on: {
        'children.started': 'running',
        'restart.granted': { actions: 'countRestart' },
        'restart.refused': {
          target: 'givingUp',
          actions: { type: 'remember', params: ({ event }) => ({ verdict: gaveUp(event) }) },
        },
        'significant.ended': {
          target: 'stopping',
          actions: { type: 'remember', params: ({ event }) => ({ verdict: autoShutdown(event) }) },
        },
        'stop.requested': {
          target: 'stopping',
          actions: { type: 'remember', params: ({ event }) => ({ verdict: stopped(event) }) },
        },
      },
    },
    givingUp: {
      tags: ['ending', 'down'],
      entry: 'stopChildren',
      on: { 'children.stopped': 'stopped', 'stop.requested': {} }, // V2
    },
    stopping: {
      tags: ['ending', 'transient'],
      entry: 'stopChildren',
      on: { 'children.stopped': 'stopped', 'stop.requested': {} }, // V2
    },
    stopped: { type: 'final' },
  },
});

export type SupervisorLifeActor = ActorRefFrom<typeof supervisorMachine>;

type EventOf<T extends SupervisorEvent['type']> = Extract<SupervisorEvent, { readonly type: T }>;

function stopped({ reason }: EventOf<'stop.requested'>): SupervisorOutput {
  return { kind: 'stopped', reason };
}

function startFailed({ childId, reason }: EventOf<'child.startFailed'>): SupervisorOutput {
  return { kind: 'startFailed', childId, reason };
}

function gaveUp({ childId, reason }: EventOf<'restart.refused'>): SupervisorOutput {
  return { kind: 'gaveUp', childId, reason };
}

function autoShutdown({ childId }: EventOf<'significant.ended'>): SupervisorOutput {
  return { kind: 'autoShutdown', childId };
}
