/**
 * How Rails looks at `Gitlab-Kas-Api-Request` (`spec/gitlab.md §1.2`): HS256 with the shared secret, issuer, audience, `exp`
 * and `nbf`. Written without the product's own code, so that both can be wrong only apart.
 */
import { createHmac } from 'node:crypto';

/** Why the token is refused; undefined when it is good. */
export function kasJwtFault(token: string | undefined, secret: Buffer, nowMs: number): string | undefined {
  if (token === undefined) return 'no token';
  const [head = '', body = '', signature = '', ...more] = token.split('.');
  if (more.length > 0 || signature === '') return 'not three parts';
  const header = read(head);
  if (header?.['alg'] !== 'HS256' || header['typ'] !== 'JWT') return 'wrong header';
  const right = createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url');
  if (right !== signature) return 'wrong signature';
  const claims = read(body);
  if (claims === undefined) return 'no claims';
  const { iss, aud, exp, nbf, iat } = claims;
  if (iss !== 'gitlab-kas') return `wrong issuer ${String(iss)}`;
  if (!Array.isArray(aud) || aud.length !== 1 || aud[0] !== 'gitlab') return 'wrong audience';
  if (![exp, nbf, iat].every((time) => Number.isInteger(time))) return 'times must be whole seconds';
  if (Number(exp) - Number(iat) !== 30 || Number(iat) - Number(nbf) !== 5) return 'wrong lifetime';
  if (nowMs >= Number(exp) * 1000) return 'expired';
  if (nowMs < Number(nbf) * 1000) return 'not valid yet';
  return undefined;
}

function read(part: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
