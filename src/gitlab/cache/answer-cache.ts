/**
 * The memory of one kind of question (`spec/gitlab.md §1.3`, `spec/kas.md §3.4`).
 *
 * 1. A success is answered from memory until its time is over.
 * 2. One question per key is under way at a time; callers wait for it together, each with its own patience.
 * 3. Of refusals only 401, 403 and 404 are remembered, and those in the shared store; it is asked before GitLab is.
 *    When the store fails, that is reported and nothing else.
 * 4. A lifetime of 0 switches the whole memory off, refusals included.
 * 5. Bounded: expired answers are swept at most once per lifetime, then the oldest makes room.
 * 6. After `forget`, no answer to a question from before is remembered.
 */
import type {
  Clock,
  Counter,
  Gauge,
  GitLabRefusal,
  GitLabResult,
  Labels,
  Log,
  Metrics,
  SharedError,
  SharedErrors,
} from '../../ports/index.ts';
import { clientErrorText } from '../../protocol/index.ts';
import { cacheLimits } from './limits.ts';
import { SharedQuestion } from './shared-question.ts';

export interface AnswerCacheOptions {
  /** Value of the metrics' label `cache`. */
  readonly name: string;
  readonly ttlMs: number;
  readonly errorTtlMs: number;
  readonly sharedErrors: SharedErrors;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly entriesMax?: number;
}

interface Question<T> {
  readonly memoryKey: string;
  /** Called on a miss only: the key costs another hash. */
  readonly errorKey: () => string;
  readonly ask: (signal: AbortSignal) => Promise<GitLabResult<T>>;
}

/** How a question was answered. */
type Lookup = 'hit' | 'joined' | 'refused' | 'asked' | 'overflow';

const statusOfKind = { unauthenticated: 401, forbidden: 403, notFound: 404 } as const;
const kindOfStatus: Readonly<Record<number, keyof typeof statusOfKind>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'notFound',
};

export class AnswerCache<T> {
  readonly #options: AnswerCacheOptions;
  readonly #entriesMax: number;
  readonly #answers = new Map<string, { readonly value: T; readonly until: number }>();
  readonly #questions = new Map<string, SharedQuestion<T>>();
  readonly #labels: { readonly cache: string };
  /** Made once: a hit is on the hot path. */
  readonly #lookupLabels: Readonly<Record<Lookup, Labels>>;
  readonly #entries: Gauge;
  readonly #lookups: Counter;
  readonly #evictions: Counter;
  #sweepAt = 0;
  #epoch = 0;

