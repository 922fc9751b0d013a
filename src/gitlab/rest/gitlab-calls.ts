/**
 * Runs questions to GitLab as actors: gives `statecharts/gitlab-call.ts` its hands. Each is one temporary child of one
 * supervisor; how many there are, how long they wait and what they come to is counted.
 *
 * 1. At most `callsMax` at a time; the next one is answered `failed` at once.
 * 2. An answer outlives its actor: its body is read by whoever asked, under his own signal.
 */
import type { Readable } from 'node:stream';
import { fromPromise, type AnyActorLogic } from 'xstate';
import type { Clock, Counter, Histogram, Log, Metrics, Random } from '../../ports/index.ts';
import {
  DynamicSupervisor,
  guarded,
  Registry,
  reportsToLog,
  watch,
  type TransitionObserver,
} from '../../supervisor/index.ts';
import {
  gitlabCallBackoffMs,
  gitlabCallMachine,
  type CallTry,
  type CallTurn,
} from '../../../statecharts/index.ts';
import type { ExchangeAnswer, ExchangeOutcome } from './exchange.ts';
import { restLimits, restTimes } from './limits.ts';
import { TokenBucket, type RateLimit } from './token-bucket.ts';

export interface Question {
  /** Value of the metrics' label `call`. */
  readonly name: string;
  readonly triesMax: number;
  /** One try. */
  readonly attempt: (signal: AbortSignal) => Promise<ExchangeOutcome>;
}

export interface GitLabCallsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly observe?: TransitionObserver | undefined;
  readonly rateLimit: RateLimit;
}

interface Call {
  readonly question: Question;
  readonly signal: AbortSignal;
  answer: ExchangeAnswer | undefined;
}

const limiterName = 'gitlab_client';
const tooMany: ExchangeOutcome = {
  kind: 'failed',
  again: false,
  reason: 'too many questions to GitLab are under way',
};

export class GitLabCalls {
  readonly #deps: GitLabCallsDeps;
  readonly #supervisor: DynamicSupervisor;
  readonly #logic: AnyActorLogic;
  readonly #bucket: TokenBucket;
  readonly #calls = new Map<string, Call>();
  readonly #requests: Counter;
  readonly #blocked: Histogram;
  #made = 0;

