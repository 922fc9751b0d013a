import { describe, expect, it } from 'vitest';
import { createMetrics, systemClock, systemRandom } from '../../src/host/index.ts';

describe('metrics', () => {
  it('are exposed with their labels', async () => {
    const { metrics, expose } = createMetrics({ processMetrics: false });
    const counter = metrics.counter({ name: 'calls_total', help: 'Calls', labelNames: ['kind'] });
    counter.inc({ kind: 'a' });
    counter.inc({ kind: 'a' }, 2);
    metrics.counter({ name: 'plain_total', help: 'Plain' }).inc();
    metrics.gauge({ name: 'level', help: 'Level' }).set(7);
    metrics.gauge({ name: 'levels', help: 'Levels', labelNames: ['of'] }).set(8, { of: 'x' });
    metrics.histogram({ name: 'took_seconds', help: 'Took', buckets: [1, 2] }).observe(1.5);
    const { contentType, body } = await expose();
    expect(contentType).toMatch(/^text\/plain/);
    for (const line of [
      'calls_total{kind="a"} 3',
      'plain_total 1',
      'level 7',
      'levels{of="x"} 8',
      'took_seconds_bucket{le="1"} 0',
      'took_seconds_bucket{le="2"} 1',
      'took_seconds_count 1',
    ])
      expect(body.split('\n')).toContain(line);
  });

  it('asked for twice are the same', async () => {
    const { metrics, expose } = createMetrics({ processMetrics: false });
    const description = { name: 'twice_total', help: 'Twice' };
    metrics.counter(description).inc();
    metrics.counter(description).inc();
    expect((await expose()).body).toContain('twice_total 2');
  });

  it('that are observed are read when somebody looks', async () => {
    const { metrics, expose } = createMetrics({ processMetrics: false });
    let size = 1;
    metrics.observed({ name: 'size', help: 'Size' }, () => size);
    expect((await expose()).body).toContain('size 1');
    size = 5;
    expect((await expose()).body).toContain('size 5');
  });

  it('of the process are there when asked for, in a registry of their own', async () => {
    const [one, two] = [createMetrics({ processMetrics: true }), createMetrics({ processMetrics: true })];
    expect((await one.expose()).body).toContain('process_cpu_seconds_total');
    expect((await two.expose()).body).toContain('nodejs_heap_size_total_bytes');
  });
});

it('the clock goes on and its timers can be taken back', async () => {
  const before = systemClock.monotonic();
  const cancelled = systemClock.setTimeout(() => expect.unreachable(), 1);
  systemClock.clearTimeout(cancelled);
  await new Promise<void>((resolve) => void systemClock.setTimeout(resolve, 5));
  expect(systemClock.monotonic()).toBeGreaterThan(before);
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
});

it('random ids are 63 bits wide and differ', () => {
  const ids = Array.from({ length: 200 }, () => systemRandom.int63());
  expect(new Set(ids).size).toBe(200);
  for (const id of ids) expect(id >= 0n && id < 2n ** 63n).toBe(true);
  expect(ids.some((id) => id > 2n ** 61n)).toBe(true);
  const part = systemRandom.next();
  expect(part >= 0 && part < 1).toBe(true);
});

it('a timer longer than Node can count does not fire at once', async () => {
  let fired = false;
  const long = systemClock.setTimeout(() => (fired = true), 365 * 86_400_000);
  await new Promise<void>((resolve) => systemClock.setTimeout(resolve, 5));
  systemClock.clearTimeout(long);
  expect(fired).toBe(false);
});
