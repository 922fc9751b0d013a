/** The real clock. Only composition roots hand it out; everything else takes a `Clock`. */
import type { Clock } from '../ports/index.ts';

/** Node's timers count to this (24.8 days) and fire at once beyond it; a longer wait ends here. */
const delayMsMax = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (fn, delayMs) => setTimeout(fn, Math.min(delayMs, delayMsMax)),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};
