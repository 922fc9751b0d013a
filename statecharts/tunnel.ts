/**
 * kas side of one reverse tunnel: one `Connect` stream of an agent whose descriptor has arrived (`spec/wire.md §6.4`). It is
 * offered to requests, carries one, and, if the agent agreed to reuse, comes back idle with a fresh descriptor. Runs
 * compiled, so it is flat (`src/supervisor/compile.ts`). Who owns the stream is the point of the states:
 *
 *   idle        the tunnel directory        forwarding, finishing   the request's pipe
 *   claimed     the claiming request        rearming, done, lost    the tunnel's own actor
 *
 * T1. Only an idle tunnel can be claimed, and only its claimant moves it on: release, start and finish name the request.
 * T2. A tunnel is in the directory exactly while it is idle (`offer` on entry, `withdraw` on exit).
 * T3. Age and stop end an unused tunnel with OK, so the agent opens a new one at once; a running exchange is finished first.
 * T4. A claimant whose tunnel goes away before it was used is told (`loseClaim`) and searches again.
 * T5. What the network says counts only with this stream's incarnation.
 */
import { assign, setup } from 'xstate';
import type { Tone } from './tone.ts';

export const tunnelLimits = { claimMs: 30_000, rearmMs: 10_000 } as const;

type Input = {
  readonly tunnelId: string;
  readonly agentId: bigint;
  readonly incarnation: number;
  /** How long a claim may stay unused. */
  readonly claimMsMax?: number;
  /** How long a reused stream may take to send its next descriptor. */
  readonly rearmMsMax?: number;
};
type Context = Required<Input> & {
  readonly requestId: string;
  /** What ends the Connect call: a gRPC status. */
  readonly code: number;
  readonly message: string;
};
type Claim = { readonly requestId: string };
type Incarnated = { readonly incarnation: number };
type Reuse = { readonly reusable: boolean };
type Status = { readonly code: number; readonly message: string };
type Event =
  | ({ readonly type: 'claim.requested' } & Claim)
  | ({ readonly type: 'release.requested' } & Claim)
  | ({ readonly type: 'forward.started' } & Claim)
  /** The status is for the agent's Connect call; `reusable` only after a clean exchange with an agent that reuses. */
  | ({ readonly type: 'forward.finished' } & Claim & Reuse & Status)
  | ({ readonly type: 'descriptor.received' } & Incarnated)
  /** The agent half-closed a stream that nobody uses. */
  | ({ readonly type: 'peer.finished' } & Incarnated)
  | ({ readonly type: 'peer.closed'; readonly reason: string } & Incarnated)
  | { readonly type: 'age.expired' }
  | { readonly type: 'stop.requested' };
type Output =
  | ({ readonly kind: 'answered' } & Status)
  /** The stream is gone: there is nobody to answer. */
  | { readonly kind: 'lost'; readonly reason: string };
type Named = { readonly tunnelId: string };

const defaults = { claimMsMax: tunnelLimits.claimMs, rearmMsMax: tunnelLimits.rearmMs };
const named = ({ context: { tunnelId, agentId } }: { context: Context }) => ({ tunnelId, agentId });
const claim = ({ event: { requestId } }: { event: Claim }) => ({ requestId });
const incarnation = ({ event }: { event: Incarnated }) => ({ incarnation: event.incarnation });
const claimant = ({ context: { tunnelId, requestId } }: { context: Context }) => ({ tunnelId, requestId });
const reuse = ({ event: e }: { event: Claim & Reuse }) => ({ requestId: e.requestId, reusable: e.reusable });
const statusOf = ({ code, message }: Status) => ({ code, message });
const answer = ({ context: c }: { context: Context }) => ({ tunnelId: c.tunnelId, ...statusOf(c) });
const status = ({ event: { code, message } }: { event: Status }) => ({ code, message });
const reason = ({ event }: { event: { reason: string } }) => ({ message: event.reason });
const ours = { type: 'ours', params: claim } as const;
const current = { type: 'current', params: incarnation } as const;
const loseClaim = { type: 'loseClaim', params: claimant } as const;
const keepStatus = { type: 'keepStatus', params: status } as const;
const keepReason = { type: 'keepReason', params: reason } as const;

