/**
 * What secret files mean (`spec/kas.md §2.1`). The originals' form, with words for what was meant differently; an empty
 * secret, with which anybody could sign, is refused.
 */
import type { Meaning } from './credential-files.ts';

const invalid = (reason: string) => ({ kind: 'invalid', reason }) as const;

/** Standard base64 in which only line breaks are ignored. `bytes` is how long the secret must be, if that is fixed. */
export function base64Secret(bytes?: number) {
  return ([contents = Buffer.alloc(0)]: readonly Buffer[]): Meaning<Buffer> => {
    const text = contents.toString('latin1').replaceAll(/[\r\n]/g, '');
    const make = `make one with: openssl rand -base64 ${bytes ?? 32}`;
    if (text === '') return invalid(`is empty; ${make}`);
    const stray = /[^A-Za-z0-9+/=]/.exec(text);
    if (stray !== null) {
      const at = contents.indexOf(stray[0], 0, 'latin1') + 1;
      return invalid(`is not standard base64: ${characterName(stray[0])} at byte ${at}; ${make}`);
    }
    if (!/^[^=]*={0,2}$/.test(text) || text.length % 4 !== 0) {
      return invalid(`is not standard base64: something is missing at its end, or = stands inside; ${make}`);
    }
    const secret = Buffer.from(text, 'base64');
    return bytes === undefined || secret.length === bytes
      ? { kind: 'ok', value: secret }
      : invalid(`expecting ${bytes} bytes in base64, was ${secret.length}; ${make}`);
  };
}

/** Never the character itself: it may be part of a secret. */
function characterName(character: string): string {
  if (character === ' ') return 'a space';
  if (character === '\t') return 'a tab';
  if (character === '-' || character === '_') return 'a character of URL-safe base64';
  if (character === '\xef' || character === '\xfe' || character === '\xff') return 'a byte order mark';
  return 'a character base64 does not have';
}

const bearerCharsMin = 16;

/** A bearer token: one line of letters that may stand in a header. */
export function bearerSecret([contents = Buffer.alloc(0)]: readonly Buffer[]): Meaning<string> {
  const text = contents.toString('latin1').replace(/\r?\n$/, '');
  if (!/^[\x21-\x7e]*$/.test(text)) return invalid('is not one line of visible ASCII characters');
  if (text.length < bearerCharsMin) {
    return invalid(`is shorter than ${bearerCharsMin} characters; make one with: openssl rand -hex 32`);
  }
  return { kind: 'ok', value: text };
}
