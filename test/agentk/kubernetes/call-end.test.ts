import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { CallEnd } from '../../../src/agentk/kubernetes/index.ts';
import { VirtualClock } from '../../fakes/virtual-clock.ts';

it('a call ends with its caller, at once when that has ended already', () => {
  const caller = new AbortController();
  const end = new CallEnd(new VirtualClock(), caller.signal, 1_000);
  expect([end.signal.aborted, end.cancelled]).toEqual([false, false]);
  caller.abort();
  expect([end.signal.aborted, end.cancelled, end.late]).toEqual([true, true, false]);
  expect(new CallEnd(new VirtualClock(), caller.signal, 1_000).signal.aborted).toBe(true);
});

it('a call ends at its deadline, unless what the deadline was for is done', () => {
  const clock = new VirtualClock();
  const [early, late] = [1, 2].map(() => new CallEnd(clock, new AbortController().signal, 1_000));
  early?.inTime();
  clock.advance(1_000);
  expect([early?.late, early?.signal.aborted, late?.late, late?.signal.aborted]).toEqual([
    false,
    false,
    true,
    true,
  ]);
});

it('a call that is over leaves nothing behind, neither a timer nor a listener at its caller', () => {
  const clock = new VirtualClock();
  const caller = new AbortController();
  for (let calls = 0; calls < 100; calls += 1) new CallEnd(clock, caller.signal, 1_000).close();
  expect(clock.pending).toBe(0);
  expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
});
