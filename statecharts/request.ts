/**
 * One pending request of CI, a user or another kas to an agent, from its arrival to its verdict. The HTTP exchange (or the
 * gRPC call) belongs to the actor and is known here by id only; bodies never come near this chart. Six events in a good
 * life: granted, absent, claimed, finished, and the two ends. Runs compiled, so it is flat (`src/supervisor/compile.ts`).
 *
 * R1. Nothing is looked for before GitLab granted the request (`spec/kas.md §5.5`).
 * R2. The search has one deadline over all its rounds (`spec/wire.md §7.1`): `findUntilMs` is fixed when it begins, and the
 *     facts that change its state say when they happened (`atMs`, monotonic), because a chart does not read clocks.
 * R3. A tunnel that died before anything was sent costs a new round, not the request; after `lossesMax` rounds it does.
 * R4. A claimed tunnel is forwarded on, released or lost; a second claim for the same request is released at once.
 * R5. Actions may answer synchronously: what they send is queued behind the running step. `leaveWaiters` has withdrawn
 *     every search when it returns, so no claim can come after the end.
 */
import { assign, setup } from 'xstate';

export const requestLimits = { findMs: 20_000, authorizeMs: 60_000, lossesMax: 8 } as const;

type Input = {
  readonly requestId: string;
  readonly agentId: bigint;
  /** What asks and with which rights: the key to the right authorisation, and the label of its metrics. */
  readonly kind: 'ci' | 'user' | 'session' | 'peer';
  readonly findMsMax?: number;
  readonly authorizeMsMax?: number;
};
type Context = Required<Input> & {
  readonly atMs: number;
  readonly findUntilMs: number;
  readonly losses: number;
  readonly tunnelId: string;
  readonly httpStatus: number;
  /** Of a refusal, of a failed search, or how the forwarding ended. */
  readonly reason: string;
};
type Refusal = { readonly httpStatus: number; readonly reason: string };
type At = { readonly atMs: number };
type Event =
  | ({ readonly type: 'authorization.granted' } & At)
  | ({ readonly type: 'authorization.refused' } & Refusal)
  | { readonly type: 'tunnel.claimed'; readonly tunnelId: string }
  | ({ readonly type: 'tunnel.absent' } & At)
  /** The claimed tunnel is gone and nothing of the request was sent on it. */
  | ({ readonly type: 'tunnel.lost'; readonly tunnelId: string } & At)
  /** The directory cannot take the request: too many waiters, or it is stopping. */
  | { readonly type: 'search.failed'; readonly reason: string }
  | { readonly type: 'forward.finished'; readonly tunnelId: string; readonly outcome: string }
  | { readonly type: 'client.gone' }
  | { readonly type: 'stop.requested' };
type Output =
  | { readonly kind: 'forwarded'; readonly outcome: string }
  | ({ readonly kind: 'refused' } & Refusal)
  | { readonly kind: 'timedOut' | 'unreachable'; readonly code: number; readonly message: string }
  | { readonly kind: 'abandoned' };
type Named = { readonly requestId: string };
type OnTunnel = Named & { readonly tunnelId: string };

const defaults = { findMsMax: requestLimits.findMs, authorizeMsMax: requestLimits.authorizeMs };
const nothingYet = { atMs: 0, findUntilMs: 0, losses: 0, tunnelId: '', httpStatus: 0, reason: '' };
/** Code 4 is DEADLINE_EXCEEDED, 14 below UNAVAILABLE (`spec/wire.md §7.1`). */
const notFound = { code: 4, message: 'Agent connection not found. Is agent up to date and connected?' };
const failed = (context: Context) => ({ code: 14, message: `Find tunnel failed: ${context.reason}` });
const named = ({ context: { requestId, agentId } }: { context: Context }) => ({ requestId, agentId });
const onTunnel = ({ context: { requestId, tunnelId } }: { context: Context }) => ({ requestId, tunnelId });
const refusalOf = ({ httpStatus, reason }: Refusal) => ({ httpStatus, reason });
const refusing = ({ context: c }: { context: Context }) => ({ requestId: c.requestId, ...refusalOf(c) });
const failing = ({ context: c }: { context: Context }) => ({ requestId: c.requestId, ...failed(c) });
const refusalSaid = ({ event }: { event: Refusal }) => refusalOf(event);
const otherTunnel = ({
  context: { requestId },
  event,
}: {
  context: Context;
  event: { tunnelId: string };
}) => ({
  requestId,
  tunnelId: event.tunnelId,
});
const time = ({ event: { atMs } }: { event: At }) => ({ atMs });
const tunnel = ({ event: { tunnelId } }: { event: { tunnelId: string } }) => ({ tunnelId });
const reason = ({ event }: { event: { reason: string } }) => ({ reason: event.reason });
const slow = { httpStatus: 500, reason: 'GitLab did not answer in time' };
const keepSlowness = { type: 'keepRefusal', params: slow } as const;
const ours = { type: 'ours', params: tunnel } as const;
const keepTunnel = { type: 'keepTunnel', params: tunnel } as const;
const keepTime = { type: 'keepTime', params: time } as const;
const keepReason = { type: 'keepReason', params: reason } as const;
const cancelForwarding = { type: 'cancelForwarding', params: onTunnel } as const;

