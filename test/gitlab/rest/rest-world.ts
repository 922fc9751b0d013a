/** A GitLab port over HTTP and the fake Rails behind it. */
import { systemClock } from '../../../src/host/index.ts';
import { openRestGitLab, type RestGitLabOptions } from '../../../src/gitlab/rest/index.ts';
import type { Clock, Labels, MetricDescription, Metrics, TimerHandle } from '../../../src/ports/index.ts';
import { FakeRails, type FakeRailsOptions } from '../../fakes/rails/index.ts';
import { RecordingLog } from '../recording-log.ts';

export const never = new AbortController().signal;

/** Waits shorter than any deadline do not wait, and are kept: the pauses between tries. Others are real. */
export class ImpatientClock implements Clock {
  readonly pauses: number[] = [];

  now(): number {
    return systemClock.now();
  }
  monotonic(): number {
    return systemClock.monotonic();
  }
  setTimeout(fn: () => void, delayMs: number): TimerHandle {
    if (delayMs >= 15_000) return systemClock.setTimeout(fn, delayMs);
    this.pauses.push(delayMs);
    return systemClock.setTimeout(fn, 0);
  }
  clearTimeout(handle: TimerHandle): void {
    systemClock.clearTimeout(handle);
  }
}

/** Counters, gauges and sums of histograms by `name{label values}`. */
export class RecordingMetrics implements Metrics {
  readonly values = new Map<string, number>();

  counter(description: MetricDescription) {
    return { inc: (labels?: Labels, by = 1) => this.#add(description, labels, by) };
  }
  gauge(description: MetricDescription) {
    return { set: (value: number, labels?: Labels) => void this.values.set(key(description, labels), value) };
  }
  histogram(description: MetricDescription) {
    return { observe: (value: number, labels?: Labels) => this.#add(description, labels, value) };
  }
  observed(): void {}

  #add(description: MetricDescription, labels: Labels | undefined, by: number): void {
    const name = key(description, labels);
    this.values.set(name, (this.values.get(name) ?? 0) + by);
  }
}

function key({ name }: MetricDescription, labels: Labels = {}): string {
  return `${name}{${Object.values(labels).join()}}`;
}

export async function restWorld<C extends Clock>(
  clock: C,
  options: { rails?: FakeRailsOptions; gitlab?: Partial<RestGitLabOptions> } = {},
) {
  const rails = await FakeRails.start({ now: () => clock.now(), ...options.rails });
  const log = new RecordingLog();
  const metrics = new RecordingMetrics();
  const gitlab = await openRestGitLab({
    address: rails.url,
    secret: () => Promise.resolve(rails.secret),
    userAgent: 'gitlab-kas/v16.5.0/abcdef12',
    clock,
    random: { next: () => 0, int63: () => 0n },
    log,
    metrics,
    ...options.gitlab,
  });
  const close = async () => {
    await gitlab.close();
    await rails.stop();
  };
  return { rails, gitlab, log, metrics, clock, close, [Symbol.asyncDispose]: close };
}
