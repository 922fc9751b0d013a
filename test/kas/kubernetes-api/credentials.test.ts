import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCredentials } from '../../../src/kas/kubernetes-api/credentials.ts';
import { parseQuery } from '../../../src/protocol/index.ts';
import { headOf } from './head-of.ts';

function parse(rawHeaders: readonly string[], rawQuery = '') {
  return parseCredentials(headOf(rawHeaders, `/?${rawQuery}`), () => parseQuery(rawQuery));
}

const bearer = (text: string) => parse(['Authorization', text]);
const session = (headers: readonly string[], query = '') =>
  parse(['Cookie', '_gitlab_kas=secret', ...headers], query);
const agentMissing =
  'exactly one agent id must be provided either in the "Gitlab-Agent-Id" header or "gitlab-agent-id" query parameter';
const csrfMissing =
  'exactly one CSRF token must be provided either in the "X-Csrf-Token" header or "gitlab-csrf-token" query parameter';

describe('an Authorization header', () => {
  it.each([
    ['Bearer ci:1:abc', { kind: 'ci', agentId: 1n, token: 'abc' }],
    ['Bearer pat:1:abc', { kind: 'pat', agentId: 1n, token: 'abc' }],
    ['Bearer ci:1:a:b:c', { kind: 'ci', agentId: 1n, token: 'a:b:c' }],
    ['Bearer ci:+7:abc', { kind: 'ci', agentId: 7n, token: 'abc' }],
    ['Bearer ci:-1:abc', { kind: 'ci', agentId: -1n, token: 'abc' }],
    ['Bearer ci:007:abc', { kind: 'ci', agentId: 7n, token: 'abc' }],
    ['Bearer ci:9223372036854775807:x', { kind: 'ci', agentId: 2n ** 63n - 1n, token: 'x' }],
    ['Bearer ci:-9223372036854775808:x', { kind: 'ci', agentId: -(2n ** 63n), token: 'x' }],
  ])('%s is read', (text, expected) => {
    expect(bearer(text)).toEqual(expected);
  });

  it.each([
    ['Basic abc', 'Authorization header: expecting Bearer token'],
    ['bearer ci:1:abc', 'Authorization header: expecting Bearer token'],
    ['', 'Authorization header: expecting Bearer token'],
    ['Bearer abc', 'Authorization header: invalid value'],
    ['Bearer ci:1', 'Authorization header: invalid value'],
    ['Bearer xx:1:abc', 'Authorization header: unknown token type'],
    ['Bearer :1:abc', 'Authorization header: unknown token type'],
    ['Bearer ci::abc', 'Authorization header: failed to parse: strconv.ParseInt: parsing "": invalid syntax'],
    [
      'Bearer ci:1a:abc',
      'Authorization header: failed to parse: strconv.ParseInt: parsing "1a": invalid syntax',
    ],
    [
      'Bearer ci: 1:abc',
      'Authorization header: failed to parse: strconv.ParseInt: parsing " 1": invalid syntax',
    ],
    [
      'Bearer ci:9223372036854775808:abc',
      'Authorization header: failed to parse: strconv.ParseInt: parsing "9223372036854775808": value out of range',
    ],
    [
      'Bearer ci:-9223372036854775809:abc',
      'Authorization header: failed to parse: strconv.ParseInt: parsing "-9223372036854775809": value out of range',
    ],
    ['Bearer ci:1:', 'Authorization header: empty token'],
  ])('%j is refused: %s', (text, reason) => {
    expect(bearer(text)).toEqual({ kind: 'invalid', reason });
  });

  it('must be a single one', () => {
    expect(parse(['Authorization', 'Bearer ci:1:a', 'authorization', 'Bearer ci:1:a'])).toEqual({
      kind: 'invalid',
      reason: 'Authorization header: expecting a single header, got 2',
    });
  });

  it('wins over the cookie, also when it is bad', () => {
    const cookie = ['Cookie', '_gitlab_kas=secret', 'Gitlab-Agent-Id', '1', 'X-Csrf-Token', 'c'];
    expect(parse([...cookie, 'Authorization', 'Bearer ci:2:a'])).toMatchObject({ kind: 'ci', agentId: 2n });
    expect(parse([...cookie, 'Authorization', 'Basic a'])).toMatchObject({ kind: 'invalid' });
  });

  it('is read in time that grows with its length', () => {
    const zeros = '0'.repeat(900_000);
    expect(bearer(`Bearer ci:${zeros}x:a`)).toMatchObject({ kind: 'invalid' });
    expect(bearer(`Bearer ci:${zeros}5:a`)).toMatchObject({ agentId: 5n });
    expect(bearer(`Bearer ci:${'9'.repeat(900_000)}:a`)).toMatchObject({ kind: 'invalid' });
  });

  it('never has its token in an error text', () => {
    const token = 'glpat-Very.Secret';
    const forms = fc.constantFrom('Bearer xx:1:', 'Bearer ci:q:', 'Basic ', 'bearer ci:1:', 'Bearer ');
    fc.assert(
      fc.property(forms, (form) => {
        const parsed = bearer(form + token);
        if (parsed.kind === 'invalid') expect(parsed.reason).not.toContain(token);
      }),
    );
  });
});

