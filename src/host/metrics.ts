/**
 * Prometheus metrics behind the `Metrics` port, by prom-client. The hot path gets plain numbers: counters are added up
 * here and observed gauges read only when somebody scrapes, because prom-client hashes the labels at every call.
 *
 * M1. A labels object that is used again must not change: it is recognised by its identity.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Labels, Metrics } from '../ports/index.ts';

export interface MetricsRegistry {
  readonly metrics: Metrics;
  /** The exposition format of everything registered. */
  readonly expose: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

export function createMetrics(options: { readonly processMetrics: boolean }): MetricsRegistry {
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const made = new Map<string, unknown>();
  const once = <T>(name: string, make: () => T): T => {
    if (!made.has(name)) made.set(name, make());
    return made.get(name) as T;
  };
  const settings = (description: { name: string; help: string; labelNames?: readonly string[] }) => ({
    name: description.name,
    help: description.help,
    labelNames: [...(description.labelNames ?? [])],
    registers: [registry],
  });
  const metrics: Metrics = {
    counter: (description) =>
      once(description.name, () => {
        const sums = new Sums();
        const counter: Counter = new Counter({
          ...settings(description),
          collect: () => sums.tell(counter),
        });
        return sums;
      }),
    gauge: (description) =>
      once(description.name, () => {
        const gauge = new Gauge(settings(description));
        return {
          set: (value, labels) => (labels === undefined ? gauge.set(value) : gauge.set(labels, value)),
        };
      }),
    histogram: (description) =>
      once(description.name, () => {
        const histogram = new Histogram({ ...settings(description), buckets: [...description.buckets] });
        return {
          observe: (value, labels) =>
            labels === undefined ? histogram.observe(value) : histogram.observe(labels, value),
        };
      }),
    observed: (description, read) => {
      once(description.name, () => {
        const gauge: Gauge = new Gauge({ ...settings(description), collect: () => gauge.set(read()) });
        return gauge;
      });
    },
  };
  return {
    metrics,
    expose: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

interface Sum {
  readonly labels: Labels;
  value: number;
}

const noLabels: Labels = {};

/** The values of one counter, by labels. */
class Sums {
  readonly #byLabels = new Map<string, Sum>();
  readonly #byIdentity = new WeakMap<Labels, Sum>();

  inc(labels: Labels = noLabels, by = 1): void {
    const sum = this.#byIdentity.get(labels) ?? this.#find(labels); // M1
    sum.value += by;
  }

  tell(counter: Counter): void {
    counter.reset();
    for (const { labels, value } of this.#byLabels.values()) counter.inc(labels, value);
  }

  #find(labels: Labels): Sum {
    const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
    let sum = this.#byLabels.get(key);
    if (sum === undefined) this.#byLabels.set(key, (sum = { labels: { ...labels }, value: 0 }));
    this.#byIdentity.set(labels, sum);
    return sum;
  }
}
