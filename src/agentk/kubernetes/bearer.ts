/**
 * The credential for the API server. A token file is read again when the last reading is older than 50 s, because the
 * kubelet renews it (`spec/agentk.md §4.2`); when it cannot be read the old token stays in use. A plugin is asked in the
 * background on the same terms: requests never wait for it.
 */
import { readFileSync } from 'node:fs';
import type { Clock } from '../../ports/index.ts';
import { agentkLimits } from '../limits.ts';

/** The value of the Authorization header now, or undefined for none. Cheap; asked per request. */
export type Authorize = () => string | undefined;

/** From a file that changes. Throws when the first reading fails. */
export function bearerFromFile(path: string, clock: Clock): Authorize {
  let header = bearer(readToken(path));
  let readAt = clock.monotonic();
  return () => {
    if (clock.monotonic() - readAt <= agentkLimits.tokenMsMax) return header;
    readAt = clock.monotonic();
    try {
      header = bearer(readToken(path));
    } catch {
      // The old token may well still be good; the next reading is in 50 s.
    }
    return header;
  };
}

/** From a source that has to be asked (exec plugins); rejects when its first answer fails. */
export async function bearerFromPlugin(
  ask: () => Promise<string | undefined>,
  clock: Clock,
): Promise<Authorize> {
  let header = await ask();
  let askedAt = clock.monotonic();
  return () => {
    if (clock.monotonic() - askedAt > agentkLimits.tokenMsMax) {
      askedAt = clock.monotonic();
      ask().then(
        (answer) => (header = answer),
        () => {}, // as above
      );
    }
    return header;
  };
}

/** A token that never changes. */
export function bearerFixed(token: string): Authorize {
  const header = bearer(token);
  return () => header;
}

function readToken(path: string): string {
  const text = readFileSync(path, 'utf8');
  if (text.length > agentkLimits.tokenBytesMax) throw new Error(`token file ${path} is too large`);
  return text;
}

function bearer(token: string): string | undefined {
  const trimmed = token.trim();
  return trimmed === '' ? undefined : `Bearer ${trimmed}`;
}
