/** Shows something once, or again and again until the person has seen enough. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Terminal } from './paint.ts';

const refreshMs = 2_000;
/** To the upper left, and nothing below. */
const clear = '\u001b[H\u001b[2J\u001b[3J';

export interface Repeat {
  readonly watch: boolean;
  /** Takes the place of what was shown before; otherwise it goes below, when it is different. */
  readonly replaces: boolean;
}

/**
 * Rejects with a text for people when it cannot be shown; while watching, that is shown and tried again.
 */
export async function show(
  text: () => Promise<string>,
  { watch, replaces }: Repeat,
  { stdout, stderr }: Terminal,
  signal: AbortSignal,
): Promise<void> {
  if (!watch) return void stdout.write(await text());
  const before = replaces && stdout.isTTY === true ? clear : '';
  let last = '';
  while (!signal.aborted) {
    await text().then(
      (shown) => {
        if (replaces || shown !== last) stdout.write(`${before}${shown}`);
        last = shown;
      },
      (error: unknown) =>
        stderr.write(`${before}kastor: ${error instanceof Error ? error.message : String(error)}\n`),
    );
    await pause(refreshMs, undefined, { signal }).catch(() => undefined);
  }
}
