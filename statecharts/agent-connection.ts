/**
 * kas side of one HTTP/2 connection on the agent listener. A connection usually carries one agent pod; behind a balancer
 * that speaks HTTP/2 it may carry several, so identity lives in `agent-session.ts` and this chart owns what belongs to the
 * wire: keepalive, age, going away (`spec/wire.md §4.4`, `§4.5`).
 *
 * C1. A connection whose peer has not said its HTTP/2 preface and settings by `preface` is closed. One on which nobody
 *     authenticates is closed by `vacancy`; time in which GitLab could not be asked does not count against the agent.
 * C2. A ping is out for at most `pingAck`; then the connection is stale and is cut, whatever TCP believes.
 * C3. Age: GOAWAY first, then idle work ends with OK, then the connection is cut. Running requests end only by the cut.
 * C4. A peer that abuses its connection (`src/pipe/grpc/session-guard.ts`) is told so and cut, whoever lives there.
 * C5. One chart is one connection: its id is the incarnation, so no event of another connection can reach it.
 * C6. A kas that drains gives each connection its turn: until then the connection serves as ever, then it goes as in C3. The
 *     first word about the turn holds; a stop without one is at once.
 */
import { assign, setup } from 'xstate';

type Input = {
  readonly connectionId: string;
  readonly prefaceMs: number;
  readonly vacancyMs: number;
  readonly keepaliveMs: number;
  readonly pingAckMs: number;
  /** GOAWAY this long after the start, jitter included. */
  readonly goAwayMs: number;
  /** Idle work ends this long after GOAWAY. */
  readonly expireMs: number;
  /** The connection is cut this long after GOAWAY. */
  readonly cutMs: number;
  /** A closing connection that does not close by itself is forgotten after this. */
  readonly lastCallMs: number;
};
type Context = Input & { readonly reason: string; readonly turnMs: number };
type Named = { readonly connectionId: string };
type Turn = { readonly afterMs: number };
type Event =
  /** HTTP/2 speaks: the client's preface and settings are here. */
  | { readonly type: 'settings.received' }
  | { readonly type: 'agent.authenticated' }
  /** GitLab could not say who the agent is. */
  | { readonly type: 'agent.undecided' }
  | { readonly type: 'ping.acknowledged' }
  | { readonly type: 'peer.abused'; readonly reason: string }
  | { readonly type: 'connection.closed'; readonly reason: string }
  /** With its turn, where many connections are sent away one after the other. */
  | { readonly type: 'stop.requested'; readonly afterMs?: number };
type Output = { readonly kind: 'gone'; readonly reason: string };

