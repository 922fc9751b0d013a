/**
 * How calls to the shared store fare: counted one by one, told in the log when a kind of call begins to fail and when it
 * works again. While no connection is ready the link has told why, and the calls say nothing.
 */
import type { Clock, Counter, Log, Metrics } from '../../ports/index.ts';
import { plainText, StoreFailure } from './failure.ts';

export type CallName =
  | 'register_agent'
  | 'unregister_agent'
  | 'read_agents'
  | 'count_agents'
  | 'take_quota'
  | 'get_error'
  | 'set_error'
  | 'publish'
  | 'remove_expired';

export class CallJournal {
  readonly #log: Log;
  readonly #calls: Counter;
  readonly #undecodable: Counter;
  readonly #overflows: Counter;
  /** Kinds of calls that fail at present, and how often they did. */
  readonly #failing = new Map<CallName, number>();
  readonly #labels = new Map<string, { readonly call: string; readonly outcome: string }>();

  constructor(log: Log, metrics: Metrics) {
    this.#log = log;
    this.#calls = metrics.counter({
      name: 'redis_calls_total',
      help: 'Calls to the shared store by kind and outcome: ok, offline, late, busy, refused, conflict.',
      labelNames: ['call', 'outcome'],
    });
    this.#undecodable = metrics.counter({
      name: 'redis_undecodable_total',
      help: 'Values and messages in Redis that are not what their key or channel says; they are skipped.',
      labelNames: ['kind'],
    });
    this.#overflows = metrics.counter({
      name: 'redis_overflows_total',
      help: 'Entries refused, left out or left uncounted because a bound of the shared store was met.',
      labelNames: ['bound'],
    });
  }

  /** Does the call and takes note of it. */
  async told<T>(call: CallName, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.#count(call, 'ok');
      const failures = this.#failing.get(call);
      if (failures !== undefined) {
        this.#failing.delete(call);
        this.#log.info('Redis does what it is asked again', { call, failures });
      }
      return result;
    } catch (error) {
      const kind = error instanceof StoreFailure ? error.kind : 'refused';
      this.#count(call, kind);
      if (kind !== 'offline') this.#tell(call, error);
      throw error;
    }
  }

  undecodable(kind: string): void {
    this.#undecodable.inc({ kind });
    this.#log.debug('A value in Redis is not what its name says, skipping it', { kind });
  }

  overflow(bound: string): void {
    this.#overflows.inc({ bound });
  }

  #tell(call: CallName, error: unknown): void {
    const failures = (this.#failing.get(call) ?? 0) + 1;
    this.#failing.set(call, failures);
    if (failures === 1)
      this.#log.error('Redis does not do what it is asked', { call, reason: plainText(error) });
  }

  #count(call: CallName, outcome: string): void {
    const name = `${call} ${outcome}`;
    let labels = this.#labels.get(name);
    if (labels === undefined) this.#labels.set(name, (labels = { call, outcome }));
    this.#calls.inc(labels);
  }
}

/** How far Redis's clock is from ours, measured with each sign of life; told when it is much. */
export class ClockOffset {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #msMax: number;
  #ms = 0;
  #told = false;

  constructor(clock: Clock, log: Log, metrics: Metrics, msMax: number) {
    this.#clock = clock;
    this.#log = log;
    this.#msMax = msMax;
    metrics.observed(
      {
        name: 'redis_clock_offset_seconds',
        help: "Redis's clock less this kas's; entries expire by the clocks of the kas instances.",
      },
      () => this.#ms / 1_000,
    );
  }

  /** `time` is the reply to TIME; `askedAt` the clock when it was sent. */
  measured(time: unknown, askedAt: number): void {
    if (!Array.isArray(time)) return;
    const redisMs = Number(String(time[0])) * 1_000 + Math.floor(Number(String(time[1])) / 1_000);
    if (!Number.isFinite(redisMs)) return;
    this.#ms = redisMs - (askedAt + this.#clock.now()) / 2;
    const far = Math.abs(this.#ms) > this.#msMax;
    if (far && !this.#told) {
      this.#log.warn(
        'The clocks of this kas and of Redis differ; entries of agents may count as expired too early or too late, keep the clocks in step',
        { offset_ms: Math.round(this.#ms) },
      );
    }
    this.#told = far;
  }
}
