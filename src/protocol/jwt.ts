/**
 * The JSON web tokens GitLab and kas show each other: compact, HMAC with a shared secret. Source: spec/wire.md §5.2,
 * spec/gitlab.md §1.2 and §2.1.
 *
 * 1. The verifier chooses the algorithms, not the token: HS256, HS384 and HS512 with our secret are all there is, so
 *    neither `none` nor a public key taken for a secret gets anywhere.
 * 2. The signature is compared in constant time and before a claim is looked at.
 * 3. `exp` and `nbf` count when present, `iat` never; a claim of the wrong type makes the whole token invalid.
 * 4. Time is given by the caller. Claims carry whole seconds.
 * 5. A refusal says which rule it was and never repeats a part of the token.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { protocolLimits } from './limits.ts';

/** What a token to be signed says. */
export interface JwtToSign {
  readonly issuer: string;
  readonly audience: string;
  readonly nowMs: number;
  /** Seconds until it ends. */
  readonly lifetimeS: number;
}

/** What a token must say to be believed. */
export interface JwtExpectation {
  /** Must be among the token's audiences. */
  readonly audience: string;
  /** Must be the token's issuer; undefined: anyone who knows the secret. */
  readonly issuer?: string;
  readonly nowMs: number;
  /** How far the clock of the other side may be off, in seconds. The originals give none. */
  readonly leewayS?: number;
}

/** Why a token is not believed (invariant 5). */
export type JwtRefusal =
  | 'too long'
  | 'malformed'
  | 'algorithm not allowed'
  | 'wrong signature'
  | 'malformed claims'
  | 'wrong issuer'
  | 'wrong audience'
  | 'expired'
  | 'not valid yet';

/** Whether a token is believed. */
export type JwtVerdict =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly reason: JwtRefusal };

/** A token is good from this long before it was made: clocks differ. */
const notBeforeSlackS = 5;

const hashes: ReadonlyMap<unknown, string> = new Map([
  ['HS256', 'sha256'],
  ['HS384', 'sha384'],
  ['HS512', 'sha512'],
]);

const header = base64Url(JSON.stringify({ alg: 'HS256', typ: 'JWT' }));

/** A fresh token, HS256. */
export function signJwt(token: JwtToSign, secret: Uint8Array): string {
  const issuedAt = Math.floor(token.nowMs / 1000);
  const claims = {
    iss: token.issuer,
    aud: [token.audience],
    exp: issuedAt + token.lifetimeS,
    nbf: issuedAt - notBeforeSlackS,
    iat: issuedAt,
  };
  const signed = `${header}.${base64Url(JSON.stringify(claims))}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** Checks a token somebody showed. */
export function verifyJwt(token: string, secret: Uint8Array, expected: JwtExpectation): JwtVerdict {
  if (token.length > protocolLimits.jwtBytesMax) return invalid('too long');
  const [head, body, signature, ...more] = token.split('.');
  if (head === undefined || body === undefined || signature === undefined || more.length > 0)
    return invalid('malformed');
  const fields = jsonObject(head);
  const mac = bytesOf(signature);
  // An extension marked critical is one we do not know (RFC 7515 §4.1.11).
  if (fields === undefined || mac === undefined || Object.hasOwn(fields, 'crit')) return invalid('malformed');
  const hash = hashes.get(fields['alg']);
  if (hash === undefined) return invalid('algorithm not allowed');
  const right = createHmac(hash, secret).update(`${head}.${body}`).digest();
  if (mac.length !== right.length || !timingSafeEqual(mac, right)) return invalid('wrong signature');
  const claims = jsonObject(body);
  return claims === undefined ? invalid('malformed claims') : judge(claims, expected);
}

/** Invariant 3. */
function judge(claims: Readonly<Record<string, unknown>>, expected: JwtExpectation): JwtVerdict {
  const { iss, aud, exp, nbf, iat } = claims;
  const audiences = typeof aud === 'string' ? [aud] : (aud ?? []);
  const wellTyped =
    (iss === undefined || typeof iss === 'string') &&
    Array.isArray(audiences) &&
    audiences.every((one) => typeof one === 'string') &&
    isTime(exp) &&
    isTime(nbf) &&
    isTime(iat);
  if (!wellTyped) return invalid('malformed claims');
  const nowS = expected.nowMs / 1000;
  const leewayS = expected.leewayS ?? 0;
  if (exp !== undefined && nowS >= exp + leewayS) return invalid('expired');
  if (nbf !== undefined && nowS < nbf - leewayS) return invalid('not valid yet');
  if (expected.issuer !== undefined && iss !== expected.issuer) return invalid('wrong issuer');
  if (!audiences.includes(expected.audience)) return invalid('wrong audience');
  return { kind: 'valid' };
}

function isTime(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === 'number' && Number.isFinite(value));
}

function invalid(reason: JwtRefusal): JwtVerdict {
  return { kind: 'invalid', reason };
}

function base64Url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

const base64UrlPattern = /^[A-Za-z0-9_-]+$/;

function bytesOf(part: string): Buffer | undefined {
  return base64UrlPattern.test(part) && part.length % 4 !== 1 ? Buffer.from(part, 'base64url') : undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function jsonObject(part: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = bytesOf(part);
  if (bytes === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(utf8.decode(bytes));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
