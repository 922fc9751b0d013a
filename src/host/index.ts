/** The machine we run on, behind the ports: its clock, its randomness, its stderr and its Prometheus registry. */
export { systemClock } from './system-clock.ts';
export { systemRandom } from './system-random.ts';
export { createLog } from './log.ts';
export { createMetrics, type MetricsRegistry } from './metrics.ts';
export { trustSystemAuthorities } from './system-trust.ts';
