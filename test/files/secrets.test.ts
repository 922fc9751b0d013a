import { describe, expect, it } from 'vitest';
import { base64Secret } from '../../src/files/index.ts';

const thirtyTwo = Buffer.alloc(32, 7).toString('base64');
const read = (text: string, bytes?: number) => base64Secret(bytes)([Buffer.from(text, 'latin1')]);
const reason = (text: string, bytes?: number) => {
  const meaning = read(text, bytes);
  return meaning.kind === 'invalid' ? meaning.reason : 'accepted';
};

describe('a secret in base64', () => {
  it.each([
    ['as it is', thirtyTwo],
    ['with the line break of an editor', `${thirtyTwo}\n`],
    ['with line breaks inside', `${thirtyTwo.slice(0, 10)}\r\n${thirtyTwo.slice(10)}\r\n`],
  ])('is taken %s', (_, text) => {
    expect(read(text, 32)).toEqual({ kind: 'ok', value: Buffer.alloc(32, 7) });
  });

  it('may have any length where none is fixed', () => {
    expect(read('AQ==')).toEqual({ kind: 'ok', value: Buffer.from([1]) });
  });

  it.each([
    ['', /^is empty; make one with: openssl rand -base64 32$/],
    ['\n', /^is empty/],
    [`${thirtyTwo} `, /a space at byte 45/],
    [`${thirtyTwo}\n `, /a space at byte 46/],
    [`\t${thirtyTwo}`, /a tab at byte 1/],
    ['ab-_', /URL-safe base64 at byte 3/],
    ['\xef\xbb\xbfAQ==', /a byte order mark at byte 1/],
    ['AQ=', /something is missing at its end/],
    ['A=Q=', /= stands inside/],
    ['====', /= stands inside/],
  ])('%j is refused', (text, expected) => {
    expect(reason(text)).toMatch(expected);
  });

  it('of another length than the fixed one is refused with both', () => {
    expect(reason('AQ==', 32)).toMatch(/^expecting 32 bytes in base64, was 1;/);
  });

  it('is not quoted in the reason', () => {
    expect(reason('c2VjcmV0IQ!')).not.toMatch(/c2V|!/);
  });
});
