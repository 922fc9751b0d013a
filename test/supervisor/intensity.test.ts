import { expect, test } from 'vitest';
import { addRestart, checkIntensity } from '../../src/supervisor/intensity.ts';

test.each([
  ['intensity 0 allows nothing', 0, [0], [false]],
  ['the first restart is allowed with intensity 1', 1, [0], [true]],
  ['one more than the intensity is not', 2, [0, 10, 20], [true, true, false]],
  ['a restart exactly one period ago still counts', 1, [0, 1000], [true, false]],
  ['a restart longer ago does not', 1, [0, 1001], [true, true]],
  ['the window slides, it does not tile', 2, [0, 900, 1100, 1800], [true, true, true, false]],
  ['restarts at the same instant count each', 2, [5, 5, 5], [true, true, false]],
])('%s', (_, intensity, times, expected) => {
  let restarts: readonly number[] = [];
  const verdicts = times.map((at) => {
    const verdict = addRestart(restarts, at, { intensity, periodMs: 1000 });
    restarts = verdict.restarts;
    return verdict.allowed;
  });
  expect(verdicts).toEqual(expected);
});

test('what is remembered stays bounded by the intensity while restarts are allowed', () => {
  let restarts: readonly number[] = [];
  for (let at = 0; at < 100_000; at += 501) {
    const verdict = addRestart(restarts, at, { intensity: 2, periodMs: 1000 });
    restarts = verdict.restarts;
    expect(restarts.length).toBeLessThanOrEqual(3);
  }
});

test('senseless intensities are named', () => {
  expect(checkIntensity({ intensity: 3, periodMs: 1000 })).toEqual([]);
  expect(checkIntensity({ intensity: -1, periodMs: 0 })).toHaveLength(2);
  expect(checkIntensity({ intensity: 1.5, periodMs: 1 })).toHaveLength(1);
});
