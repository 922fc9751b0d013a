/** The course of trouble, read backwards from how things are. */
import { expect, it } from 'vitest';
import { trendOf } from '../../web/fleet/trend.ts';

const counts = [7, 1, 0, 2, 0, 0, 0];

it('each earlier moment is the later one without what happened in between', () => {
  const moves = [
    { at: 10, from: undefined, to: 0 },
    { at: 55, from: 0, to: 3 },
    { at: 75, from: 0, to: 3 },
    { at: 95, from: 0, to: 1 },
  ];
  expect(trendOf(moves, counts, 100, 100, 5)).toEqual([
    { at: 0, down: 0, degraded: 0 },
    { at: 20, down: 0, degraded: 0 },
    { at: 40, down: 0, degraded: 0 },
    { at: 60, down: 1, degraded: 0 },
    { at: 80, down: 2, degraded: 0 },
    { at: 100, down: 2, degraded: 1 },
  ]);
});

it('of the time before the first known change nothing is said', () => {
  expect(trendOf([{ at: 95, from: 0, to: 1 }], counts, 100, 100, 5)).toEqual([
    { at: 80, down: 2, degraded: 0 },
    { at: 100, down: 2, degraded: 1 },
  ]);
  expect(trendOf([], counts, 100, 100, 5)).toEqual([{ at: 100, down: 2, degraded: 1 }]);
});
