/**
 * What a link to Redis lends to those who call: its connection while there is one, and the reason while there is none. The
 * chart decides which (`statecharts/store-link.ts`); here are its hands.
 *
 * K1. One connection at a time; the former is closed before the next is dialled.
 * K2. A caller never waits for a connection: he has one now or fails now.
 */
import type { DialVerdict } from '../../../statecharts/index.ts';
import type { RedisConnection } from './connection.ts';
import type { Dialer } from './dialer.ts';
import { StoreFailure } from './failure.ts';

export interface LinkDuties {
  /** Makes a fresh connection fit for use; rejects when it cannot. */
  prepare?(connection: RedisConnection): Promise<void>;
  /** Asks for a sign of life. */
  probe(connection: RedisConnection): Promise<void>;
  /** Finishes what was handed over, at the end. */
  finish?(): Promise<void>;
}

export class StoreLink {
  readonly name: string;
  readonly duties: LinkDuties;
  readonly #dialer: Dialer;
  #dialled: RedisConnection | undefined;
  #lent: RedisConnection | undefined;
  #reason = 'not connected yet';

  constructor(name: string, dialer: Dialer, duties: LinkDuties) {
    this.name = name;
    this.#dialer = dialer;
    this.duties = duties;
  }

  get ready(): boolean {
    return this.#lent !== undefined;
  }

  /** Why it is not ready, for people; undefined when it is. */
  get trouble(): string | undefined {
    return this.ready ? undefined : this.#reason;
  }

  /** The connection, or a {@link StoreFailure} (K2). */
  borrow(): RedisConnection {
    if (this.#lent !== undefined) return this.#lent;
    throw new StoreFailure('offline', `Redis is not available: ${this.#reason}`);
  }

  get dialMsMax(): number {
    return this.#dialer.dialMsMax;
  }

  async dial(onLost: (reason: string) => void, signal: AbortSignal): Promise<DialVerdict> {
    this.drop(this.#reason); // K1
    const dialled = await this.#dialer.dial(onLost, signal);
    if (dialled.kind !== 'connected') {
      if (!signal.aborted) this.#reason = dialled.reason;
      return dialled;
    }
    const { connection } = dialled;
    if (signal.aborted) {
      connection.close();
      return { kind: 'unreachable', reason: 'too late' };
    }
    this.#dialled = connection;
    try {
      await this.duties.prepare?.(connection);
    } catch (error) {
      connection.close();
      return { kind: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
    }
    return { kind: 'connected' };
  }

  async probe(): Promise<void> {
    const connection = this.borrow();
    await this.duties.probe(connection);
    if (!(await this.#dialer.leadsToMaster(connection))) throw new Error('it leads to a replica now');
  }

  /** From here on callers get the connection that was dialled last. */
  lend(): void {
    this.#lent = this.#dialled;
  }

  drop(reason: string): void {
    this.#reason = reason;
    this.#lent = undefined;
    this.#dialled?.close();
    this.#dialled = undefined;
  }
}
