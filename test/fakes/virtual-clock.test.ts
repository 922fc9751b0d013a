import { expect, test } from 'vitest';
import { SeededRandom } from './seeded-random.ts';
import { VirtualClock } from './virtual-clock.ts';

test('a repeating timer fires once per period and sees its own time', () => {
  const clock = new VirtualClock();
  const times: number[] = [];
  const tick = () => {
    times.push(clock.monotonic());
    clock.setTimeout(tick, 1000);
  };
  clock.setTimeout(tick, 1000);
  clock.advance(3500);
  expect(times).toEqual([1000, 2000, 3000]);
  expect(clock.monotonic()).toBe(3500);
});

test('timers fire by time, then by age, whatever the order of making; cancelled ones do not fire', () => {
  const clock = new VirtualClock();
  const random = new SeededRandom(1);
  const fired: { at: number; made: number }[] = [];
  const cancelled = new Set<number>();
  for (let made = 0; made < 2000; made++) {
    const at = random.below(50);
    const handle = clock.setTimeout(() => fired.push({ at, made }), at);
    if (random.next() < 0.3) {
      clock.clearTimeout(handle);
      cancelled.add(made);
    }
  }
  clock.advance(50);
  expect(fired).toHaveLength(2000 - cancelled.size);
  expect(fired.some(({ made }) => cancelled.has(made))).toBe(false);
  expect(fired).toEqual([...fired].sort((a, b) => a.at - b.at || a.made - b.made));
  expect(clock.pending).toBe(0);
});

test('promises get their turn between two timers of one asynchronous advance', async () => {
  const clock = new VirtualClock();
  const order: string[] = [];
  clock.setTimeout(() => {
    order.push('first');
    void Promise.resolve().then(() => order.push('promise of first'));
  }, 1);
  clock.setTimeout(() => order.push('second'), 1);
  await clock.advanceAsync(1);
  expect(order).toEqual(['first', 'promise of first', 'second']);
});

test('one seed gives one sequence, and forks do not disturb each other', () => {
  const draw = (random: SeededRandom) => [random.next(), random.int63(), random.fork('a').next()];
  expect(draw(new SeededRandom(7))).toEqual(draw(new SeededRandom(7)));
  expect(draw(new SeededRandom(7))).not.toEqual(draw(new SeededRandom(8)));
  for (const value of Array.from({ length: 100 }, (_, seed) => new SeededRandom(seed).int63())) {
    expect(value >= 0n && value < 1n << 63n).toBe(true);
  }
});
