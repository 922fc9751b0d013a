/** The dialect of globs, with the answers of the originals' library. */
import { describe, expect, it } from 'vitest';
import { parseGlob } from '../../../src/actors/gitops/glob.ts';

const paths =
  'a b c ab abc a/b a/c a/b/c a/x/b a/x/y/b a.yaml b.yml x/a.yaml a/b.yaml a/x/b.yaml ax bx dx c/d a/b/d a1b a2b a*b axxb a/xb abla/x.yaml ] [a {a} p/x/f.yml p/x/q/f.yml .a .a/b é éa a,b a}b xay b/a/b'.split(
    ' ',
  );

const answers: Readonly<Record<string, string>> = {
  '*': 'a b c ab abc a.yaml b.yml ax bx dx a1b a2b a*b axxb ] [a {a} .a é éa a,b a}b xay',
  '**': paths.join(' '),
  '**/*': paths.join(' '),
  '**/**': paths.join(' '),
  '**/*.yaml': 'a.yaml x/a.yaml a/b.yaml a/x/b.yaml abla/x.yaml',
  '**/b/*': 'a/b/c a/b/d',
  '**/{x,y}/*.y?ml': 'x/a.yaml a/x/b.yaml',
  '**b': 'b ab a1b a2b a*b axxb a,b a}b',
  '*.*': 'a.yaml b.yml .a',
  '*{a,b}*': 'a b ab abc a.yaml b.yml ax bx a1b a2b a*b axxb [a {a} .a éa a,b a}b xay',
  '.*': '.a',
  '?bla/*.yaml': 'abla/x.yaml',
  '[!a]x': 'ax',
  '[[]a': '[a',
  '[\\]]': ']',
  '[^a]x': 'bx dx',
  '[a-c]x': 'ax bx',
  '[é]': 'é',
  '\\{a\\}': '{a}',
  'a**': 'a ab abc a.yaml ax a1b a2b a*b axxb a,b a}b',
  'a,b': 'a,b',
  'a/*': 'a/b a/c a/b.yaml a/xb',
  'a/**': 'a/b a/c a/b/c a/x/b a/x/y/b a/b.yaml a/x/b.yaml a/b/d a/xb',
  'a/**/**/b': 'a/b a/x/b a/x/y/b',
  'a/**/*.yaml': 'a/b.yaml a/x/b.yaml',
  'a/**/b': 'a/b a/x/b a/x/y/b',
  'a/**b': 'a/b a/xb',
  'a/?': 'a/b a/c',
  'a[/]b': '',
  'a[^x]b': 'a1b a2b a*b a,b a}b',
  'a\\*b': 'a*b',
  'a{1,2}b': 'a1b a2b',
  'a}b': 'a}b',
  '{*.yaml,*.yml}': 'a.yaml b.yml',
  '{,a}b': 'b ab',
  '{a,{b,c}}': 'a b c',
  '{a/b,c}/d': 'c/d a/b/d',
  'é*': 'é éa',
};

describe('a glob', () => {
  it.each(Object.entries(answers))('%s means what it means to the originals', (pattern, expected) => {
    const glob = parseGlob(pattern);
    if (glob.kind === 'invalid') throw new Error(glob.reason);
    expect(paths.filter((path) => glob.matches(path)).join(' ')).toBe(expected);
  });

  it.each(['[-a]', '[]a]', '[a', '[a-]', '[a-c-e]', 'a\\', '{a', '{a,b'])('%s is refused', (pattern) => {
    expect(parseGlob(pattern)).toMatchObject({
      kind: 'invalid',
      reason: expect.stringMatching(/syntax error/),
    });
  });

  it('whose braces multiply without end is refused', () => {
    expect(parseGlob('{a,b}'.repeat(20))).toMatchObject({ kind: 'invalid' });
  });

  it('of many stars is matched without trying every way', () => {
    const glob = parseGlob(`${'**/'.repeat(50)}${'*a'.repeat(50)}b`);
    const long = `${'x/'.repeat(200)}${'a'.repeat(2_000)}`;
    expect(glob.kind === 'glob' && glob.matches(long)).toBe(false);
  });
});
