import { expect, test } from 'vitest';
import { Backoff, type BackoffPolicy } from '../../src/supervisor/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

const policy: BackoffPolicy = { initMs: 1000, factor: 1.6, maxMs: 20_000, jitter: 0.2, resetMs: 25_000 };
const noChance = { next: () => 0 };

test('waits grow by the factor up to the ceiling and stay there', () => {
  const backoff = new Backoff(policy, new VirtualClock(), noChance);
  const waits = Array.from({ length: 9 }, () => Math.round(backoff.next()));
  expect(waits).toEqual([1000, 1600, 2560, 4096, 6554, 10486, 16777, 20000, 20000]);
});

test('jitter only adds, up to its share, also above the ceiling', () => {
  const backoff = new Backoff(
    { ...policy, initMs: 20_000, jitter: 1 },
    new VirtualClock(),
    new SeededRandom(3),
  );
  const waits = Array.from({ length: 1000 }, () => backoff.next());
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(20_000);
  expect(Math.max(...waits)).toBeLessThan(40_000);
  expect(Math.max(...waits)).toBeGreaterThan(39_000);
});

test('the waits start over only when more than the reset time passed since the last one was asked for', () => {
  const clock = new VirtualClock();
  const backoff = new Backoff(policy, clock, noChance);
  backoff.next();
  clock.advance(25_000);
  expect(backoff.next()).toBe(1600);
  clock.advance(25_001);
  expect(backoff.next()).toBe(1000);
});

test('failures that keep coming never start over, however long they go on', () => {
  const clock = new VirtualClock();
  const backoff = new Backoff(policy, clock, noChance);
  const waits = Array.from({ length: 4 }, () => {
    clock.advance(24_000);
    return backoff.next();
  });
  expect(waits).toEqual([1000, 1600, 2560, 4096]);
});
