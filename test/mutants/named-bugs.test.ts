/** The lists of wrongs are in step with what they are about. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { charts } from '../../statecharts/index.ts';
import { mutantsOf } from '../../src/testing/index.ts';
import { judgesByChart } from './judges.ts';
import { withBug } from './named-bug.ts';
import { namedBugs } from './named-bugs.ts';
import { survivors } from './survivors.ts';

const root = new URL('../../', import.meta.url);

describe('bugs with a name', () => {
  it('are thirty at least, each with a name of its own', () => {
    expect(namedBugs.length).toBeGreaterThanOrEqual(30);
    expect(new Set(namedBugs.map(({ id }) => id)).size).toBe(namedBugs.length);
  });

  it.each(namedBugs)('$id: has its place', (bug) => {
    const code = readFileSync(new URL(bug.file, root), 'utf8');
    expect(withBug(code, bug)).not.toBe(code);
  });
});

describe('wrongs that may survive', () => {
  const wrongs = (chart: string) =>
    mutantsOf(charts.find(({ name }) => name === chart)?.machine ?? fail(chart)).map(({ id }) => id);

  it('are wrongs of charts that are judged, or bugs with a name', () => {
    for (const [group, excused] of Object.entries(survivors)) {
      const known = group === 'bugs' ? namedBugs.map(({ id }) => id) : wrongs(group);
      expect(Object.keys(excused).filter((id) => !known.includes(id))).toEqual([]);
      expect(group === 'bugs' || group in judgesByChart).toBe(true);
    }
  });
});

function fail(chart: string): never {
  throw new Error(`there is no chart ${chart}`);
}
