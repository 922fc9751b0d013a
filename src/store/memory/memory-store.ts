/**
 * The Store port in this process's memory: for a kas that stands alone, for tests and for the simulator. Everything is
 * decided synchronously, so each operation is atomic. It loses all on restart, which is right: agents register again.
 */
import type { Clock, ConnectedAgent, Counter, Metrics, Store } from '../../ports/index.ts';
import { AgentTable } from './agent-table.ts';
import { memoryStoreLimits, sweepMs, type MemoryStoreLimits } from './limits.ts';
import { MemoryErrors } from './shared-errors.ts';
import { TokenQuota } from './token-quota.ts';

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly limits?: Partial<MemoryStoreLimits>;
  readonly metrics?: Metrics;
}

/** Makes an empty store. It holds no timer: expired entries go when something is written, at most every 30 s. */
export function memoryStore(options: MemoryStoreOptions): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly sharedErrors: MemoryErrors;
  readonly #clock: Clock;
  readonly #agents: AgentTable;
  readonly #quota: TokenQuota;
  readonly #overflows: Counter | undefined;
  #sweepAt = 0;

  constructor({ clock, limits, metrics }: MemoryStoreOptions) {
    const all = { ...memoryStoreLimits, ...limits };
    this.#clock = clock;
    this.#agents = new AgentTable(all);
    this.#quota = new TokenQuota(all.quotaTokensMax);
    this.sharedErrors = new MemoryErrors(clock, all.sharedErrorsMax, () => this.#overflow('shared_errors'));
    this.#overflows = metrics?.counter({
      name: 'store_overflows_total',
      help: 'Entries refused, pushed out or left uncounted because a table of the memory store was full.',
      labelNames: ['table'],
    });
    metrics?.observed(
      { name: 'store_connections', help: 'Connections in the memory store, expired ones included.' },
      () => this.#agents.size,
    );
    metrics?.observed(
      { name: 'store_shared_errors', help: 'Refusals of GitLab remembered in the memory store.' },
      () => this.sharedErrors.size,
    );
  }

  registerAgent(agent: ConnectedAgent, ttlMs: number): Promise<boolean> {
    this.#sweep();
    const outcome = this.#agents.register(agent, this.#clock.now(), ttlMs);
    if (outcome === 'full') this.#overflow('connections');
    return Promise.resolve(outcome === 'written');
  }

  unregisterAgent(agentId: bigint, connectionId: bigint, incarnation: number): Promise<void> {
    this.#agents.unregister(agentId, connectionId, incarnation);
    return Promise.resolve();
  }

  agentsById(agentId: bigint): Promise<readonly ConnectedAgent[]> {
    return Promise.resolve(this.#agents.byAgent(agentId, this.#clock.now()));
  }

  agentsByProject(projectId: bigint): Promise<readonly ConnectedAgent[]> {
    return Promise.resolve(this.#agents.byProject(projectId, this.#clock.now()));
  }

  connectedAgents(): Promise<number> {
    return Promise.resolve(this.#agents.agents(this.#clock.now()));
  }

  takeTokenQuota(tokenHash: string, limitPerMinute: number): Promise<boolean> {
    const outcome = this.#quota.take(tokenHash, limitPerMinute, this.#clock.now());
    if (outcome === 'uncounted') this.#overflow('token_quota');
    return Promise.resolve(outcome !== 'exhausted');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #sweep(): void {
    const now = this.#clock.monotonic();
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + sweepMs;
    this.#agents.sweep(this.#clock.now());
    this.sharedErrors.sweep();
  }

  #overflow(table: string): void {
    this.#overflows?.inc({ table });
  }
}
