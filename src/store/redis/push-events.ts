/**
 * News of git pushes over the channel all kas share (`spec/kas.md §4.5`). The news comes back to the kas that told it the
 * same way it comes to the others, so every listener hears it once.
 *
 * P1. A listener that throws keeps no other from hearing.
 * P2. What is no push event is counted and skipped.
 */
import type { Counter, Log, Metrics, PushEvent, PushEvents } from '../../ports/index.ts';
import type { RedisConnection } from './connection.ts';
import { plainText, StoreFailure } from './failure.ts';
import type { CallJournal } from './journal.ts';
import type { RedisKeys } from './keys.ts';
import { redisLimits } from './limits.ts';
import { decodePushEvent, encodePushEvent } from './values.ts';

export interface RedisPushEventsDeps {
  readonly borrow: () => RedisConnection;
  readonly keys: RedisKeys;
  readonly journal: CallJournal;
  readonly log: Log;
  readonly metrics: Metrics;
}

export class RedisPushEvents implements PushEvents {
  readonly #deps: RedisPushEventsDeps;
  readonly #received: Counter;
  readonly #listeners = new Set<(event: PushEvent) => void>();

  constructor(deps: RedisPushEventsDeps) {
    this.#deps = deps;
    this.#received = deps.metrics.counter({
      name: 'redis_push_events_received_total',
      help: 'News of git pushes heard from Redis, those of this kas included.',
    });
    deps.metrics.observed(
      { name: 'redis_push_event_listeners', help: 'Who listens to git pushes in this kas.' },
      () => this.#listeners.size,
    );
  }

  publish(event: PushEvent): Promise<void> {
    const { borrow, keys, journal } = this.#deps;
    return journal.told('publish', async () => {
      await borrow().call('PUBLISH', keys.pushEvents, encodePushEvent(event));
    });
  }

  subscribe(listener: (event: PushEvent) => void): () => void {
    if (this.#listeners.size >= redisLimits.listenersMax) {
      throw new StoreFailure('busy', 'too many listen to git pushes');
    }
    // An own function, so that one that is given twice is told twice and stopped one by one.
    const own = (event: PushEvent) => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Listens on a connection for its life. */
  async listenOn(connection: RedisConnection): Promise<void> {
    await connection.subscribe(this.#deps.keys.pushEvents, (message) => this.#hear(message));
  }

  #hear(message: Buffer): void {
    const event = decodePushEvent(message);
    if (event === undefined) return this.#deps.journal.undecodable('push_event'); // P2
    this.#received.inc();
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#deps.log.error('A listener to git pushes failed', { reason: plainText(error) }); // P1
      }
    }
  }
}
