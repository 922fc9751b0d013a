/**
 * Where calls are counted for the metrics of spec/kas.md §7.4. Per message one number is incremented; the exporter
 * reads the numbers when it is scraped.
 */
import type { StatusCode } from '../../protocol/index.ts';

/** Messages of all calls of one method so far. They only grow. */
export interface MessageCounts {
  received: number;
  sent: number;
}

/** Told of every call of a known method; unknown methods are not counted, their names are the peer's to choose. */
export interface CallObserver {
  /** Answers the counters the call's messages are added to: one object per method, kept by the observer. */
  onCallStarted(method: string): MessageCounts | undefined;
  /** Exactly once per started call, with the status the call ended with. */
  onCallEnded(method: string, code: StatusCode): void;
}
