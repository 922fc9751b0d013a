/**
 * One channel to a Gitaly server. Dialling, reconnecting and keepalive are the gRPC library's; how long a channel is kept
 * is said here. One actor per address; calls hold the channel, and the actor counts them.
 *
 * G1. Nobody is cut off by a renewal: a retiring channel takes no new calls and lives until its last one ends, at most
 *     `retireGrace`.
 * G2. A channel is renewed after `renewal`, idle or not: the new one resolves the server's name anew, so an address that
 *     joined behind a name gets its share (the originals resolve every 5 minutes).
 * G3. A channel nobody used for `idleness` is closed.
 */
import { assign, setup } from 'xstate';

type Input = { readonly channelId: string };
type Context = Input & { readonly calls: number };
type Event =
  | { readonly type: 'call.started' }
  | { readonly type: 'call.ended' }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'closed' };

export const gitalyChannelDelays = {
  renewalMs: 300_000,
  idlenessMs: 120_000,
  retireGraceMs: 60_000,
} as const;

export const gitalyChannelMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actions: {
    countStarted: assign(({ context }) => ({ calls: context.calls + 1 })),
    countEnded: assign(({ context }) => ({ calls: context.calls - 1 })),
    /** Takes the channel out of the pool: the next call opens a new one. */
    retire: (_, _params: { channelId: string }) => {},
    close: (_, _params: { channelId: string }) => {},
  },
  guards: {
    last: ({ context }) => context.calls === 1,
    unused: ({ context }) => context.calls === 0,
  },
  delays: {
    renewal: gitalyChannelDelays.renewalMs,
    idleness: gitalyChannelDelays.idlenessMs,
    retireGrace: gitalyChannelDelays.retireGraceMs,
  },
}).createMachine({
  id: 'gitalyChannel',
  description: 'One channel to a Gitaly server: used, renewed, closed when idle.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, calls: 0 }),
  initial: 'serving',
  output: { kind: 'closed' },
  states: {
    serving: {
      tags: ['healthy'],
      initial: 'idle',
      after: { renewal: 'retiring' },
      on: { 'stop.requested': 'retiring' },
      states: {
        idle: {
          after: { idleness: '#gitalyChannel.retiring' },
          on: { 'call.started': { target: 'busy', actions: 'countStarted' } },
        },
        busy: {
          on: {
            'call.started': { actions: 'countStarted' },
            'call.ended': [
              { guard: 'last', target: 'idle', actions: 'countEnded' },
              { actions: 'countEnded' },
            ],
          },
        },
      },
    },
    retiring: {
      tags: ['transient'],
      entry: { type: 'retire', params: ({ context }) => ({ channelId: context.channelId }) },
      after: { retireGrace: 'closed' },
      always: { guard: 'unused', target: 'closed' },
      on: { 'call.ended': { actions: 'countEnded' }, 'stop.requested': 'closed' },
    },
    closed: {
      type: 'final',
      entry: { type: 'close', params: ({ context }) => ({ channelId: context.channelId }) },
    },
  },
});
