import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePath, encodePath, encodeQuery, parseQuery } from '../../src/protocol/index.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 20 });

describe('queries', () => {
  it.each<[string, Record<string, string[]>]>([
    ['', {}],
    ['a=1&b=2&a=3', { a: ['1', '3'], b: ['2'] }],
    ['a', { a: [''] }],
    ['a=', { a: [''] }],
    ['=v', { '': ['v'] }],
    ['a=b=c', { a: ['b=c'] }],
    ['a+b=c+d%20e%2B', { 'a b': ['c d e+'] }],
    ['&&a=1&', { a: ['1'] }],
    ['a=1;b=2&c=3', { c: ['3'] }],
    ['a=%zz&b=%4&c=%41&%=1', { c: ['A'] }],
    ['a=%ff&b=%C3%A9', { b: ['é'] }],
    [Buffer.from('a=é').toString('latin1'), { a: ['é'] }],
    ['__proto__=1', JSON.parse('{"__proto__":["1"]}') as Record<string, string[]>],
  ])('%j is read by the rules of Go', (raw, expected) => {
    expect([...parseQuery(raw)]).toEqual(Object.entries(expected));
  });

  it('are written sorted, with a plus for a space', () => {
    expect(
      encodeQuery(
        new Map([
          ['b', ['1', '2']],
          ['a c', ["x y&=+'!()*~-_."]],
          ['none', []],
        ]),
      ),
    ).toBe('a+c=x+y%26%3D%2B%27%21%28%29%2A~-_.&b=1&b=2');
    expect(
      encodeQuery(
        new Map([
          ['\u{ffff}', ['1']],
          ['\u{1f600}', ['2']],
        ]),
      ),
    ).toBe('%EF%BF%BF=1&%F0%9F%98%80=2');
  });

  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.uniqueArray(text), fc.array(text, { minLength: 1, maxLength: 3 }), (keys, values) => {
        const query = new Map(keys.map((key) => [key, values]));
        const back = parseQuery(encodeQuery(query));
        expect(Object.fromEntries(back)).toEqual(Object.fromEntries(query));
      }),
    );
  });
});

describe('paths', () => {
  it.each([
    ['/api/v1/pods', '/api/v1/pods'],
    ['/a%2Fb%20c+d', '/a/b c+d'],
    ['/%C3%A9', '/é'],
    [Buffer.from('/é').toString('latin1'), '/é'],
  ])('%j is decoded to %j', (raw, decoded) => {
    expect(decodePath(raw)).toBe(decoded);
  });

  it.each(['/%', '/%2', '/%zz', '/%ff', '/\u{e9}'])('%j is refused', (raw) => {
    expect(decodePath(raw)).toBeUndefined();
  });

  it('are encoded as Go does', () => {
    expect(encodePath('/api/v1')).toBe('/api/v1');
    expect(encodePath("/a b%c?d#e!'()*[é]")).toBe('/a%20b%25c%3Fd%23e%21%27%28%29%2A%5B%C3%A9%5D');
    expect(encodePath('/é$&+,/:;=@')).toBe('/%C3%A9$&+,/:;=@');
  });

  it('come back as they were', () => {
    fc.assert(
      fc.property(text, (path) => {
        expect(decodePath(encodePath(path))).toBe(path);
      }),
    );
  });
});
