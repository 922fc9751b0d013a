/**
 * Tokens and what is kept of them. A token is random enough that a plain SHA-256 hides it, and looking a hash up in a map
 * tells an attacker nothing: to steer the hash is to invert it.
 */
import { hash, randomBytes } from 'node:crypto';

/** Form of a hash in the directory file. */
export const tokenHashPattern = /^sha256:[0-9a-f]{64}$/;

/** What the directory file keeps of a token: `sha256:` and 64 hexadecimal digits. */
export function hashToken(token: string): string {
  return `sha256:${hash('sha256', token, 'hex')}`;
}

/** A fresh token: the prefix (e.g. `glagent-`) and 50 random URL-safe characters, as GitLab makes them. */
export function newToken(prefix: string): string {
  return `${prefix}${randomBytes(38).toString('base64url').slice(0, 50)}`;
}
