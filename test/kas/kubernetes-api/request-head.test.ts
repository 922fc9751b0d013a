import { describe, expect, it } from 'vitest';
import { headOf } from './head-of.ts';

describe('the head of a request', () => {
  it('keeps repeated headers apart and ignores the case of names', () => {
    const head = headOf([
      'AUTHORIZATION',
      'a',
      'authorization',
      'b',
      'cookie',
      'c=1',
      'Cookie',
      'd=2',
      'gitlab-agent-id',
      '1',
      'x-csrf-token',
      't',
    ]);
    expect(head).toMatchObject({
      authorization: ['a', 'b'],
      cookie: ['c=1', 'd=2'],
      agentId: ['1'],
      csrfToken: ['t'],
    });
  });

  it.each([
    [[], 0n],
    [['Content-Length', '0'], 0n],
    [['Content-Length', '12'], 12n],
    [['Content-Length', '999999999999999999'], 999_999_999_999_999_999n],
    [['Transfer-Encoding', 'chunked'], -1n],
    [['Transfer-Encoding', 'chunked', 'Content-Length', '5'], -1n],
    [['Content-Length', '5', 'Transfer-Encoding', 'chunked'], -1n],
  ])('%j declares a body of %d bytes', (headers, bytes) => {
    expect(headOf(headers).contentLength).toBe(bytes);
  });

  it('sees an upgrade of any kind by its header alone', () => {
    expect(headOf(['upgrade', 'SPDY/3.1']).upgrade).toBe(true);
    expect(headOf(['Connection', 'upgrade']).upgrade).toBe(false);
  });

  it('splits path and query without decoding them', () => {
    expect(headOf([], '/a%2Fb?x=%20&y?z')).toMatchObject({ rawPath: '/a%2Fb', rawQuery: 'x=%20&y?z' });
    expect(headOf([], '/a')).toMatchObject({ rawPath: '/a', rawQuery: '' });
    expect(headOf([], '/a?')).toMatchObject({ rawPath: '/a', rawQuery: '' });
  });
});
