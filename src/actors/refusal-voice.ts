/**
 * The log lines about refused agents. One for each agent that comes with a wrong token, but whoever comes without end does
 * not fill the log: beyond a measure lines are only counted, and the next one says how many were not written.
 */
import { TokenBucket } from '../pipe/grpc/index.ts';
import type { Clock, Log } from '../ports/index.ts';
import { actorLimits } from './limits.ts';

export class RefusalVoice {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lines: TokenBucket;
  #silent = 0;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
    const { refusalLinesBurst, refusalLinesPerSecond } = actorLimits;
    this.#lines = new TokenBucket(refusalLinesBurst, refusalLinesPerSecond, clock.monotonic());
  }

  refused(peer: string, reason: string): void {
    const text = 'Agent refused: GitLab does not accept its token';
    if (!this.#lines.take(this.#clock.monotonic())) {
      this.#silent += 1;
      this.#log.debug(text, { peer, reason });
      return;
    }
    this.#log.warn(text, { peer, reason, ...(this.#silent === 0 ? {} : { repeats_before: this.#silent }) });
    this.#silent = 0;
  }
}
