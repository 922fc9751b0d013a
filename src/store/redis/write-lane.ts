/**
 * The one lane on which this kas writes agents' entries, on a connection of its own because WATCH belongs to a connection.
 *
 * W1. One transaction at a time. What comes meanwhile goes into the next one, so a crowd of agents costs few round trips
 *     and no timer.
 * W2. Two writes to one connection of an agent are never in one transaction; their order is kept.
 * W3. Bounded in number and in time: what waited too long is answered `late` and not sent.
 */
import type { Clock } from '../../ports/index.ts';
import { connectionName, writeAgents, type AgentWrite, type WriteOutcome } from './agent-transaction.ts';
import type { RedisConnection } from './connection.ts';
import { StoreFailure } from './failure.ts';
import type { RedisKeys } from './keys.ts';
import { redisLimits } from './limits.ts';

interface Waiting {
  readonly write: AgentWrite;
  readonly since: number;
  readonly done: (outcome: WriteOutcome) => void;
  readonly failed: (error: unknown) => void;
}
type Work = () => Promise<void>;

export interface WriteLaneDeps {
  readonly borrow: () => RedisConnection;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  /** Longest a write may wait for its turn. */
  readonly waitMsMax: number;
}

export class WriteLane {
  readonly #deps: WriteLaneDeps;
  #writes: Waiting[] = [];
  readonly #works: Work[] = [];
  #running: Promise<void> | undefined;

  constructor(deps: WriteLaneDeps) {
    this.#deps = deps;
  }

  /** Writes that wait for their turn. */
  get pending(): number {
    return this.#writes.length;
  }

  get idle(): boolean {
    return this.#running === undefined;
  }

  write(write: AgentWrite): Promise<WriteOutcome> {
    if (this.pending >= redisLimits.writesPendingMax) {
      return Promise.reject(new StoreFailure('busy', 'too many writes wait for Redis')); // W3
    }
    return new Promise((done, failed) => {
      this.#writes.push({ write, since: this.#deps.clock.monotonic(), done, failed });
      this.#run();
    });
  }

  /** Does other work with the connection, with no transaction beside it. */
  exclusive<T>(work: (connection: RedisConnection) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // A missing connection is a failure of this work like any other.
      this.#works.push(() => this.#borrowed(work).then(resolve, reject));
      this.#run();
    });
  }

  /** Resolves when all that was handed over is done. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #run(): void {
    this.#running ??= this.#serve().finally(() => {
      this.#running = undefined;
      if (this.#writes.length + this.#works.length > 0) this.#run();
    });
  }

  async #serve(): Promise<void> {
    await Promise.resolve(); // what is handed over in the same breath belongs together
    while (this.#writes.length + this.#works.length > 0) {
      const batch = this.#nextBatch();
      if (batch.length > 0) await this.#commit(batch);
      await this.#works.shift()?.();
    }
  }

  async #borrowed<T>(work: (connection: RedisConnection) => Promise<T>): Promise<T> {
    return work(this.#deps.borrow());
  }

  #nextBatch(): Waiting[] {
    const names = new Set<string>();
    const { clock, waitMsMax } = this.#deps;
    let size = 0;
    while (size < Math.min(this.#writes.length, redisLimits.writesPerTransactionMax)) {
      const waiting = this.#writes[size];
      const name = waiting === undefined ? '' : connectionName(waiting.write);
      if (names.has(name)) break; // W2
      names.add(name);
      size++;
    }
    const now = clock.monotonic();
    return this.#writes.splice(0, size).filter(({ since, failed }) => {
      if (now - since <= waitMsMax) return true;
      failed(new StoreFailure('late', 'waited too long for its turn')); // W3
      return false;
    });
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#transaction(batch.map(({ write }) => write));
      batch.forEach(({ done }, index) => done(outcomes[index] ?? 'absent'));
    } catch (error) {
      for (const { failed } of batch) failed(error);
    }
  }

  async #transaction(writes: readonly AgentWrite[]): Promise<readonly WriteOutcome[]> {
    const { borrow, keys, clock } = this.#deps;
    for (let tried = 0; tried < redisLimits.transactionTriesMax; tried++) {
      const outcomes = await writeAgents(borrow(), keys, writes, clock.now());
      if (outcomes !== undefined) return outcomes;
    }
    throw new StoreFailure('conflict', 'others keep writing to the same agents');
  }
}
