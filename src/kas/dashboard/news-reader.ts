/**
 * One reader of the news. It is told what it has not been told yet, so a slow one gets it later, and one that was away gets
 * what it missed.
 *
 * R1. Each frame's id is that of its news: a reader that comes back with it goes on right after.
 * R2. What is not kept any more is counted and said (`gap`), never left out in silence.
 */
import { eventFrame, type EventStream } from '../../inspect/index.ts';
import type { Clock } from '../../ports/index.ts';
import { dashboardLimits } from './limits.ts';
import type { NewsLog, NewsQuery } from './news-log.ts';
import type { NewsGap } from './wire.ts';

export class NewsReader {
  readonly #log: NewsLog;
  readonly #clock: Clock;
  readonly #query: NewsQuery;
  readonly #restarted: boolean;
  /** Whether numbers that are gone were wanted. */
  readonly #resumes: boolean;
  /** All up to here were told, or are not for this reader. */
  #told: number;
  #toldAt = 0;

  constructor(log: NewsLog, clock: Clock, query: NewsQuery, lastEventId = '') {
    this.#log = log;
    this.#clock = clock;
    this.#query = query;
    const [, epoch, sequence] = /^(\d+)-(\d+)$/.exec(lastEventId) ?? [];
    this.#restarted = epoch !== undefined && Number(epoch) !== log.epoch;
    this.#resumes = epoch !== undefined && !this.#restarted;
    this.#told = this.#resumes ? Math.min(Number(sequence), log.newest) : query.after;
  }

  begin(stream: EventStream): void {
    this.#gap(stream, this.#resumes ? this.#skip() : 0);
    this.tell(stream);
  }

  tell(stream: EventStream): void {
    if (!stream.ready) return;
    const missed = this.#skip();
    if (missed > 0) this.#gap(stream, missed);
    const { newest, epoch } = this.#log;
    const found = this.#log.after({ ...this.#query, after: this.#told }, dashboardLimits.newsPerBeatMax);
    const frames = found.map((line) => eventFrame('news', line, `${epoch}-${line.sequence}`));
    this.#told = found.length < dashboardLimits.newsPerBeatMax ? newest : (found.at(-1)?.sequence ?? newest);
    const now = this.#clock.now();
    if (frames.length === 0 && now - this.#toldAt < dashboardLimits.heartbeatMs) return;
    this.#toldAt = now;
    // The id of a beat lets a reader of few news go on from here.
    const text = frames.length > 0 ? frames.join('') : eventFrame('beat', { now }, `${epoch}-${this.#told}`);
    stream.send(text);
  }

  /** How many were lost since the last that was told (R2). */
  #skip(): number {
    const missed = Math.max(0, this.#log.oldest - 1 - this.#told);
    this.#told += missed;
    return missed;
  }

  #gap(stream: EventStream, missed: number): void {
    const gap: NewsGap = {
      now: this.#clock.now(),
      epoch: this.#log.epoch,
      missed,
      restarted: this.#restarted,
    };
    stream.send(eventFrame('gap', gap));
  }
}
