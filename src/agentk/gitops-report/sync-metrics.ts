/** The metrics of manifest projects in agentk. */
import type { Clock, Metrics } from '../../ports/index.ts';
import type { SyncResult } from '../gitops/sync.ts';
import { reportLimits } from './limits.ts';

export class SyncMetrics {
  readonly #clock: Clock;
  readonly #objects;
  readonly #seconds;
  readonly #lastSuccess;
  /** A label once given stays for the life of the process, so their number is bounded. */
  readonly #named = new Set<string>();

  constructor(clock: Clock, metrics: Metrics) {
    this.#clock = clock;
    this.#objects = metrics.counter({
      name: 'agentk_gitops_objects_total',
      help: 'Objects of manifest projects by what became of them in each run.',
      labelNames: ['result'],
    });
    this.#seconds = metrics.histogram({
      name: 'agentk_gitops_sync_duration_seconds',
      help: 'From the begin of a synchronisation to its end, by outcome.',
      labelNames: ['outcome'],
      buckets: [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600],
    });
    this.#lastSuccess = metrics.gauge({
      name: 'agentk_gitops_last_success_timestamp_seconds',
      help: 'When a manifest project was synchronised without failure last.',
      labelNames: ['project'],
    });
  }

  ended(project: string, result: SyncResult, lastedMs: number): void {
    this.#seconds.observe(lastedMs / 1_000, { outcome: result.kind });
    if (result.kind === 'cancelled') return;
    for (const name of ['applied', 'pruned', 'skipped', 'failed', 'unreconciled'] as const) {
      if (result.counts[name] > 0) this.#objects.inc({ result: name }, result.counts[name]);
    }
    if (result.kind !== 'synced') return;
    if (this.#named.size < reportLimits.projectsMax) this.#named.add(project);
    if (this.#named.has(project)) this.#lastSuccess.set(this.#clock.now() / 1_000, { project });
  }
}
