/**
 * Gives `statecharts/tunnel.ts` its hands: the `Connect` streams of agents (`spec/wire.md §6.4`). Each stream waits for its
 * descriptor, is offered to the directory, lent to one request at a time, and answered when its chart says so.
 *
 * U1. Outside an exchange this file is the stream's handler; during one the pipe is. Nobody else reads it.
 * U2. A stream that speaks when it has nothing to say is ended with INVALID_ARGUMENT (`spec/wire.md §3.2`).
 * U3. A session's chart hears at once of its first and last tunnel, of other changes a little later: without reuse every
 *     request ends one tunnel and begins another.
 */
import { tunnelMachine } from '../../statecharts/index.ts';
import type { MessageHandler, ServerCall, StreamEnd } from '../pipe/grpc/index.ts';
import type { Log } from '../ports/index.ts';
import { decodeTunnelUp, isRetirement, type ServiceDescriptor } from '../protocol/envelope/index.ts';
import { firstValue, status, StatusCode, type Metadata, type RpcStatus } from '../protocol/index.ts';
import {
  compileMachine,
  Population,
  type CompiledLogicFrom,
  type DeadlineWheel,
  type HotActorOf,
  type HotSupervisor,
  type TransitionObserver,
} from '../supervisor/index.ts';
import type { AgentSession, SessionTenant } from './agent-session.actor.ts';
import { actorLimits, actorTimes } from './limits.ts';
import type { OfferedTunnel, TunnelDirectory } from './tunnel-directory.ts';

/** Asked by an agent that can serve several requests on one stream, and granted with the same key. */
export const tunnelReuseKey = 'kastor-tunnel-reuse';
const reuseGranted: Metadata = new Map([[tunnelReuseKey, ['1']]]);

export interface TunnelsDeps {
  readonly supervisor: () => HotSupervisor;
  readonly directory: TunnelDirectory<Tunnel>;
  readonly wheel: DeadlineWheel;
  readonly observe: TransitionObserver | undefined;
  readonly log: Log;
  /** False serves every agent in the form of the originals: one request per stream. */
  readonly reuse: boolean;
  /** A claimant's tunnel went away before it was used. */
  readonly onClaimLost: (requestId: string, tunnelId: string) => void;
}

type TunnelActor = HotActorOf<typeof tunnelMachine>;

/** One stream of an agent, as requests see it. */
export class Tunnel implements OfferedTunnel, SessionTenant, MessageHandler {
  readonly tunnelId: string;
  readonly agentId: bigint;
  readonly call: ServerCall;
  readonly session: AgentSession;
  readonly reuse: boolean;
  actor: TunnelActor | undefined;
  #services: readonly ServiceDescriptor[] = [];
  readonly #onDescriptor: (tunnel: Tunnel) => void;
  readonly #onEnd: (tunnel: Tunnel) => void;

  constructor(options: {
    readonly tunnelId: string;
    readonly call: ServerCall;
    readonly session: AgentSession;
    readonly agentId: bigint;
    readonly reuse: boolean;
    readonly onDescriptor: (tunnel: Tunnel) => void;
    readonly onEnd: (tunnel: Tunnel) => void;
  }) {
    this.tunnelId = options.tunnelId;
    this.call = options.call;
    this.session = options.session;
    this.agentId = options.agentId;
    this.reuse = options.reuse;
    this.#onDescriptor = options.onDescriptor;
    this.#onEnd = options.onEnd;
  }

  /** The first entry of the descriptor that names the service decides (`spec/wire.md §6.3`). */
  supports(method: string): boolean {
    const slash = method.lastIndexOf('/');
    const service = method.slice(1, slash);
    const name = method.slice(slash + 1);
    for (const entry of this.#services) if (entry.name === service) return entry.methods.includes(name);
    return false;
  }

  claim(requestId: string): void {
    this.actor?.send({ type: 'claim.requested', requestId });
  }

  release(requestId: string): void {
    this.actor?.send({ type: 'release.requested', requestId });
  }

  forwardStarted(requestId: string): void {
    this.actor?.send({ type: 'forward.started', requestId });
  }

  /** The exchange is over and the stream is ours again, open or not. */
  forwardFinished(requestId: string, reusable: boolean, ending: RpcStatus): void {
    this.call.stream.handler = this; // U1
    const { code, message } = ending;
    this.actor?.send({ type: 'forward.finished', requestId, reusable, code, message });
  }

  /** A stream whose descriptor has not come is idle too: nothing else would end it. */
  expireIdle(): void {
    if (this.actor === undefined) this.call.finish(status(StatusCode.OK, ''));
    else this.actor.send({ type: 'age.expired' });
  }

  /** What nobody uses ends with the refusal; a running exchange is finished first, as by age. */
  refused(ending: RpcStatus): void {
    const state = this.actor?.snapshot.value;
    if (state !== 'forwarding' && state !== 'finishing') this.call.finish(ending);
    this.actor?.send({ type: 'age.expired' });
  }

  onMessage(payload: Buffer): void {
    const message = decodeTunnelUp(payload);
    const { actor } = this;
    if (message.kind === 'descriptor' && (actor === undefined || actor.snapshot.value === 'rearming')) {
      this.#services = message.services;
      if (actor === undefined) this.#onDescriptor(this);
      else actor.send({ type: 'descriptor.received', incarnation: 1 });
      return;
    }
    if (isRetirement(message)) return; // its end follows
    this.#violated(
      message.kind === 'malformed'
        ? message.status
        : status(StatusCode.InvalidArgument, `Invalid oneof value type: ${message.kind}`),
    );
  }

