/** Abort signals that also fire at a deadline of the injected clock. */
import type { Clock } from '../ports/index.ts';

/**
 * Runs `work` with a signal that aborts when `signal` does or after `deadlineMs`. The timer never outlives the work.
 */
export async function withDeadline<T>(
  clock: Clock,
  signal: AbortSignal,
  deadlineMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const timer = clock.setTimeout(
    () => controller.abort(new Error(`no answer within ${deadlineMs} ms`)),
    deadlineMs,
  );
  try {
    return await work(controller.signal);
  } finally {
    clock.clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
