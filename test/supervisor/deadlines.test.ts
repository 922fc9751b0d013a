import { expect, test } from 'vitest';
import type { Clock } from '../../src/ports/index.ts';
import { DeadlineWheel, type Deadline } from '../../src/supervisor/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

test('no deadline fires early or more than a tick late, near or many turns away', () => {
  const clock = new VirtualClock();
  clock.advance(12_345.678);
  const wheel = new DeadlineWheel(clock, 10);
  const random = new SeededRandom(5);
  const lateness: number[] = [];
  for (let n = 0; n < 5000; n++) {
    const ms = random.next() < 0.5 ? random.below(100) : random.next() * 60_000;
    const due = clock.monotonic() + ms;
    wheel.after(ms, () => lateness.push(clock.monotonic() - due));
    if (random.next() < 0.1) clock.advance(random.next() * 25);
  }
  clock.advance(70_000);
  expect(lateness).toHaveLength(5000);
  expect(Math.min(...lateness)).toBeGreaterThanOrEqual(-1e-6);
  expect(Math.max(...lateness)).toBeLessThanOrEqual(10 + 1e-6);
  expect(wheel.size).toBe(0);
});

test('the clock is left alone while no deadline exists, after one last look', () => {
  const clock = new VirtualClock();
  const wheel = new DeadlineWheel(clock, 10);
  const deadline = wheel.after(1000, () => {});
  expect(clock.pending).toBe(1);
  wheel.cancel(deadline);
  expect([clock.pending, wheel.size, deadline.pending]).toEqual([1, 0, false]);
  clock.advance(1010);
  expect(clock.pending).toBe(0);
  clock.advance(60 * 60_000);
  let fired = 0;
  wheel.after(20, () => (fired += 1));
  clock.advance(30);
  expect([fired, clock.pending]).toEqual([1, 0]);
});

test('thousands of deadlines need one timer of the clock', () => {
  const clock = new VirtualClock();
  let armed = 0;
  const counting: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimeout: (fn, ms) => {
      armed++;
      return clock.setTimeout(fn, ms);
    },
    clearTimeout: (handle) => clock.clearTimeout(handle),
  };
  const wheel = new DeadlineWheel(counting, 50);
  const deadlines: Deadline[] = [];
  for (let n = 0; n < 20_000; n++) deadlines.push(wheel.after(30_000 + n / 100, () => {}));
  expect([armed, clock.pending, wheel.size]).toEqual([1, 1, 20_000]);
  for (const deadline of deadlines) wheel.cancel(deadline);
  for (let n = 0; n < 1000; n++) wheel.cancel(wheel.after(60_000, () => {}));
  expect([armed, clock.pending, wheel.size]).toEqual([1, 1, 0]);
});

test('after a long sleep all that is due fires in the order of its time', () => {
  const clock = new VirtualClock();
  const sleeping = { monotonicMs: 0 };
  const wheel = new DeadlineWheel(
    {
      now: () => 0,
      monotonic: () => sleeping.monotonicMs,
      setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
      clearTimeout: (handle) => clock.clearTimeout(handle),
    },
    10,
  );
  const fired: number[] = [];
  for (const ms of [9000, 10, 7000, 5121, 5120, 20, 100_000]) wheel.after(ms, () => fired.push(ms));
  sleeping.monotonicMs = 20_000; // a suspended machine: hundreds of ticks at once
  clock.advance(10);
  expect(fired).toEqual([10, 20, 5120, 5121, 7000, 9000]);
  expect(wheel.size).toBe(1);
});

test('a timer that comes too early fires nothing and is set again', () => {
  let callback = () => {};
  let monotonicMs = 0;
  const wheel = new DeadlineWheel(
    {
      now: () => 0,
      monotonic: () => monotonicMs,
      setTimeout: (fn) => {
        callback = fn;
        return 1;
      },
      clearTimeout: () => {},
    },
    10,
  );
  let fired = 0;
  wheel.after(100, () => (fired += 1));
  monotonicMs = 99.7;
  callback();
  expect(fired).toBe(0);
  monotonicMs = 100;
  callback();
  expect(fired).toBe(1);
});

test('a deadline may cancel one that is due at the same time, and arm new ones', () => {
  const clock = new VirtualClock();
  const wheel = new DeadlineWheel(clock, 10);
  const fired: string[] = [];
  wheel.after(10, () => {
    fired.push('first');
    wheel.cancel(second);
    wheel.after(0, () => fired.push('new'));
    wheel.after(500, () => fired.push('far'));
  });
  const second = wheel.after(10, () => fired.push('second'));
  wheel.after(100, () => fired.push('third'));
  clock.advance(1000);
  expect(fired).toEqual(['first', 'new', 'third', 'far']);
  wheel.cancel(second);
  wheel.cancel({ pending: true });
  expect(wheel.size).toBe(0);
});

test('a deadline that throws keeps no other from firing, and its error is not lost', () => {
  const clock = new VirtualClock();
  const wheel = new DeadlineWheel(clock, 10);
  const fired: string[] = [];
  wheel.after(10, () => {
    throw new Error('bug');
  });
  wheel.after(10, () => fired.push('same tick'));
  wheel.after(30, () => fired.push('later'));
  expect(() => clock.advance(10)).toThrow('bug');
  clock.advance(30);
  expect(fired).toEqual(['same tick', 'later']);
});

test('a wheel needs a tick, and a deadline a time', () => {
  const wheel = new DeadlineWheel(new VirtualClock(), 10);
  expect(() => wheel.after(Number.NaN, () => {})).toThrow('not an integer');
  expect(() => wheel.after(Number.POSITIVE_INFINITY, () => {})).toThrow('not an integer');
  expect(wheel.size).toBe(0);
  expect(() => new DeadlineWheel(new VirtualClock(), 0)).toThrow('tickMs must be positive');
});
