/**
 * Credentials of a remote, from a file that is read for every operation, so that a rotated secret needs no restart. What is
 * read goes into one header and nowhere else.
 */
import { open } from 'node:fs/promises';
import { errorCode } from '../objects/index.ts';
import { credentialsBytesMax } from './limits.ts';

export type Credentials =
  | { readonly kind: 'header'; readonly authorization: string }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Who a bare token belongs to does not matter to the usual hosts; GitLab wants this name or any other. */
const tokenUser = 'oauth2';

/** The `Authorization` of `user:password`, of a token, or of `Bearer <token>`. */
export async function readCredentials(path: string): Promise<Credentials> {
  try {
    const file = await open(path, 'r');
    try {
      const buffer = Buffer.alloc(credentialsBytesMax + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      return parse(buffer.toString('utf8', 0, bytesRead), bytesRead > credentialsBytesMax);
    } finally {
      await file.close();
    }
  } catch (error) {
    return unreadable(`cannot be read (${errorCode(error) ?? 'unknown error'})`);
  }
}

function parse(text: string, tooLong: boolean): Credentials {
  const line = text.trim();
  if (tooLong) return unreadable(`is longer than ${credentialsBytesMax} bytes`);
  if (line === '') return unreadable('is empty; write user:password or a token into it');
  if (/\p{Cc}/u.test(line)) return unreadable('must have one line: user:password or a token');
  if (/^Bearer \S+$/.test(line)) return { kind: 'header', authorization: line };
  const pair = line.includes(':') ? line : `${tokenUser}:${line}`;
  return { kind: 'header', authorization: `Basic ${Buffer.from(pair, 'utf8').toString('base64')}` };
}

function unreadable(what: string): Credentials {
  return { kind: 'unreadable', reason: `credentials file of the remote ${what}` };
}
