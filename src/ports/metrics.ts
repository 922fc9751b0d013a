export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  inc(labels?: Labels, by?: number): void;
}
export interface Gauge {
  set(value: number, labels?: Labels): void;
}
export interface Histogram {
  /** The unit is the one in the metric's name. */
  observe(value: number, labels?: Labels): void;
}
export interface MetricDescription {
  /** Prometheus name with its unit last, e.g. `kas_request_waiters`. */
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

/** Metrics as a port. Asking twice for one name gives the same instrument. */
export interface Metrics {
  counter(description: MetricDescription): Counter;
  gauge(description: MetricDescription): Gauge;
  histogram(description: MetricDescription & { readonly buckets: readonly number[] }): Histogram;
  /** A gauge whose value is read when the metrics are scraped: for sizes of maps and queues. */
  observed(description: MetricDescription, read: () => number): void;
}