export const requestMachine = setup({
  types: { context: {} as Context, events: {} as Event, input: {} as Input, output: {} as Output },
  actions: {
    authorize: (_, _params: Named & { agentId: bigint; kind: Input['kind'] }) => {},
    /** Ask for an idle tunnel now; answered by `tunnel.claimed`, `tunnel.absent` or `search.failed`. */
    locate: (_, _params: Named & { agentId: bigint }) => {},
    joinWaiters: (_, _params: Named & { agentId: bigint }) => {},
    /** Withdraw every search of this request, if there is one. */
    leaveWaiters: (_, _params: Named) => {},
    forward: (_, _params: OnTunnel) => {},
    cancelForwarding: (_, _params: OnTunnel) => {},
    releaseTunnel: (_, _params: OnTunnel) => {},
    refuse: (_, _params: Named & Refusal) => {},
    /** Answer with a gRPC status (502 with its text for HTTP clients, `spec/wire.md §11.3`). */
    failSearch: (_, _params: Named & { code: number; message: string }) => {},
    beginSearch: assign(({ context }, { atMs }: At) => ({ atMs, findUntilMs: atMs + context.findMsMax })),
    keepTime: assign((_, { atMs }: At) => ({ atMs })),
    keepTunnel: assign((_, { tunnelId }: { tunnelId: string }) => ({ tunnelId })),
    keepReason: assign((_, { reason }: { reason: string }) => ({ reason })),
    keepRefusal: assign((_, params: Refusal) => params),
    countLoss: assign({ losses: ({ context }) => context.losses + 1, tunnelId: '' }),
  },
  guards: {
    ours: ({ context }, { tunnelId }: { tunnelId: string }) => tunnelId === context.tunnelId,
    oursAndLossesLeft: ({ context }, { tunnelId }: { tunnelId: string }) =>
      tunnelId === context.tunnelId && context.losses < requestLimits.lossesMax,
  },
  delays: {
    authorizeDeadline: ({ context }) => context.authorizeMsMax,
    findDeadline: ({ context }) => Math.max(0, context.findUntilMs - context.atMs),
  },
}).createMachine({
  id: 'request',
  description: 'One request to an agent: authorise it, find it a tunnel, forward it, give its verdict.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...defaults, ...input, ...nothingYet }),
  initial: 'authorizing',
  output: ({ event }) => event.output as Output,
  states: {
    authorizing: {
      tags: ['transient'],
      meta: { owner: 'authorisation with GitLab' },
      entry: { type: 'authorize', params: ({ context }) => ({ ...named({ context }), kind: context.kind }) },
      after: { authorizeDeadline: { target: 'refused', actions: keepSlowness } },
      on: {
        'authorization.granted': { target: 'locating', actions: { type: 'beginSearch', params: time } },
        'authorization.refused': { target: 'refused', actions: { type: 'keepRefusal', params: refusalSaid } },
        'client.gone': 'abandoned',
        'stop.requested': 'abandoned',
      },
    },
    locating: {
      tags: ['transient'],
      meta: { owner: 'tunnel directory' },
      entry: { type: 'locate', params: named },
      exit: { type: 'leaveWaiters', params: named },
      after: { findDeadline: 'timedOut' },
      on: {
        'tunnel.claimed': { target: 'forwarding', actions: keepTunnel },
        'tunnel.absent': { target: 'waiting', actions: keepTime },
        'search.failed': { target: 'unreachable', actions: keepReason },
        'client.gone': 'abandoned',
        'stop.requested': 'abandoned',
      },
    },
    waiting: {
      tags: ['degraded'],
      meta: { owner: 'tunnel directory' },
      entry: { type: 'joinWaiters', params: named },
      exit: { type: 'leaveWaiters', params: named },
      after: { findDeadline: 'timedOut' },
      on: {
        'tunnel.claimed': { target: 'forwarding', actions: keepTunnel },
        'search.failed': { target: 'unreachable', actions: keepReason },
        'client.gone': 'abandoned',
        'stop.requested': 'abandoned',
      },
    },
    forwarding: {
      tags: ['healthy'],
      meta: { owner: 'pipe' },
      entry: { type: 'forward', params: onTunnel },
      on: {
        'forward.finished': {
          guard: ours,
          target: 'done',
          actions: { type: 'keepReason', params: ({ event }) => ({ reason: event.outcome }) },
        },
        'tunnel.lost': [
          {
            guard: { type: 'oursAndLossesLeft', params: tunnel },
            target: 'locating',
            actions: ['countLoss', keepTime],
          },
          {
            guard: ours,
            target: 'unreachable',
            actions: { type: 'keepReason', params: { reason: 'the agent keeps losing its tunnels' } },
          },
        ],
        'tunnel.claimed': { actions: { type: 'releaseTunnel', params: otherTunnel } },
        'client.gone': { target: 'abandoned', actions: cancelForwarding },
        'stop.requested': { target: 'abandoned', actions: cancelForwarding },
      },
    },
    done: { type: 'final', output: ({ context }) => ({ kind: 'forwarded', outcome: context.reason }) },
    refused: {
      type: 'final',
      entry: { type: 'refuse', params: refusing },
      output: ({ context }) => ({ kind: 'refused', ...refusalOf(context) }),
    },
    timedOut: {
      type: 'final',
      entry: { type: 'failSearch', params: ({ context }) => ({ requestId: context.requestId, ...notFound }) },
      output: { kind: 'timedOut', ...notFound },
    },
    unreachable: {
      type: 'final',
      entry: { type: 'failSearch', params: failing },
      output: ({ context }) => ({ kind: 'unreachable', ...failed(context) }),
    },
    abandoned: { type: 'final', output: { kind: 'abandoned' } },
  },
});
