/**
 * Gives `statecharts/request.ts` its hands: every pending request to an agent, from whatever front it came. The front owns
 * the exchange (an HTTP request and its response); this file finds it a tunnel and joins the two.
 */
import type { OutputFrom } from 'xstate';
import { requestMachine } from '../../statecharts/index.ts';
import type { Clock, Histogram } from '../ports/index.ts';
import type { RpcStatus } from '../protocol/index.ts';
import {
  compileMachine,
  Population,
  type CompiledLogicFrom,
  type DeadlineWheel,
  type HotActorOf,
  type HotSupervisor,
  type TransitionObserver,
} from '../supervisor/index.ts';
import { grantReuse, type Tunnel, type Tunnels } from './tunnel.actor.ts';
import type { TunnelDirectory, Waiter } from './tunnel-directory.ts';

/** How an exchange over a tunnel ended, as the front's pipe tells it. */
export interface ForwardResult {
  /** For metrics and the recorder: `served`, `clientGone`, ... `untaken`: not executed, another tunnel may be tried. */
  readonly outcome: string;
  readonly reusable: boolean;
  /** What the agent's Connect call is answered with when the tunnel is not reused. */
  readonly ending: RpcStatus;
}

export type Authorization =
  | { readonly kind: 'granted' }
  | { readonly kind: 'refused'; readonly httpStatus: number; readonly reason: string };

/** A pending request as its front sees it. Each method is called at most once. */
export interface Exchange {
  readonly agentId: bigint;
  readonly kind: 'ci' | 'user' | 'session' | 'peer';
  /** The gRPC method the tunnel has to support. */
  readonly method: string;
  /** Asks GitLab; may answer at once. */
  authorize(answer: (authorization: Authorization) => void): void;
  /** Joins the exchange with a claimed tunnel; `done` exactly once. */
  forward(tunnel: Tunnel, done: (result: ForwardResult) => void): { cancel(reason: string): void };
  refuse(httpStatus: number, reason: string): void;
  fail(code: number, message: string): void;
  /** The caller went away, or kas stops: answer if anybody is left to hear it. */
  abandoned(): void;
}

export interface RequestsDeps {
  readonly supervisor: () => HotSupervisor;
  readonly directory: TunnelDirectory<Tunnel>;
  readonly tunnels: () => Tunnels;
  readonly wheel: DeadlineWheel;
  readonly observe: TransitionObserver | undefined;
  readonly clock: Clock;
  readonly routingSeconds: Histogram;
  readonly findMsMax: number;
  /** Told of each request at its end; must not throw. */
  readonly onEnded?: (ended: EndedRequest) => void;
}

/** A request as people see it. Times are of the monotonic clock. */
export interface SeenRequest {
  readonly requestId: string;
  readonly exchange: Pick<Exchange, 'agentId' | 'kind' | 'method'>;
  readonly startedMs: number;
  /** When a tunnel had it; undefined when none had. */
  readonly forwardedMs: number | undefined;
  readonly state: string;
}

export interface EndedRequest {
  readonly request: SeenRequest;
  readonly output: OutputFrom<typeof requestMachine> | undefined;
}

type RequestActor = HotActorOf<typeof requestMachine>;

class PendingRequest implements Waiter<Tunnel>, RequestHandle, SeenRequest {
  readonly requestId: string;
  readonly exchange: Exchange;
  actor: RequestActor | undefined;
  waiting = false;
  searchedSinceMs = 0;
  forwarded: { cancel(reason: string): void } | undefined;
  readonly startedMs: number;
  forwardedMs: number | undefined;

  constructor(requestId: string, exchange: Exchange, startedMs: number) {
    this.requestId = requestId;
    this.exchange = exchange;
    this.startedMs = startedMs;
  }
  get state(): string {
    return this.actor?.snapshot.value ?? '';
  }
  get agentId(): bigint {
    return this.exchange.agentId;
  }
  get method(): string {
    return this.exchange.method;
  }
  get forwarding(): boolean {
    return this.forwarded !== undefined;
  }
  clientGone(): void {
    this.actor?.send({ type: 'client.gone' });
  }
  /** A tunnel came while we waited. */
  give(tunnel: Tunnel): void {
    this.waiting = false;
    this.claimed(tunnel);
  }
  claimed(tunnel: Tunnel): void {
    tunnel.claim(this.requestId);
    this.actor?.send({ type: 'tunnel.claimed', tunnelId: tunnel.tunnelId });
  }
}

/** What a front keeps of its request. */
export interface RequestHandle {
  /** True once the pipe has the exchange (and watches the caller itself). */
  readonly forwarding: boolean;
  /** The caller went away. */
  clientGone(): void;
}