  constructor(options: AnswerCacheOptions) {
    const { metrics } = options;
    this.#options = options;
    this.#entriesMax = options.entriesMax ?? cacheLimits.entriesMax;
    this.#labels = { cache: options.name };
    const label = (result: Lookup): Labels => ({ ...this.#labels, result });
    this.#lookupLabels = {
      hit: label('hit'),
      joined: label('joined'),
      refused: label('refused'),
      asked: label('asked'),
      overflow: label('overflow'),
    };
    this.#entries = metrics.gauge({
      name: 'gitlab_cache_entries',
      help: 'Answers of GitLab kept in memory, expired ones not yet swept included.',
      labelNames: ['cache'],
    });
    this.#lookups = metrics.counter({
      name: 'gitlab_cache_lookups_total',
      help: 'Questions to GitLab by how they were answered: hit, joined (another caller was asking), refused (a remembered refusal), asked, overflow (too many under way).',
      labelNames: ['cache', 'result'],
    });
    this.#evictions = metrics.counter({
      name: 'gitlab_cache_evictions_total',
      help: 'Answers of GitLab pushed out before their time because too many were kept.',
      labelNames: ['cache'],
    });
  }

  /** A remembered success, without a promise; for the hot path. */
  peek(memoryKey: string): T | undefined {
    const found = this.#answers.get(memoryKey);
    if (found === undefined || found.until <= this.#options.clock.monotonic()) return undefined;
    this.#count('hit');
    return found.value;
  }

  answer(question: Question<T>, signal: AbortSignal): Promise<GitLabResult<T>> {
    if (this.#options.ttlMs <= 0) return question.ask(signal); // 4
    const value = this.peek(question.memoryKey);
    if (value !== undefined) return Promise.resolve({ kind: 'ok', value }); // 1
    if (signal.aborted) return Promise.resolve({ kind: 'unavailable', reason: 'cancelled' });
    return this.#shared(question).wait(signal);
  }

  /** Drops every remembered success; refusals in the shared store run out by themselves. */
  forget(): void {
    this.#epoch += 1;
    this.#answers.clear();
    this.#questions.clear();
    this.#entries.set(0, this.#labels);
  }

  #shared(question: Question<T>): SharedQuestion<T> {
    const { memoryKey } = question;
    const present = this.#questions.get(memoryKey);
    if (present !== undefined) {
      this.#count('joined');
      return present; // 2
    }
    const epoch = this.#epoch;
    const drop = (): void => {
      if (this.#questions.get(memoryKey) === started) this.#questions.delete(memoryKey);
    };
    const full = this.#questions.size >= cacheLimits.questionsMax;
    const ask = full
      ? () => Promise.resolve(tooMany)
      : (signal: AbortSignal) => this.#ask(question, epoch, signal);
    const started: SharedQuestion<T> = new SharedQuestion<T>(
      (signal) => ask(signal).finally(drop),
      this.#options.clock,
      cacheLimits.questionMsMax,
      drop,
    );
    if (full) this.#count('overflow');
    else this.#questions.set(memoryKey, started);
    return started;
  }

  async #ask(question: Question<T>, epoch: number, signal: AbortSignal): Promise<GitLabResult<T>> {
    this.#sweep();
    this.#answers.delete(question.memoryKey);
    const errorKey = question.errorKey();
    const refusal = await this.#remembered(errorKey);
    if (refusal !== undefined) {
      this.#count('refused');
      return refusal;
    }
    if (signal.aborted) return { kind: 'unavailable', reason: 'cancelled' };
    this.#count('asked');
    const result = await question.ask(signal);
    if (epoch !== this.#epoch) return result; // 6
    if (result.kind === 'ok') this.#remember(question.memoryKey, result.value);
    else if (result.kind !== 'unavailable') this.#shareRefusal(errorKey, result);
    return result;
  }

  #remember(memoryKey: string, value: T): void {
    if (this.#answers.size >= this.#entriesMax) {
      const oldest = this.#answers.keys().next();
      if (oldest.done !== true) this.#answers.delete(oldest.value); // 5
      this.#evictions.inc(this.#labels);
    }
    this.#answers.set(memoryKey, { value, until: this.#options.clock.monotonic() + this.#options.ttlMs });
    this.#entries.set(this.#answers.size, this.#labels);
  }

  #sweep(): void {
    const now = this.#options.clock.monotonic();
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + this.#options.ttlMs;
    for (const [key, { until }] of this.#answers) if (until <= now) this.#answers.delete(key);
    this.#entries.set(this.#answers.size, this.#labels);
  }

  async #remembered(errorKey: string): Promise<GitLabRefusal | undefined> {
    const { sharedErrors, clock } = this.#options;
    try {
      const found = await inTime(clock, cacheLimits.sharedErrorsMsMax, sharedErrors.get(errorKey));
      const kind = found && kindOfStatus[found.statusCode];
      if (found === undefined || kind === undefined) return undefined;
      const { statusCode, path, reason } = found;
      return { kind, reason: path === undefined ? reason : clientErrorText(statusCode, path, reason) };
    } catch (error) {
      this.#storeFailed(error);
      return undefined;
    }
  }

  /** Not waited for: the caller has its answer. */
  #shareRefusal(errorKey: string, { kind, reason, source }: GitLabRefusal): void {
    const { sharedErrors, errorTtlMs } = this.#options;
    if (errorTtlMs <= 0) return;
    const words = source === undefined ? { reason } : { path: source.path, reason: source.message };
    const error: SharedError = { statusCode: statusOfKind[kind], ...words };
    sharedErrors.set(errorKey, error, errorTtlMs).catch((failure: unknown) => this.#storeFailed(failure));
  }

  #storeFailed(failure: unknown): void {
    const error = failure instanceof Error ? failure : new Error(String(failure));
    this.#options.log.warn('Shared store of GitLab errors failed', { cache: this.#options.name, error }); // 3
  }

  #count(result: Lookup): void {
    this.#lookups.inc(this.#lookupLabels[result]);
  }
}

const tooMany = { kind: 'unavailable', reason: 'too many questions to GitLab are under way' } as const;

/** The result of `work`; rejects when it takes too long. */
function inTime<T>(clock: Clock, msMax: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => reject(new Error(`no answer within ${msMax} ms`)), msMax);
    work.then(resolve, reject).finally(() => clock.clearTimeout(timer));
  });
}
