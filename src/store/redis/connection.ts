/**
 * One connection to Redis. It lives as long as its socket: it never reconnects, the link dials a new one.
 *
 * C1. Every call has a deadline. What is late is answered to nobody; the order of replies is the library's care.
 * C2. Commands given in one go stay together on the wire, so a transaction is not mixed with others' commands.
 * C3. It is lost once: by the socket, by a server that says it is a replica now, or by `close`.
 */
import { ErrorReply } from '@redis/client';
import type { Clock } from '../../ports/index.ts';
import { plainText, StoreFailure } from './failure.ts';

export type Command = readonly (string | Buffer)[];
/** A reply: null, numbers, buffers for texts, strings for statuses, arrays of those. */
export type Reply = unknown;

/** What is needed of the library's client. */
export interface RedisClient {
  sendCommand(args: readonly (string | Buffer)[]): Promise<Reply>;
  subscribe(channel: string, listener: (message: Buffer) => void, asBuffer: true): Promise<void>;
  on(event: 'error' | 'end', listener: (error?: unknown) => void): unknown;
  destroy(): void;
}

export class RedisConnection {
  readonly #client: RedisClient;
  readonly #clock: Clock;
  readonly #callMs: number;
  #onLost: ((reason: string) => void) | undefined;
  #closed = false;

  constructor(client: RedisClient, clock: Clock, callMs: number, onLost: (reason: string) => void) {
    this.#client = client;
    this.#clock = clock;
    this.#callMs = callMs;
    this.#onLost = onLost;
    client.on('error', (error) => this.#lose(plainText(error)));
    client.on('end', () => this.#lose('the connection ended'));
  }

  /** Rejects with a {@link StoreFailure}. */
  call(...args: Command): Promise<Reply> {
    return this.#inTime(() => this.#send(args));
  }

  /** MULTI, the commands, EXEC; answers their replies, or undefined when a watched key changed. */
  async transaction(commands: readonly Command[]): Promise<readonly Reply[] | undefined> {
    const replies = await this.#inTime(async () => {
      const sent = [['MULTI'], ...commands, ['EXEC']].map((command) => this.#send(command)); // C2
      const results = await Promise.allSettled(sent);
      const end = results.at(-1);
      // The reply to EXEC tells why it was not carried out; that of the refused command tells it better.
      const bad = results.find((result) => result.status === 'rejected');
      if (bad !== undefined) throw bad.reason;
      return end?.status === 'fulfilled' ? end.value : undefined;
    });
    if (!Array.isArray(replies)) return undefined;
    const failed: unknown = replies.find((reply) => reply instanceof Error);
    if (failed !== undefined) throw this.#failure(failed);
    return replies;
  }

  /** Hands every message of a channel to the listener, for the life of this connection. */
  async subscribe(channel: string, listener: (message: Buffer) => void): Promise<void> {
    await this.#inTime(() => this.#client.subscribe(channel, listener, true));
  }

  /** Ends it now; what waits is rejected. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onLost = undefined;
    this.#client.destroy();
  }

  #send(command: Command): Promise<Reply> {
    return this.#client.sendCommand(command);
  }

  #inTime<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(
        () => reject(new StoreFailure('late', `Redis did not answer within ${this.#callMs} ms`)),
        this.#callMs,
      ); // C1
      work()
        .then(resolve, (error: unknown) => reject(this.#failure(error)))
        .finally(() => this.#clock.clearTimeout(timer));
    });
  }

  #failure(error: unknown): StoreFailure {
    if (error instanceof StoreFailure) return error;
    const text = plainText(error);
    if (!isReply(error)) {
      return text.includes('queue is full')
        ? new StoreFailure('busy', 'too many commands wait for Redis', error)
        : new StoreFailure('offline', `the connection to Redis broke: ${text}`, error);
    }
    if (/^(READONLY|LOADING|MASTERDOWN)\b/.test(text)) this.#lose(`Redis serves no writes: ${text}`); // C3
    return new StoreFailure('refused', `Redis refused: ${text}`, error);
  }

  #lose(reason: string): void {
    const told = this.#onLost;
    this.close();
    told?.(reason);
  }
}

/** Redis answered, though with an error: the library's classes for that share a base. */
export function isReply(error: unknown): error is Error {
  return error instanceof ErrorReply;
}
