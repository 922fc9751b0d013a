import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signJwt, verifyJwt } from '../../src/protocol/index.ts';

const secret = Buffer.alloc(32, 7);
const nowMs = 1_700_000_000_400;
const nowS = 1_700_000_000;
const expected = { audience: 'gitlab-kas', nowMs };

function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

function token(
  claims: unknown,
  header: unknown = { alg: 'HS256', typ: 'JWT' },
  hash = 'sha256',
  key = secret,
): string {
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`;
}

const good = {
  iss: 'gitlab.example.com',
  aud: 'gitlab-kas',
  jti: 'x',
  iat: nowS,
  nbf: nowS - 5,
  exp: nowS + 60,
};

describe('a signed token', () => {
  it('carries the claims GitLab reads', () => {
    const [head, body, mac] = signJwt(
      { issuer: 'gitlab-kas', audience: 'gitlab', nowMs, lifetimeS: 30 },
      secret,
    ).split('.');
    const read = (text = '') => JSON.parse(Buffer.from(text, 'base64url').toString()) as unknown;
    expect(read(head)).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(read(body)).toEqual({
      iss: 'gitlab-kas',
      aud: ['gitlab'],
      exp: nowS + 30,
      nbf: nowS - 5,
      iat: nowS,
    });
    expect(mac).toBe(createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url'));
  });

  it('is believed by its own verifier', () => {
    const signed = signJwt({ issuer: 'gitlab-kas', audience: 'gitlab-kas', nowMs, lifetimeS: 5 }, secret);
    expect(verifyJwt(signed, secret, { ...expected, issuer: 'gitlab-kas' })).toEqual({ kind: 'valid' });
    expect(verifyJwt(signed, Buffer.alloc(32, 8), expected)).toEqual({
      kind: 'invalid',
      reason: 'wrong signature',
    });
  });
});

describe('a shown token', () => {
  it.each([
    ['of GitLab', token(good)],
    ['with a list of audiences', token({ ...good, aud: ['other', 'gitlab-kas'] })],
    ['without times', token({ aud: 'gitlab-kas' })],
    ['issued in the future', token({ ...good, iat: nowS + 1000 })],
    ['with HS384', token(good, { alg: 'HS384' }, 'sha384')],
    ['with HS512', token(good, { alg: 'HS512' }, 'sha512')],
    ['that begins now', token({ ...good, nbf: nowS })],
    ['with a broken second', token({ ...good, exp: nowS + 0.5 })],
  ])('%s is believed', (_, text) => {
    expect(verifyJwt(text, secret, expected)).toEqual({ kind: 'valid' });
  });

  it.each([
    ['empty', '', 'malformed'],
    ['of two parts', 'e30.e30', 'malformed'],
    ['of four parts', `${token(good)}.e30`, 'malformed'],
    ['whose header is no JSON', token(good, 'x'), 'malformed'],
    ['whose header is a list', token(good, '[]'), 'malformed'],
    ['with padding', `${token(good)}=`, 'malformed'],
    ['with a critical extension', token(good, { alg: 'HS256', crit: ['b64'] }), 'malformed'],
    ['too long', token({ ...good, jti: 'x'.repeat(9000) }), 'too long'],
    ['without an algorithm', token(good, {}), 'algorithm not allowed'],
    ['unsigned', `${part({ alg: 'none' })}.${part(good)}.AA`, 'algorithm not allowed'],
    ['with an algorithm of key pairs', token(good, { alg: 'RS256' }), 'algorithm not allowed'],
    ['with an algorithm spelled otherwise', token(good, { alg: 'hs256' }), 'algorithm not allowed'],
    ['with a list of algorithms', token(good, { alg: ['HS256'] }), 'algorithm not allowed'],
    ['of another secret', token(good, undefined, 'sha256', Buffer.alloc(32)), 'wrong signature'],
    ['with the hash of another algorithm', token(good, { alg: 'HS512' }, 'sha256'), 'wrong signature'],
    ['with a cut signature', token(good).slice(0, -4), 'wrong signature'],
    ['whose claims are no JSON', token('x'), 'malformed claims'],
    ['whose claims are null', token('null'), 'malformed claims'],
    ['whose claims are not UTF-8', token(good).replace(/\..*\./, '._w.'), 'wrong signature'],
    ['whose end is text', token({ ...good, exp: `${nowS + 60}` }), 'malformed claims'],
    ['whose begin is nothing', token({ ...good, nbf: null }), 'malformed claims'],
    ['whose making is no time', token({ ...good, iat: [] }), 'malformed claims'],
    ['whose issuer is a number', token({ ...good, iss: 1 }), 'malformed claims'],
    ['whose audience is a number', token({ ...good, aud: 1 }), 'malformed claims'],
    ['whose audiences hold a number', token({ ...good, aud: ['gitlab-kas', 1] }), 'malformed claims'],
    ['without an audience', token({ ...good, aud: undefined }), 'wrong audience'],
    ['for somebody else', token({ ...good, aud: 'gitlab' }), 'wrong audience'],
    ['that ended', token({ ...good, exp: nowS }), 'expired'],
    ['that has not begun', token({ ...good, nbf: nowS + 1 }), 'not valid yet'],
  ])('%s is refused', (_, text, reason) => {
    expect(verifyJwt(text, secret, expected)).toEqual({ kind: 'invalid', reason });
  });

  it('of another issuer is refused where the issuer counts', () => {
    expect(verifyJwt(token(good), secret, { ...expected, issuer: 'gitlab-kas' })).toEqual({
      kind: 'invalid',
      reason: 'wrong issuer',
    });
  });

  it('may be off by the leeway', () => {
    const late = token({ ...good, exp: nowS - 3 });
    const early = token({ ...good, nbf: nowS + 3 });
    for (const text of [late, early]) {
      expect(verifyJwt(text, secret, { ...expected, leewayS: 5 })).toEqual({ kind: 'valid' });
      expect(verifyJwt(text, secret, { ...expected, leewayS: 2 }).kind).toBe('invalid');
    }
  });
});
