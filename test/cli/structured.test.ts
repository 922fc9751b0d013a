/** Output for programs. */
import { expect, it } from 'vitest';
import { load, loadAll } from 'js-yaml';
import { structuredText } from '../../src/cli/terminal/structured.ts';

const value = { now: 7, name: 'a\u001b[2J\u202eb', list: [1, { deep: '\u009bx' }], none: null };

it('JSON is exact, and nothing in it steers a terminal', () => {
  for (const isOneOfMany of [false, true]) {
    const text = structuredText(value, 'json', isOneOfMany);
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    const { now, ...rest } = JSON.parse(text) as typeof value;
    expect(rest).toEqual({ name: value.name, list: value.list, none: null });
    expect(now).toBe(isOneOfMany ? undefined : 7);
    expect(text.trimEnd().includes('\n')).toBe(!isOneOfMany);
  }
});

it('YAML has what steers a terminal replaced or escaped, and several are a stream of documents', () => {
  const text = structuredText(value, 'yaml');
  // oxlint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(load(text)).toMatchObject({ now: 7, none: null });
  const many = structuredText(value, 'yaml', true) + structuredText({ name: 'b' }, 'yaml', true);
  expect(loadAll(many)).toHaveLength(2);
});
