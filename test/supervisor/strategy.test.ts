import { describe, expect, test } from 'vitest';
import type { Restart } from '../../src/supervisor/index.ts';
import type { Exit } from '../../src/supervisor/index.ts';
import {
  afterExit,
  endsSupervisor,
  planRestart,
  type PlannedChild,
  type Strategy,
} from '../../src/supervisor/strategy.ts';

const normal: Exit = { kind: 'normal', output: undefined };
const shutdown: Exit = { kind: 'shutdown', reason: 'asked' };
const crashed: Exit = { kind: 'crashed', error: new Error('bug') };

test.each<[Restart, string, string, string]>([
  ['permanent', 'restart', 'restart', 'restart'],
  ['transient', 'keep', 'keep', 'restart'],
  ['temporary', 'forget', 'forget', 'forget'],
])('a %s child: normal → %s, shutdown → %s, crash → %s', (restart, onNormal, onShutdown, onCrash) => {
  expect(afterExit(restart, normal)).toBe(onNormal);
  expect(afterExit(restart, shutdown)).toBe(onShutdown);
  expect(afterExit(restart, crashed)).toBe(onCrash);
});

describe('plans', () => {
  /** `a` permanent, `b?` transient that has ended, `c~` temporary. */
  const children = (text: string): readonly PlannedChild[] =>
    text.split(' ').map((word) => ({
      id: word.slice(0, 1),
      restart: word.endsWith('?') ? 'transient' : word.endsWith('~') ? 'temporary' : 'permanent',
      significant: false,
      alive: !word.endsWith('?'),
    }));

  test.each<[Strategy, string, string, string, string, string]>([
    ['one_for_one', 'a b c', 'b', '', '', 'b'],
    ['one_for_one', 'a b? c~', 'a', '', '', 'a'],
    ['one_for_all', 'a b c', 'b', 'ca', '', 'abc'],
    ['one_for_all', 'a b c', 'c', 'ba', '', 'abc'],
    ['one_for_all', 'a b~ c', 'c', 'ba', 'b', 'ac'],
    ['one_for_all', 'a b? c', 'c', 'a', '', 'abc'],
    ['rest_for_one', 'a b c d', 'b', 'dc', '', 'bcd'],
    ['rest_for_one', 'a b c d', 'a', 'dcb', '', 'abcd'],
    ['rest_for_one', 'a b c d', 'd', '', '', 'd'],
    ['rest_for_one', 'a~ b c? d~', 'b', 'd', 'd', 'bc'],
    ['one_for_all', 'a', 'a', '', '', 'a'],
    ['one_for_all', 'a b', 'gone', '', '', ''],
  ])('%s of [%s] when %s fails: stops [%s], forgets [%s], starts [%s]', (...row) => {
    const [strategy, text, failed, stops, forgets, starts] = row;
    const plan = planRestart(strategy, children(text), failed);
    expect([plan.stops, plan.forgets, plan.starts].map((ids) => ids.join(''))).toEqual([
      stops,
      forgets,
      starts,
    ]);
  });
});

test('significant ends: never, any, or all of them', () => {
  const other = (alive: boolean): PlannedChild => ({
    id: 'x',
    restart: 'transient',
    significant: true,
    alive,
  });
  expect(endsSupervisor('never', [])).toBe(false);
  expect(endsSupervisor('any_significant', [other(true)])).toBe(true);
  expect(endsSupervisor('all_significant', [other(true)])).toBe(false);
  expect(endsSupervisor('all_significant', [other(false)])).toBe(true);
  expect(endsSupervisor('all_significant', [{ ...other(true), significant: false }])).toBe(true);
});
