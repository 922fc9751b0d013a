import { expect, it } from 'vitest';
import { withDeadline } from '../../src/actors/deadline-signal.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

/** Work that ends when it is told to, with the reason. */
const untilAborted = (signal: AbortSignal) =>
  new Promise<string>((resolve) => {
    const end = () => resolve((signal.reason as Error).message);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });

it('aborts at the deadline, saying so', async () => {
  const clock = new VirtualClock();
  const work = withDeadline(clock, new AbortController().signal, 500, untilAborted);
  clock.advance(499);
  expect(clock.pending).toBe(1);
  clock.advance(1);
  expect(await work).toBe('no answer within 500 ms');
  expect(clock.pending).toBe(0);
});

it('passes on an abort from outside, also one from before', async () => {
  const clock = new VirtualClock();
  const controller = new AbortController();
  const work = withDeadline(clock, controller.signal, 500, untilAborted);
  controller.abort(new Error('enough'));
  expect(await work).toBe('enough');
  expect(await withDeadline(clock, controller.signal, 500, untilAborted)).toBe('enough');
  expect(clock.pending).toBe(0);
});

it('leaves no timer and no listener behind, however the work ends', async () => {
  const clock = new VirtualClock();
  const { signal } = new AbortController();
  expect(await withDeadline(clock, signal, 500, async () => 1)).toBe(1);
  const failing = withDeadline(clock, signal, 500, async () => {
    throw new Error('broken');
  });
  await expect(failing).rejects.toThrow('broken');
  expect(clock.pending).toBe(0);
});