export const agentConnectionMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actions: {
    keepReason: assign((_, params: { reason: string }) => ({ reason: params.reason })),
    keepTurn: assign((_, params: Turn) => ({ turnMs: params.afterMs })),
    ping: (_, _params: Named) => {},
    goAway: (_, _params: Named) => {},
    /** GOAWAY with ENHANCE_YOUR_CALM and the reason as its text. */
    rebuke: (_, _params: Named & { reason: string }) => {},
    expireIdle: (_, _params: Named) => {},
    markStale: (_, _params: Named) => {},
    cut: (_, _params: Named & { reason: string }) => {},
  },
  guards: { hasItsTurn: (_, { afterMs }: Turn) => afterMs > 0 },
  delays: {
    preface: ({ context }) => context.prefaceMs,
    vacancy: ({ context }) => context.vacancyMs,
    keepalive: ({ context }) => context.keepaliveMs,
    pingAck: ({ context }) => context.pingAckMs,
    goAway: ({ context }) => context.goAwayMs,
    turn: ({ context }) => context.turnMs,
    expire: ({ context }) => context.expireMs,
    cutLeft: ({ context }) => context.cutMs - context.expireMs,
    lastCall: ({ context }) => context.lastCallMs,
  },
}).createMachine({
  id: 'agentConnection',
  description: 'kas side of one HTTP/2 connection of an agent: keepalive, age, going away.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, reason: '', turnMs: 0 }),
  initial: 'live',
  output: ({ context }) => ({ kind: 'gone', reason: context.reason }),
  on: {
    'connection.closed': {
      target: '.gone',
      actions: { type: 'keepReason', params: ({ event }) => ({ reason: event.reason }) },
    },
  },
  states: {
    live: {
      type: 'parallel',
      on: {
        'peer.abused': {
          target: 'closing',
          actions: [
            { type: 'keepReason', params: ({ event }) => ({ reason: event.reason }) },
            {
              type: 'rebuke',
              params: ({ context, event }) => ({ ...named({ context }), reason: event.reason }),
            },
          ],
        },
      },
      states: {
        tenancy: {
          initial: 'silent',
          states: {
            silent: {
              tags: ['transient'],
              after: {
                preface: {
                  target: '#agentConnection.closing',
                  actions: { type: 'keepReason', params: { reason: 'no HTTP/2 settings came in time' } },
                },
              },
              on: { 'settings.received': 'vacant' },
            },
            vacant: {
              tags: ['transient'],
              after: {
                vacancy: {
                  target: '#agentConnection.closing',
                  actions: {
                    type: 'keepReason',
                    params: { reason: 'nobody authenticated on this connection' },
                  },
                },
              },
              on: {
                'agent.authenticated': 'occupied',
                'agent.undecided': { target: 'vacant', reenter: true },
              },
            },
            occupied: { tags: ['healthy'] },
          },
        },
        keepalive: {
          tags: ['healthy'],
          initial: 'quiet',
          states: {
            quiet: { after: { keepalive: 'probing' } },
            probing: {
              entry: { type: 'ping', params: named },
              after: { pingAck: '#agentConnection.stale' },
              on: { 'ping.acknowledged': 'quiet' },
            },
          },
        },
        age: {
          initial: 'young',
          on: {
            'stop.requested': [
              {
                guard: { type: 'hasItsTurn', params: turnOf },
                target: '.leaving',
                actions: { type: 'keepTurn', params: turnOf },
              },
              '.expired',
            ],
          },
          states: {
            young: { tags: ['healthy'], after: { goAway: 'goingAway' } },
            leaving: {
              description: 'kas stops, others are sent away first (C6).',
              tags: ['transient'],
              after: { turn: 'expired' },
              on: { 'stop.requested': { guard: { type: 'hasItsTurn', params: turnOf } } },
            },
            goingAway: {
              tags: ['transient'],
              entry: { type: 'goAway', params: named },
              after: { expire: 'expired' },
            },
            expired: {
              tags: ['transient'],
              entry: [
                { type: 'goAway', params: named },
                { type: 'expireIdle', params: named },
              ],
              after: {
                cutLeft: {
                  target: '#agentConnection.closing',
                  actions: { type: 'keepReason', params: { reason: 'connection reached its maximum age' } },
                },
              },
              on: { 'stop.requested': {} },
            },
          },
        },
      },
    },
    stale: {
      tags: ['down'],
      entry: [
        { type: 'keepReason', params: { reason: 'keepalive ping was not answered' } },
        { type: 'markStale', params: named },
        {
          type: 'cut',
          params: ({ context }) => ({ connectionId: context.connectionId, reason: context.reason }),
        },
      ],
      after: { lastCall: 'gone' },
      on: { 'stop.requested': 'gone' },
    },
    closing: {
      tags: ['transient'],
      entry: {
        type: 'cut',
        params: ({ context }) => ({ connectionId: context.connectionId, reason: context.reason }),
      },
      after: { lastCall: 'gone' },
      on: { 'stop.requested': 'gone' },
    },
    gone: { type: 'final' },
  },
});

function named({ context }: { context: Context }) {
  return { connectionId: context.connectionId };
}

function turnOf({ event }: { event: { readonly afterMs?: number } }): Turn {
  return { afterMs: event.afterMs ?? 0 };
}