export class Requests {
  readonly #deps: RequestsDeps;
  readonly #logic: CompiledLogicFrom<typeof requestMachine>;
  readonly #byId = new Population<PendingRequest>();
  #made = 0;

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
    const find = (id: string) => this.#byId.get(id);
    this.#logic = compileMachine<typeof requestMachine>(requestMachine, {
      wheel: deps.wheel,
      observe: deps.observe,
      actions: {
        authorize: (_, { requestId }) => this.#authorize(find(requestId)),
        locate: (_, { requestId }) => this.#locate(find(requestId)),
        joinWaiters: (_, { requestId }) => this.#join(find(requestId)),
        leaveWaiters: (_, { requestId }) => this.#leave(find(requestId)),
        forward: (_, { requestId, tunnelId }) => this.#forward(find(requestId), tunnelId),
        cancelForwarding: (_, { requestId }) => find(requestId)?.forwarded?.cancel('the caller went away'),
        releaseTunnel: (_, { requestId, tunnelId }) => deps.tunnels().get(tunnelId)?.release(requestId),
        refuse: (_, { requestId, httpStatus, reason }) =>
          find(requestId)?.exchange.refuse(httpStatus, reason),
        failSearch: (_, { requestId, code, message }) => find(requestId)?.exchange.fail(code, message),
      },
    });
  }

  get count(): number {
    return this.#byId.size;
  }

  /** Oldest first. */
  living(limit: number): readonly SeenRequest[] {
    return this.#byId.values().slice(0, limit);
  }

  /** Begins the life of a request; undefined when there are as many as there may be. */
  start(exchange: Exchange): RequestHandle | undefined {
    const pending = new PendingRequest(`request:${++this.#made}`, exchange, this.#deps.clock.monotonic());
    this.#byId.add(pending.requestId, pending);
    const { agentId, kind } = exchange;
    const actor = this.#deps.supervisor().startChild(this.#logic, {
      id: pending.requestId,
      input: { requestId: pending.requestId, agentId, kind, findMsMax: this.#deps.findMsMax },
      onCreated: (created) => (pending.actor = created),
      onDone: ({ output }) => {
        this.#byId.delete(pending.requestId);
        if (output === undefined || output.kind === 'abandoned') exchange.abandoned();
        this.#deps.onEnded?.({ request: pending, output });
      },
    });
    if (actor === undefined) {
      this.#byId.delete(pending.requestId);
      return undefined;
    }
    return pending;
  }

  /** kas stops and waits no longer: every request ends now. */
  abandonAll(): void {
    for (const { actor } of this.#byId.values()) actor?.send({ type: 'stop.requested' });
  }

  /** A claimed tunnel went away before anything was sent on it. */
  claimLost(requestId: string, tunnelId: string): void {
    const atMs = this.#deps.clock.monotonic();
    this.#byId.get(requestId)?.actor?.send({ type: 'tunnel.lost', tunnelId, atMs });
  }

  #authorize(pending: PendingRequest | undefined): void {
    pending?.exchange.authorize((answer) => {
      if (answer.kind === 'granted') {
        pending.actor?.send({ type: 'authorization.granted', atMs: this.#deps.clock.monotonic() });
      } else {
        const { httpStatus, reason } = answer;
        pending.actor?.send({ type: 'authorization.refused', httpStatus, reason });
      }
    });
  }

  #locate(pending: PendingRequest | undefined): void {
    if (pending === undefined) return;
    const { directory, clock } = this.#deps;
    pending.searchedSinceMs = clock.monotonic();
    const tunnel = directory.claim(pending.agentId, pending.method);
    if (tunnel === undefined) pending.actor?.send({ type: 'tunnel.absent', atMs: clock.monotonic() });
    else pending.claimed(tunnel);
  }

  #join(pending: PendingRequest | undefined): void {
    if (pending === undefined) return;
    pending.waiting = this.#deps.directory.wait(pending);
    if (!pending.waiting) {
      pending.actor?.send({ type: 'search.failed', reason: 'too many requests wait for this agent' });
    }
  }

  #leave(pending: PendingRequest | undefined): void {
    if (pending === undefined || !pending.waiting) return;
    pending.waiting = false;
    this.#deps.directory.leave(pending);
  }

  #forward(pending: PendingRequest | undefined, tunnelId: string): void {
    if (pending === undefined) return;
    const { clock, routingSeconds } = this.#deps;
    const { requestId, actor, exchange } = pending;
    const tunnel = this.#deps.tunnels().get(tunnelId);
    if (tunnel === undefined || !tunnel.call.stream.open) {
      actor?.send({ type: 'tunnel.lost', tunnelId, atMs: clock.monotonic() });
      return;
    }
    pending.forwardedMs = clock.monotonic();
    routingSeconds.observe((pending.forwardedMs - pending.searchedSinceMs) / 1000, routed);
    tunnel.forwardStarted(requestId);
    grantReuse(tunnel);
    pending.forwarded = exchange.forward(tunnel, ({ outcome, reusable, ending }) => {
      tunnel.forwardFinished(requestId, reusable && tunnel.reuse, ending);
      if (outcome === 'untaken') {
        pending.forwarded = undefined;
        actor?.send({ type: 'tunnel.lost', tunnelId, atMs: clock.monotonic() });
      } else actor?.send({ type: 'forward.finished', tunnelId, outcome });
    });
  }
}

const routed = { status: 'success' } as const;