  constructor(deps: GitLabCallsDeps) {
    const { clock, random, log, metrics, rateLimit, observe } = deps;
    this.#deps = deps;
    this.#bucket = new TokenBucket(rateLimit, restTimes.turnMsMax, clock);
    this.#supervisor = new DynamicSupervisor(
      { id: 'gitlab-calls', maxChildren: restLimits.callsMax },
      {
        clock,
        random,
        registry: new Registry(),
        report: reportsToLog(log),
        ...(observe === undefined ? {} : { observe }),
      },
    );
    this.#requests = metrics.counter({
      name: 'gitlab_requests_total',
      help: 'Requests to GitLab, each try of its own, by the status of the answer; failed: none came.',
      labelNames: ['call', 'status'],
    });
    this.#blocked = metrics.histogram({
      name: 'limiter_block_duration_milliseconds',
      help: 'How long something waited under a rate limit.',
      labelNames: ['limiter_name', 'allowed'],
      buckets: [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000],
    });
    metrics
      .gauge({
        name: 'limiter_limit',
        help: 'The limit of a rate limit.',
        labelNames: ['limiter_name', 'unit'],
      })
      .set(rateLimit.refillPerSecond, { limiter_name: limiterName, unit: '{refill/s}' });
    const description = { name: 'gitlab_calls', help: 'Questions to GitLab under way.' };
    metrics.observed(description, () => this.#calls.size);
    metrics.observed(
      { name: 'gitlab_calls_max', help: 'How many questions to GitLab may be under way.' },
      () => restLimits.callsMax,
    );
    this.#logic = this.#makeLogic();
  }

  start(): Promise<void> {
    return this.#supervisor.start();
  }

  /** Ends what is under way; bodies of answers go on until their readers are done. */
  stop(): Promise<void> {
    return this.#supervisor.stop('GitLab is no longer asked');
  }

  /** The answer to the last try, or why there is none. */
  async run(question: Question, signal: AbortSignal): Promise<ExchangeOutcome> {
    await Promise.resolve(); // whoever asks may be in the middle of a step of his own actor
    const callId = `gitlab-call:${++this.#made}`;
    const call: Call = { question, signal, answer: undefined };
    this.#calls.set(callId, call);
    const started = this.#supervisor.startChild({
      id: callId,
      logic: this.#logic,
      input: { callId, triesMax: question.triesMax },
      restart: 'temporary',
    });
    if (started.kind === 'refused') {
      this.#calls.delete(callId);
      return started.reason === 'full' ? tooMany : failed('kas is stopping'); // 1
    }
    const { ref } = started;
    return new Promise((resolve) => {
      const leave = (): void => ref.send({ type: 'caller.left' });
      watch(ref, (exit) => {
        signal.removeEventListener('abort', leave);
        this.#calls.delete(callId);
        const output = exit.kind === 'normal' ? (exit.output as { kind: string; reason?: string }) : exit;
        if (output.kind === 'answered' && call.answer !== undefined) return resolve(call.answer); // 2
        if (call.answer !== undefined) discard(call.answer.body);
        if (exit.kind === 'crashed') return resolve(failed('the question to GitLab crashed'));
        resolve(failed('reason' in output ? (output.reason ?? '') : 'cancelled'));
      });
      if (signal.aborted) leave();
      else signal.addEventListener('abort', leave, { once: true });
    });
  }

  #makeLogic(): AnyActorLogic {
    const { random } = this.#deps;
    return guarded(
      gitlabCallMachine.provide({
        actors: {
          takeTurn: fromPromise(({ signal }) => this.#turn(signal)),
          ask: fromPromise(({ input, signal }) => this.#try(this.#calls.get(input.callId), signal)),
        },
        actions: {
          dropAnswer: (_, { callId }) => {
            const call = this.#calls.get(callId);
            if (call?.answer !== undefined) discard(call.answer.body);
            if (call !== undefined) call.answer = undefined;
          },
        },
        delays: {
          backoff: ({ context }) =>
            Math.max(gitlabCallBackoffMs(context.tries), context.retryAfterMs) * (1 + random.next() * 0.2),
        },
      }),
    );
  }

  #turn(signal: AbortSignal): Promise<CallTurn> {
    const { clock } = this.#deps;
    const turn = this.#bucket.reserve();
    const allowed = turn.kind === 'reserved';
    const waitMs = allowed ? turn.waitMs : 0;
    this.#blocked.observe(waitMs, { limiter_name: limiterName, allowed: String(allowed) });
    if (!allowed) {
      const reason = 'the rate limit of questions to GitLab is exhausted (gitlab.api_rate_limit)';
      return Promise.resolve({ kind: 'refused', reason });
    }
    if (waitMs === 0) return Promise.resolve({ kind: 'taken' });
    return new Promise((resolve) => {
      const leave = (): void => {
        clock.clearTimeout(timer);
        turn.giveBack();
        resolve({ kind: 'refused', reason: 'cancelled' });
      };
      const timer = clock.setTimeout(() => {
        signal.removeEventListener('abort', leave);
        resolve({ kind: 'taken' });
      }, waitMs);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  async #try(call: Call | undefined, signal: AbortSignal): Promise<CallTry> {
    if (call === undefined) return { kind: 'failed', again: false, reason: 'the question is over' };
    // The actor may leave while it asks; the answer, once there, is the caller's alone.
    const left = new AbortController();
    const leave = (): void => left.abort();
    signal.addEventListener('abort', leave, { once: true });
    const outcome = await call.question.attempt(AbortSignal.any([call.signal, left.signal]));
    signal.removeEventListener('abort', leave);
    const status = outcome.kind === 'answered' ? String(outcome.statusCode) : 'failed';
    this.#requests.inc({ call: call.question.name, status });
    if (outcome.kind === 'failed') return outcome;
    if (signal.aborted) discard(outcome.body);
    else call.answer = outcome;
    const retryAfterMs = retryAfter(outcome);
    const again = isTrouble(outcome.statusCode) && retryAfterMs <= restTimes.retryAfterMsMax;
    return { kind: 'answered', again, retryAfterMs };
  }
}

/** `spec/gitlab.md §1.3`. */
function isTrouble(statusCode: number): boolean {
  return statusCode === 429 || (statusCode >= 500 && statusCode !== 501);
}

function retryAfter({ statusCode, headers }: ExchangeAnswer): number {
  if (statusCode !== 429 && statusCode !== 503) return 0;
  const value = headerOf(headers, 'retry-after') ?? '';
  return /^\d{1,9}$/.test(value) ? Number(value) * 1000 : 0;
}

/** The first value of a header; `name` in lower case. */
export function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i]?.toLowerCase() === name) return headers[i + 1];
  return undefined;
}

/** Reads on a little, so that the connection can be used again, then leaves. */
export function discard(body: Readable): void {
  let bytes = 0;
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > restLimits.drainBytesMax) body.destroy();
  });
}

function failed(reason: string): ExchangeOutcome {
  return { kind: 'failed', again: false, reason };
}
