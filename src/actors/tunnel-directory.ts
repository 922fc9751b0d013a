/**
 * Which tunnels can serve which agent, and who waits for one. Plain data with one owner; the lives around it are the
 * tunnel and request actors. Claiming is synchronous, so a tunnel is never given twice.
 *
 * D1. A tunnel is in the directory only while its actor is idle; `claim` takes it out before the caller sees it.
 * D2. Waiters are served first come, first served, and only by a tunnel that supports their method.
 * D3. Newest tunnel first: a pool that has grown can then shrink, because its surplus stays unused.
 * D4. Waiters per agent are bounded; the bound is an answer, not a crash.
 */

/** What the directory needs to know of a tunnel. */
export interface OfferedTunnel {
  readonly tunnelId: string;
  readonly agentId: bigint;
  /** True when the agent behind it serves this gRPC method. */
  supports(method: string): boolean;
}

/** Somebody waiting for a tunnel of an agent. `give` must take it: the tunnel is out of the directory already. */
export interface Waiter<T extends OfferedTunnel> {
  readonly agentId: bigint;
  readonly method: string;
  give(tunnel: T): void;
}

interface AgentEntry<T extends OfferedTunnel> {
  readonly idle: T[];
  /** In the order of arrival. An array: a Set that changes all the time burdens the collector (`Population`). */
  readonly waiters: Waiter<T>[];
}

export class TunnelDirectory<T extends OfferedTunnel> {
  readonly #agents = new Map<bigint, AgentEntry<T>>();
  readonly #waitersPerAgentMax: number;
  #idle = 0;
  #waiting = 0;

  constructor(options: { readonly waitersPerAgentMax: number }) {
    this.#waitersPerAgentMax = options.waitersPerAgentMax;
  }

  get idleTunnels(): number {
    return this.#idle;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Idle tunnels of one agent. */
  idleOf(agentId: bigint): number {
    return this.#agents.get(agentId)?.idle.length ?? 0;
  }

  /**
   * Puts an idle tunnel in, or hands it to the first waiter it can serve.
   * @returns `given` when a waiter got it, `kept` when it is now idle here
   */
  offer(tunnel: T): 'given' | 'kept' {
    const entry = this.#entry(tunnel.agentId);
    const at = entry.waiters.findIndex(({ method }) => tunnel.supports(method));
    const waiter = entry.waiters[at];
    if (waiter !== undefined) {
      entry.waiters.splice(at, 1);
      this.#waiting--;
      this.#forget(tunnel.agentId, entry);
      waiter.give(tunnel);
      return 'given';
    }
    entry.idle.push(tunnel);
    this.#idle++;
    return 'kept';
  }

  /** Takes a tunnel out because it ended; unknown tunnels are ignored (it may have been claimed). */
  withdraw(tunnel: T): void {
    const entry = this.#agents.get(tunnel.agentId);
    const at = entry?.idle.lastIndexOf(tunnel) ?? -1;
    if (entry === undefined || at < 0) return;
    entry.idle.splice(at, 1);
    this.#idle--;
    this.#forget(tunnel.agentId, entry);
  }

  /** Takes an idle tunnel that serves the method, newest first. */
  claim(agentId: bigint, method: string): T | undefined {
    const entry = this.#agents.get(agentId);
    if (entry === undefined) return undefined;
    for (let at = entry.idle.length - 1; at >= 0; at--) {
      const tunnel = entry.idle[at];
      if (tunnel === undefined || !tunnel.supports(method)) continue;
      entry.idle.splice(at, 1);
      this.#idle--;
      this.#forget(agentId, entry);
      return tunnel;
    }
    return undefined;
  }

  /** Queues a waiter; false when the agent has as many as it may have. */
  wait(waiter: Waiter<T>): boolean {
    const entry = this.#entry(waiter.agentId);
    if (entry.waiters.length >= this.#waitersPerAgentMax) return false;
    entry.waiters.push(waiter);
    this.#waiting++;
    return true;
  }

  /** Takes a waiter back; harmless when it was served meanwhile. */
  leave(waiter: Waiter<T>): void {
    const entry = this.#agents.get(waiter.agentId);
    const at = entry?.waiters.indexOf(waiter) ?? -1;
    if (entry === undefined || at < 0) return;
    entry.waiters.splice(at, 1);
    this.#waiting--;
    this.#forget(waiter.agentId, entry);
  }

  #entry(agentId: bigint): AgentEntry<T> {
    let entry = this.#agents.get(agentId);
    if (entry === undefined) {
      entry = { idle: [], waiters: [] };
      this.#agents.set(agentId, entry);
    }
    return entry;
  }

  #forget(agentId: bigint, entry: AgentEntry<T>): void {
    if (entry.idle.length === 0 && entry.waiters.length === 0) this.#agents.delete(agentId);
  }
}