  onHalfClosed(): void {
    if (this.actor === undefined) this.call.finish(status(StatusCode.OK, ''));
    else this.actor.send({ type: 'peer.finished', incarnation: 1 });
  }

  onDrain(): void {}

  onClosed(end: StreamEnd): void {
    this.actor?.send({ type: 'peer.closed', reason: end.kind, incarnation: 1 });
    if (this.actor === undefined) this.#onEnd(this);
  }

  #violated(violation: RpcStatus): void {
    this.call.finish(violation); // U2
    this.actor?.send({ type: 'peer.closed', reason: violation.message, incarnation: 1 });
  }
}

export class Tunnels {
  readonly #deps: TunnelsDeps;
  readonly #logic: CompiledLogicFrom<typeof tunnelMachine>;
  readonly #byId = new Population<Tunnel>();
  readonly #perSession = new WeakMap<AgentSession, number>();
  /** Sessions whose chart does not know their present count yet. */
  readonly #untold = new Set<AgentSession>();
  #made = 0;

  constructor(deps: TunnelsDeps) {
    this.#deps = deps;
    this.#logic = compileMachine<typeof tunnelMachine>(tunnelMachine, {
      wheel: deps.wheel,
      observe: deps.observe,
      actions: {
        offer: (_, { tunnelId }) => {
          const tunnel = this.#byId.get(tunnelId);
          if (tunnel !== undefined) deps.directory.offer(tunnel);
        },
        withdraw: (_, { tunnelId }) => {
          const tunnel = this.#byId.get(tunnelId);
          if (tunnel !== undefined) deps.directory.withdraw(tunnel);
        },
        loseClaim: (_, { tunnelId, requestId }) => deps.onClaimLost(requestId, tunnelId),
        finishCall: (_, { tunnelId, code, message }) =>
          this.#byId.get(tunnelId)?.call.finish(status(code as StatusCode, message)),
      },
    });
  }

  /** Tunnels open now, idle or not. */
  get count(): number {
    return this.#byId.size;
  }

  get(tunnelId: string): Tunnel | undefined {
    return this.#byId.get(tunnelId);
  }

  /** Takes over an admitted Connect call. */
  open(call: ServerCall, session: AgentSession, agentId: bigint): void {
    if (session.movesOn(call)) return;
    const held = this.#perSession.get(session) ?? 0;
    if (held >= actorLimits.tunnelsPerSessionMax || this.#byId.size >= actorLimits.tunnelsMax) {
      call.finish(status(StatusCode.ResourceExhausted, 'too many tunnels'));
      return;
    }
    const reuse = this.#deps.reuse && firstValue(call.metadata, tunnelReuseKey) === '1';
    const tunnel = new Tunnel({
      tunnelId: `tunnel:${++this.#made}`,
      call,
      session,
      agentId,
      reuse,
      onDescriptor: (ready) => this.#begin(ready),
      onEnd: (ended) => this.#forget(ended),
    });
    this.#byId.add(tunnel.tunnelId, tunnel);
    session.tenants.add(tunnel.tunnelId, tunnel);
    this.#count(session, held + 1);
    call.stream.handler = tunnel;
  }

  #begin(tunnel: Tunnel): void {
    // Headers are sent with the first message, so the original's silence until a request arrives is kept.
    const actor = this.#deps.supervisor().startChild(this.#logic, {
      id: tunnel.tunnelId,
      input: { tunnelId: tunnel.tunnelId, agentId: tunnel.agentId, incarnation: 1 },
      onCreated: (created) => (tunnel.actor = created),
      onDone: () => this.#forget(tunnel),
    });
    if (actor === undefined) tunnel.call.finish(status(StatusCode.Unavailable, 'no more tunnels are taken'));
  }

  #forget(tunnel: Tunnel): void {
    if (!this.#byId.delete(tunnel.tunnelId)) return;
    const { session } = tunnel;
    session.tenants.delete(tunnel.tunnelId);
    this.#count(session, (this.#perSession.get(session) ?? 1) - 1);
  }

  /** U3. */
  #count(session: AgentSession, held: number): void {
    const before = this.#perSession.get(session) ?? 0;
    this.#perSession.set(session, held);
    if (held === 0 || before === 0) return session.tunnelsChanged(held);
    if (this.#untold.has(session)) return;
    this.#untold.add(session);
    this.#deps.wheel.after(actorTimes.tunnelCountMs, () => {
      this.#untold.delete(session);
      session.tunnelsChanged(this.#perSession.get(session) ?? 0);
    });
  }
}

/** The headers that grant reuse go out before the first message of a stream. */
export function grantReuse(tunnel: Tunnel): void {
  if (tunnel.reuse) tunnel.call.sendHeaders(reuseGranted);
}