describe('a browser session', () => {
  it('is the cookie with agent id and CSRF token from headers', () => {
    expect(session(['Gitlab-Agent-Id', '5', 'X-Csrf-Token', 'c'])).toEqual({
      kind: 'session',
      agentId: 5n,
      cookie: 'secret',
      csrfToken: 'c',
    });
  });

  it('takes them from the query as well, but headers win', () => {
    const query = 'gitlab-agent-id=6&gitlab-csrf-token=q';
    expect(session([], query)).toMatchObject({ agentId: 6n, csrfToken: 'q' });
    expect(session(['Gitlab-Agent-Id', '5', 'X-Csrf-Token', 'h'], query)).toMatchObject({
      agentId: 5n,
      csrfToken: 'h',
    });
  });

  it('unescapes the cookie and finds it among others', () => {
    const headers = ['Cookie', 'a=b; _gitlab_kas=a%2Fb+c; _gitlab_kas=second'];
    expect(parse([...headers, 'Gitlab-Agent-Id', '5', 'X-Csrf-Token', 'c'])).toMatchObject({
      cookie: 'a/b c',
    });
  });

  it('reads a quoted cookie without its quotes, as Go does', () => {
    const headers = ['Cookie', '_gitlab_kas="abc"', 'Gitlab-Agent-Id', '5', 'X-Csrf-Token', 'c'];
    expect(parse(headers)).toMatchObject({ cookie: 'abc' });
  });

  it.each([
    [['Cookie', 'other=1'], '', 'no valid credentials provided'],
    [[], '', 'no valid credentials provided'],
    [['Cookie', '_gitlab_kas='], '', '_gitlab_kas cookie value must not be empty'],
    [['Cookie', '_gitlab_kas=%zz'], '', '_gitlab_kas invalid cookie value'],
  ])('%j is refused: %s%s', (headers, query, reason) => {
    expect(parse(headers, query)).toEqual({ kind: 'invalid', reason });
  });

  it.each([
    [
      ['Gitlab-Agent-Id', '1', 'Gitlab-Agent-Id', '1'],
      '',
      'Gitlab-Agent-Id header must have exactly one value',
    ],
    [[], '', agentMissing],
    [[], 'gitlab-agent-id=1&gitlab-agent-id=1', agentMissing],
    [['Gitlab-Agent-Id', 'x'], '', 'agent id in request: invalid value: "x"'],
    [
      ['Gitlab-Agent-Id', '1', 'X-Csrf-Token', 'a', 'X-Csrf-Token', 'b'],
      '',
      'X-Csrf-Token header must have exactly one value',
    ],
    [['Gitlab-Agent-Id', '1'], '', csrfMissing],
    [['Gitlab-Agent-Id', '1'], 'gitlab-csrf-token=a&gitlab-csrf-token=b', csrfMissing],
  ])('with %j and query %j is refused', (headers, query, reason) => {
    expect(session(headers, query)).toEqual({ kind: 'invalid', reason });
  });
});
