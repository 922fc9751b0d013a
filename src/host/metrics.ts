/**
 * Prometheus metrics behind the `Metrics` port, by prom-client. The hot path gets plain numbers: counters without labels
 * and observed gauges are read only when somebody scrapes.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from '../ports/index.ts';

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
        const counter = new Counter(settings(description));
        return {
          inc: (labels, by = 1) => (labels === undefined ? counter.inc(by) : counter.inc(labels, by)),
        };
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
