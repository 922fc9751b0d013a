/**
 * agentk side of the one connection to kas that carries every RPC and every tunnel (`spec/wire.md §4.4`): when to dial, how
 * long each phase may take, when a silent peer is dead, how long to wait. The actor's resource has the sockets by incarnation.
 *
 * L1. No state lacks a timed way out except `connected`, and there a ping is out at most `pingAck`.
 * L2. An event of another incarnation than the current one never moves the session (guard `current`).
 * L3. Going away is make before break: the old connection keeps its streams (`retired`), the new one is dialled beside it.
 * L4. Failures are forgotten only after `proven` of uptime, so a kas that accepts and drops is not hammered; the first dial
 *     waits `startDelay`, so a crash loop is no dial loop. Being sent away in good order never makes the wait long.
 * L5. Before HTTP/2 there is a ladder (TCP, proxy, TLS, WebSocket); a hop has its own deadline, so silence has a name.
 * L6. A refusal (bad token, unknown agent) is waited out for long, and never given up.
 */
import { assign, fromCallback, setup } from 'xstate';
import type { Tone } from './tone.ts';

type Input = {
  /** Random wait before the first dial, chosen by the actor's maker; 0 in tests. */
  readonly startDelayMs: number;
};
type Context = Input & {
  /** Names the connection being dialled or used; grows by one per dial. */
  readonly incarnation: number;
  /** Connections in a row that failed or were not up long enough to count as good. */
  readonly failures: number;
  readonly refusals: number;
};
/** What of a connection is being waited for, or its last ping. */
type Hop = 'tcp' | 'proxy' | 'tls' | 'upgrade' | 'http2' | 'keepalive';
type Named = { readonly incarnation: number };
type Fact<T extends string> = T extends string ? { readonly type: T } & Named : never;
type Event =
  /** A hop was reached and the next one has begun; which ones there are depends on address and proxies. */
  | Fact<'proxy.begun' | 'tls.begun' | 'upgrade.begun' | 'http2.begun'>
  | Fact<'settings.received' | 'ping.acknowledged' | 'goaway.received' | 'call.accepted'>
  | ({ readonly type: 'connection.closed' } & Loss)
  | ({ readonly type: 'call.refused' } & Refusal)
  | ({ readonly type: 'upgrade.redirected' } & Redirect)
  | { readonly type: 'retired.emptied' }
  | { readonly type: 'stop.requested' };
type Output = { readonly kind: 'stopped' };
type Loss = Named & { readonly reason: string; readonly remedy: string };
type Redirect = Named & { readonly to: string };
type Silence = Named & { readonly at: Hop };
type Refusal = Named & { readonly code: number; readonly message: string };

/** The numbers of `spec/wire.md §4.3` and `§4.4`; the rest is ours. */
export const agentLinkDelays = {
  dialMs: 20_000,
  proxyMs: 20_000,
  tlsMs: 10_000,
  upgradeMs: 20_000,
  handshakeMs: 20_000,
  pingMs: 55_000,
  pingAckMs: 20_000,
  provenMs: 30_000,
  backoffInitMs: 1_000,
  backoffFactor: 1.6,
  backoffMsMax: 120_000,
  backoffJitter: 0.2, // of the actor: ± this share
  sentAwayMax: 3, // as many failures count at most after GOAWAY
  refusedInitMs: 30_000,
  refusedMsMax: 300_000,
} as const;

/** Wait after so many failures in a row, without jitter. */
export function linkBackoffMs(failures: number): number {
  const { backoffInitMs, backoffFactor, backoffMsMax } = agentLinkDelays;
  return Math.min(backoffInitMs * backoffFactor ** Math.min(Math.max(failures - 1, 0), 16), backoffMsMax);
}

/** Wait after so many refusals in a row, without jitter. */
export function linkRefusedMs(refusals: number): number {
  const { refusedInitMs, refusedMsMax } = agentLinkDelays;
  return Math.min(refusedInitMs * 2 ** Math.min(Math.max(refusals - 1, 0), 8), refusedMsMax);
}

