/** The steps of one actor, packed. */
import { expect, it } from 'vitest';
import { inspectLimits, TransitionNames, TransitionRing } from '../../src/inspect/index.ts';

it('the last steps come back oldest first, numbered from the beginning of the life', () => {
  const ring = new TransitionRing(new TransitionNames(), 16);
  for (let k = 1; k <= 40; k++) ring.record(1_000 + k, `event.${k % 3}`, `from${k}`, `to${k}`);
  expect(ring.made).toBe(40);
  const steps = ring.steps();
  expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 16 }, (_, k) => k + 25));
  expect(steps[0]).toEqual({ at: 1_025, step: 25, event: 'event.1', from: 'from25', to: 'to25' });
  expect(ring.steps(38).map(({ to }) => to)).toEqual(['to39', 'to40']);
  expect(ring.steps(40)).toEqual([]);
});

it('names are kept once, and at most so many', () => {
  const names = new TransitionNames();
  const ring = new TransitionRing(names);
  for (let k = 0; k < 10; k++) ring.record(k, 'same', 'a', 'b');
  expect(names.size).toBe(2);
  for (let k = 0; k < inspectLimits.transitionNamesMax + 10; k++) names.numberOf(`event${k}`, 'a', 'b');
  expect(names.size).toBe(inspectLimits.transitionNamesMax);
  ring.record(99, 'one too many', 'a', 'b');
  expect(ring.steps().at(-1)).toMatchObject({ event: 'other', from: '', to: '' });
});
