/** The dialect, row by row; the expectations are what the originals' parser (YAML 1.1 flavour, then JSON) gives. */
import { describe, expect, it } from 'vitest';
import { readGoYaml, YamlFault } from '../../src/manifests/go-yaml.ts';

const read = (text: string) => JSON.stringify(readGoYaml(text));

const accepted: readonly (readonly [yaml: string, json: string])[] = [
  ['a: 1e3', '{"a":1000}'],
  ['a: 1E+3', '{"a":1000}'],
  ['a: 1.', '{"a":1}'],
  ['a: .5', '{"a":0.5}'],
  ['a: -.5', '{"a":-0.5}'],
  ['a: +1', '{"a":1}'],
  ['a: 1_000', '{"a":1000}'],
  ['a: 0755', '{"a":493}'],
  ['a: 0o17', '{"a":15}'],
  ['a: 0b11', '{"a":3}'],
  ['a: -0b11', '{"a":-3}'],
  ['a: 0x1F', '{"a":31}'],
  ['a: 0X1F', '{"a":31}'],
  ['a: +0x1F', '{"a":31}'],
  ['a: 08', '{"a":8}'],
  ['a: 09.5', '{"a":9.5}'],
  ['a: 0o8', '{"a":"0o8"}'],
  ['a: 0_7', '{"a":7}'],
  ['a: _1', '{"a":"_1"}'],
  ['a: 1__0', '{"a":10}'],
  ['a: 12e03', '{"a":12000}'],
  ['a: 1e-3', '{"a":0.001}'],
  ['a: 1:30', '{"a":"1:30"}'],
  ['a: 2001-12-14', '{"a":"2001-12-14"}'],
  ['a: 2001-12-14T21:59:43Z', '{"a":"2001-12-14T21:59:43Z"}'],
  ['a: !!timestamp 2001-12-14', '{"a":"2001-12-14"}'],
  ['a: y', '{"a":true}'],
  ['a: N', '{"a":false}'],
  ['a: on', '{"a":true}'],
  ['a: Off', '{"a":false}'],
  ['a: yEs', '{"a":"yEs"}'],
  ['y: 1', '{"true":1}'],
  ['a: ~', '{"a":null}'],
  ['a: ', '{"a":null}'],
  ['1: a', '{"1":"a"}'],
  ['1.5: a', '{"1.5":"a"}'],
  ['0x10: a', '{"16":"a"}'],
  ['true: a', '{"true":"a"}'],
  ['a: 9007199254740993', '{"a":9007199254740993}'],
  ['a: -9223372036854775808', '{"a":-9223372036854775808}'],
  ['9007199254740993: a', '{"9007199254740993":"a"}'],
  ['a: 99999999999999999999999', '{"a":1e+23}'],
  ['a: !!binary aGVsbG8=', '{"a":"hello"}'],
  ['a: !!str 1', '{"a":"1"}'],
  ['a: !!int "3"', '{"a":3}'],
  ['a: !!float 3', '{"a":3}'],
  ["a: !!bool 'yes'", '{"a":true}'],
  ['a: 1.0', '{"a":1}'],
  ['a: 1e400', '{"a":"1e400"}'],
  ['a: !foo bar', '{"a":"bar"}'],
  ['a: !!set {x, y}', '{"a":{"x":null,"true":null}}'],
  ['x: &a {b: 1}\nz:\n  <<: *a\n  c: 2', '{"x":{"b":1},"z":{"b":1,"c":2}}'],
  ['a: 1\na: 2', '{"a":2}'],
  ['a:\tb', '{"a":"b"}'],
  ['a: [1, 2,]', '{"a":[1,2]}'],
  ['a: {b: 1,}', '{"a":{"b":1}}'],
  ['key: [\n1]', '{"key":[1]}'],
  ['a: [\n  1,\n]', '{"a":[1]}'],
  ['a:\n  b: {\n    c: 1\n}', '{"a":{"b":{"c":1}}}'],
  ['a:\n  b: {\nc: 1\n}\nd: 1', '{"a":{"b":{"c":1}},"d":1}'],
  ['a:\n  b: {\n    c: [\n    1\n  ]\n  }', '{"a":{"b":{"c":[1]}}}'],
  ['a: "x\ny"', '{"a":"x y"}'],
  ['a:\n  b: "x\n\ny"', '{"a":{"b":"x\\ny"}}'],
  ['a: [\n#c\n1]', '{"a":[1]}'],
  ['a: |\n  x\n  y\n', '{"a":"x\\ny\\n"}'],
  ['__proto__: {a: 1}', '{"__proto__":{"a":1}}'],
];

const refused = [
  '? \n: 1',
  'null: 1',
  'a: .inf',
  'a: .nan',
  'a: -.Inf',
  '[a, b]: c',
  '{a: b}: c',
  '<<: 1',
  '\t- a',
  'a: `b',
  'a: @b',
  'a: "b',
  'a: b: c',
  'a: *x',
  'a: x\ny',
];

describe('YAML as kubectl reads it', () => {
  it.each(accepted)('reads %j as %s', (yaml, json) => expect(read(yaml)).toBe(json));
  it.each(refused)('refuses %j', (yaml) => expect(() => readGoYaml(yaml)).toThrow(YamlFault));

  it('says where a text breaks', () => {
    expect(() => readGoYaml('a: 1\nb: [1, 2\nc: 3\n')).toThrow(
      expect.objectContaining({ line: expect.any(Number), column: expect.any(Number) }) as Error,
    );
  });

  it('refuses aliases that multiply', () => {
    const bomb = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
    for (let n = 1; n < 9; n += 1) bomb.push(`a${n}: &a${n} [${`*a${n - 1},`.repeat(10)}]`);
    expect(() => readGoYaml(bomb.join('\n'))).toThrow(/aliases/);
  });

  it('refuses text that nests too deeply', () => {
    expect(() => readGoYaml(`a: ${'['.repeat(5_000)}${']'.repeat(5_000)}`)).toThrow(YamlFault);
  });
});