const current = { type: 'current', params: theirs } as const;
const redirect = ({ event: { incarnation, to } }: { event: Redirect }) => ({ incarnation, to });
const reportRedirect = { type: 'reportRedirect', params: redirect } as const;
const afterTls = {
  'upgrade.begun': { guard: current, target: 'upgrading' },
  'http2.begun': { guard: current, target: 'handshaking' },
} as const;
const afterProxy = { 'tls.begun': { guard: current, target: 'securing' }, ...afterTls } as const;
const afterTcp = { 'proxy.begun': { guard: current, target: 'proxying' }, ...afterProxy } as const;

export const agentLinkMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'ready' | Tone,
  },
  actors: { sockets: fromCallback(() => undefined) }, // owns them all: ended with the actor, also when that crashes
  actions: {
    nextIncarnation: assign({ incarnation: ({ context }) => context.incarnation + 1 }),
    countFailure: assign({ failures: ({ context }) => context.failures + 1 }),
    forgiveFailures: assign({ failures: 0 }),
    boundFailures: assign({
      failures: ({ context }) => Math.min(context.failures, agentLinkDelays.sentAwayMax),
    }),
    countRefusal: assign({ refusals: ({ context }) => context.refusals + 1 }),
    forgiveRefusals: assign({ refusals: 0 }),
    dial: (_, _params: Named) => {},
    announce: (_, _params: Named) => {},
    withdraw: (_, _params: Named) => {},
    retire: (_, _params: Named) => {},
    /** Cuts a connection that went silent and reports where. */
    drop: (_, _params: Silence) => {},
    ping: (_, _params: Named) => {},
    pingRetired: () => {},
    dropSilentRetired: () => {},
    reportLoss: (_, _params: Loss) => {},
    reportRedirect: (_, _params: Redirect) => {},
    reportRefusal: (_, _params: Refusal) => {},
    reportAcceptance: (_, _params: Named) => {},
  },
  guards: {
    current: ({ context }, params: Named) => params.incarnation === context.incarnation,
    currentAndProven: ({ context }, params: Named) =>
      params.incarnation === context.incarnation && context.failures === 0,
    currentAndRefused: ({ context }, params: Named) =>
      params.incarnation === context.incarnation && context.refusals > 0,
  },
  delays: {
    startDelay: ({ context }) => context.startDelayMs,
    dialDeadline: agentLinkDelays.dialMs,
    proxyDeadline: agentLinkDelays.proxyMs,
    tlsDeadline: agentLinkDelays.tlsMs,
    upgradeDeadline: agentLinkDelays.upgradeMs,
    handshakeDeadline: agentLinkDelays.handshakeMs,
    pingPeriod: agentLinkDelays.pingMs,
    pingAck: agentLinkDelays.pingAckMs,
    proven: agentLinkDelays.provenMs,
    // The actor provides these two with jitter.
    backoff: ({ context }) => linkBackoffMs(context.failures),
    refusedWait: ({ context }) => linkRefusedMs(context.refusals),
  },
}).createMachine({
  id: 'agentLink',
  description: 'agentk side of its one connection to kas: the ladder up, keep alive, go away, back off.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...input, incarnation: 0, failures: 0, refusals: 0 }),
  initial: 'running',
  output: { kind: 'stopped' },
  states: {
    running: {
      type: 'parallel',
      invoke: { id: 'sockets', src: 'sockets', onError: 'stopped' },
      on: { 'stop.requested': 'stopped' },
      states: {
        session: {
          initial: 'delaying',
          states: {
            delaying: { tags: ['transient'], after: { startDelay: 'connecting' } },
            /** The ladder: each hop has its own deadline, and hops that are not on the way are passed over. */
            connecting: {
              tags: ['transient'],
              entry: ['nextIncarnation', { type: 'dial', params: own }],
              on: {
                'connection.closed': {
                  guard: current,
                  target: 'backingOff',
                  actions: ['countFailure', { type: 'reportLoss', params: closed }],
                },
              },
              initial: 'dialing',
              states: {
                dialing: { after: { dialDeadline: givenUp('tcp') }, on: afterTcp },
                proxying: { after: { proxyDeadline: givenUp('proxy') }, on: afterProxy },
                securing: { after: { tlsDeadline: givenUp('tls') }, on: afterTls },
                // A redirect climbs the ladder again, within this state's time.
                upgrading: {
                  after: { upgradeDeadline: givenUp('upgrade') },
                  on: {
                    'upgrade.redirected': { guard: current, actions: reportRedirect },
                    'http2.begun': { guard: current, target: 'handshaking' },
                  },
                },
                handshaking: {
                  after: { handshakeDeadline: givenUp('http2') },
                  on: {
                    'settings.received': { guard: current, target: '#agentLink.running.session.connected' },
                  },
                },
              },
            },
            connected: {
              tags: ['ready', 'healthy'],
              // Counted up front and forgiven when proven (L4): whatever ends it early leaves a failure behind.
              entry: ['countFailure', { type: 'announce', params: own }],
              exit: { type: 'withdraw', params: own },
              after: { proven: { actions: 'forgiveFailures' } },
              on: {
                'connection.closed': {
                  guard: current,
                  target: 'backingOff',
                  actions: { type: 'reportLoss', params: closed },
                },
                'goaway.received': [
                  {
                    guard: { type: 'currentAndProven', params: theirs },
                    target: 'connecting',
                    actions: { type: 'retire', params: theirs },
                  },
                  {
                    guard: current,
                    target: 'backingOff',
                    actions: ['boundFailures', { type: 'retire', params: theirs }],
                  },
                ],
                'call.refused': {
                  guard: current,
                  target: 'refused',
                  actions: [
                    'countRefusal',
                    { type: 'retire', params: theirs },
                    { type: 'reportRefusal', params: refusal },
                  ],
                },
                'call.accepted': {
                  guard: { type: 'currentAndRefused', params: theirs },
                  actions: ['forgiveRefusals', { type: 'reportAcceptance', params: theirs }],
                },
              },
              initial: 'quiet',
              states: {
                quiet: { after: { pingPeriod: 'pinging' } },
                pinging: {
                  entry: { type: 'ping', params: own },
                  after: {
                    pingAck: {
                      target: '#agentLink.running.session.backingOff',
                      actions: { type: 'drop', params: silentAt('keepalive') },
                    },
                  },
                  on: {
                    'ping.acknowledged': { guard: current, target: 'quiet' },
                  },
                },
              },
            },
            backingOff: { tags: ['down'], after: { backoff: 'connecting' } },
            refused: { tags: ['down'], after: { refusedWait: 'connecting' } },
          },
        },
        /** Connections that take no new streams: they finish what they have, and are watched like the current one (L3). */
        retired: {
          tags: ['healthy'],
          initial: 'none',
          states: {
            none: {
              on: {
                'goaway.received': { guard: current, target: 'draining' },
                'call.refused': { guard: current, target: 'draining' },
              },
            },
            draining: { after: { pingPeriod: 'checking' }, on: { 'retired.emptied': 'none' } },
            checking: {
              entry: 'pingRetired',
              after: { pingAck: { target: 'draining', actions: 'dropSilentRetired' } },
              on: { 'retired.emptied': 'none' },
            },
          },
        },
      },
    },
    stopped: { type: 'final' },
  },
});

function own({ context }: { context: Context }): Named {
  return { incarnation: context.incarnation };
}

function theirs({ event }: { event: Named }): Named {
  return { incarnation: event.incarnation };
}

function closed({ event }: { event: Loss }): Loss {
  return { incarnation: event.incarnation, reason: event.reason, remedy: event.remedy };
}

function refusal({ event: { incarnation, code, message } }: { event: Refusal }): Refusal {
  return { incarnation, code, message };
}

function silentAt(at: Hop) {
  return ({ context }: { context: Context }): Silence => ({ incarnation: context.incarnation, at });
}

/** What the end of a hop's time does. */
function givenUp(at: Hop) {
  return {
    target: '#agentLink.running.session.backingOff',
    actions: ['countFailure', { type: 'drop', params: silentAt(at) }],
  } as const;
}
