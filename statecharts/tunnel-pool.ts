/**
 * How many reverse tunnels agentk holds open (`spec/wire.md §6.5`). The pool counts and decides; each tunnel is an actor
 * of its own (`tunnel-client.ts`) under a DynamicSupervisor. A tunnel that is dialling or backing off counts as idle.
 * It hears of every request twice, so it runs compiled, and is flat (`src/supervisor/compile.ts`).
 *
 * P1. Two idle at least; when one turns busy and fewer than two idle remain, ten more, never above the maximum.
 * P2. It shrinks one at a time, when a tunnel offers itself, and never below the minimum of idle ones.
 * P3. Tunnels that died by themselves are replaced after `mendDelay`, so a crash at start is no busy loop.
 */
import { assign, setup } from 'xstate';

type Input = { readonly idleMin: number; readonly sizeMax: number; readonly growthStep: number };
type Context = Input & { readonly idle: number; readonly busy: number };
type Exited = { readonly busy: boolean; readonly planned: boolean };
type Event =
  | { readonly type: 'tunnel.busied' }
  | { readonly type: 'tunnel.idled' }
  | { readonly type: 'tunnel.offered'; readonly tunnelId: string }
  /** It was let go, but had just been given a request. */
  | { readonly type: 'tunnel.kept' }
  | ({ readonly type: 'tunnel.exited' } & Exited)
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };

/** `spec/wire.md §6.5`. */
export const tunnelPoolDefaults = { idleMin: 2, sizeMax: 500, growthStep: 10 } as const;
export const tunnelPoolDelays = { mendMs: 1_000 } as const;

export const tunnelPoolMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actions: {
    countBusied: assign(({ context }) => ({ idle: context.idle - 1, busy: context.busy + 1 })),
    countIdled: assign(({ context }) => ({ idle: context.idle + 1, busy: context.busy - 1 })),
    countRetired: assign(({ context }) => ({ idle: context.idle - 1 })),
    countExited: assign(({ context }, { busy, planned }: Exited) =>
      planned ? {} : busy ? { busy: context.busy - 1 } : { idle: context.idle - 1 },
    ),
    countOpened: assign(({ context }, { count }: { count: number }) => ({ idle: context.idle + count })),
    /** Starts so many tunnels; each that cannot be started is reported as exited. */
    openTunnels: (_, _params: { count: number }) => {},
    retireTunnel: (_, _params: { tunnelId: string }) => {},
  },
  guards: {
    /** True when one more busy tunnel leaves too few idle ones (P1). */
    leavesFew: ({ context }) =>
      context.idle - 1 < context.idleMin && context.idle + context.busy < context.sizeMax,
    /** True when this exit leaves too few idle ones (P3). */
    leavesShort: ({ context }, { busy, planned }: Exited) => {
      const gone = planned ? 0 : 1;
      const idle = busy ? context.idle : context.idle - gone;
      return idle < context.idleMin && context.idle + context.busy - gone < context.sizeMax;
    },
    spare: ({ context }) => context.idle > context.idleMin,
  },
  delays: { mendDelay: tunnelPoolDelays.mendMs },
}).createMachine({
  id: 'tunnelPool',
  description: 'How many reverse tunnels agentk holds open.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, idle: 0, busy: 0 }),
  initial: 'steady',
  output: { kind: 'stopped' },
  on: {
    'tunnel.busied': [
      {
        guard: 'leavesFew',
        actions: [
          'countBusied',
          { type: 'openTunnels', params: step },
          { type: 'countOpened', params: step },
        ],
      },
      { actions: 'countBusied' },
    ],
    'tunnel.idled': { actions: 'countIdled' },
    'tunnel.offered': {
      guard: 'spare',
      actions: [
        'countRetired',
        { type: 'retireTunnel', params: ({ event }) => ({ tunnelId: event.tunnelId }) },
      ],
    },
    'tunnel.kept': { actions: { type: 'countOpened', params: { count: 1 } } },
    'tunnel.exited': { actions: { type: 'countExited', params: exited } },
    'stop.requested': '.stopped',
  },
  states: {
    steady: {
      description:
        'As many tunnels as are needed. Entered at the start and after mending: opens what is missing.',
      tags: ['healthy'],
      entry: [
        { type: 'openTunnels', params: missing },
        { type: 'countOpened', params: missing },
      ],
      on: {
        'tunnel.exited': [
          {
            guard: { type: 'leavesShort', params: exited },
            target: 'mending',
            actions: { type: 'countExited', params: exited },
          },
          { actions: { type: 'countExited', params: exited } },
        ],
      },
    },
    mending: { tags: ['degraded'], after: { mendDelay: 'steady' } },
    stopped: { type: 'final' },
  },
});

function exited({ event: { busy, planned } }: { event: Exited }): Exited {
  return { busy, planned };
}

function missing({ context }: { context: Context }) {
  const room = context.sizeMax - context.idle - context.busy;
  return { count: Math.max(0, Math.min(context.idleMin - context.idle, room)) };
}

function step({ context }: { context: Context }) {
  return { count: Math.max(0, Math.min(context.growthStep, context.sizeMax - context.idle - context.busy)) };
}