export const tunnelMachine = setup({
  types: {
    context: {} as Context,
    events: {} as Event,
    input: {} as Input,
    output: {} as Output,
    tags: {} as 'claimable' | Tone,
  },
  actions: {
    offer: (_, _params: Named & { agentId: bigint }) => {},
    withdraw: (_, _params: Named & { agentId: bigint }) => {},
    loseClaim: (_, _params: Named & Claim) => {},
    /** Ends the Connect call with this status; nothing to do if the stream is gone already. */
    finishCall: (_, _params: Named & Status) => {},
    keepClaim: assign((_, { requestId }: Claim) => ({ requestId })),
    dropClaim: assign({ requestId: '' }),
    keepStatus: assign((_, { code, message }: Status) => ({ code, message })),
    keepReason: assign((_, { message }: { message: string }) => ({ message })),
  },
  guards: {
    ours: ({ context }, { requestId }: Claim) => requestId === context.requestId,
    current: ({ context }, params: Incarnated) => params.incarnation === context.incarnation,
    oursAndReusable: ({ context }, { requestId, reusable }: Claim & Reuse) =>
      reusable && requestId === context.requestId,
  },
  delays: {
    claimDeadline: ({ context }) => context.claimMsMax,
    rearmDeadline: ({ context }) => context.rearmMsMax,
  },
}).createMachine({
  id: 'tunnel',
  description:
    'kas side of one reverse tunnel: offered, claimed, used; offered again where the agent agrees.',
  options: { maxIterations: 100 },
  context: ({ input }) => ({ ...defaults, ...input, requestId: '', code: 0, message: '' }),
  initial: 'idle',
  output: ({ event }) => event.output as Output,
  on: { 'peer.closed': { guard: current, target: '.lost', actions: keepReason } },
  states: {
    idle: {
      meta: { owner: 'tunnel directory' },
      tags: ['claimable', 'healthy'],
      entry: { type: 'offer', params: named },
      exit: { type: 'withdraw', params: named },
      on: {
        'claim.requested': { target: 'claimed', actions: { type: 'keepClaim', params: claim } },
        'peer.finished': { guard: current, target: 'done' },
        'age.expired': 'done',
        'stop.requested': 'done',
      },
    },
    claimed: {
      tags: ['healthy'],
      meta: { owner: 'claiming request' },
      after: { claimDeadline: { target: 'idle', actions: [loseClaim, 'dropClaim'] } },
      on: {
        'release.requested': { guard: ours, target: 'idle', actions: 'dropClaim' },
        'forward.started': { guard: ours, target: 'forwarding' },
        'peer.finished': { guard: current, target: 'done', actions: loseClaim },
        'peer.closed': { guard: current, target: 'lost', actions: [loseClaim, keepReason] },
        'age.expired': { target: 'done', actions: loseClaim },
        'stop.requested': { target: 'done', actions: loseClaim },
      },
    },
    forwarding: {
      tags: ['healthy'],
      meta: { owner: 'pipe of the request' },
      on: {
        'forward.finished': [
          { guard: { type: 'oursAndReusable', params: reuse }, target: 'rearming', actions: 'dropClaim' },
          { guard: ours, target: 'done', actions: keepStatus },
        ],
        'age.expired': 'finishing',
        'stop.requested': 'finishing',
      },
    },
    finishing: {
      description: 'The last exchange: age or stop came while forwarding.',
      tags: ['transient'],
      meta: { owner: 'pipe of the request' },
      on: {
        'forward.finished': { guard: ours, target: 'done', actions: keepStatus },
        'stop.requested': {},
      },
    },
    rearming: {
      tags: ['transient'],
      meta: { owner: 'tunnel actor' },
      after: { rearmDeadline: 'done' },
      on: {
        'descriptor.received': { guard: current, target: 'idle' },
        'peer.finished': { guard: current, target: 'done' },
        'age.expired': 'done',
        'stop.requested': 'done',
      },
    },
    done: {
      type: 'final',
      entry: { type: 'finishCall', params: answer },
      output: ({ context }) => ({ kind: 'answered', ...statusOf(context) }),
    },
    lost: { type: 'final', output: ({ context }) => ({ kind: 'lost', reason: context.message }) },
  },
});
