/** `kastor status`: agents and manifest projects of a running kas, once or again and again. */
import { setTimeout as pause } from 'node:timers/promises';
import { styleText } from 'node:util';
import { askKas } from './kas-state.ts';
import { statusText, type Paint } from './status-text.ts';

export interface StatusOptions {
  readonly kas: string;
  readonly output: string;
  readonly watch: boolean;
}

type Terminal = NodeJS.WritableStream & { readonly isTTY?: boolean };

const refreshMs = 2_000;
/** To the upper left, and nothing below. */
const clear = '\u001b[H\u001b[2J\u001b[3J';

/**
 * Prints once, or until `signal` ends the watch. Rejects with a text for people when kas cannot be asked; while watching, that is shown and
 * asked again.
 */
export async function status(
  { kas, output, watch }: StatusOptions,
  { stdout, stderr }: { readonly stdout: Terminal; readonly stderr: NodeJS.WritableStream },
  signal: AbortSignal,
): Promise<void> {
  if (output !== 'table' && output !== 'json') {
    throw new Error(`--output ${JSON.stringify(output)} is not known: table or json`);
  }
  const paint: Paint = (style, text) => styleText(style, text, { stream: stdout });
  const isTable = output === 'table';
  const show = async () => {
    const state = await askKas(kas);
    return isTable ? statusText(state, Date.now(), paint) : JSON.stringify(state, undefined, watch ? 0 : 2);
  };
  if (!watch) return void stdout.write(`${await show()}\n`);
  while (!signal.aborted) {
    const before = isTable && stdout.isTTY === true ? clear : '';
    await show().then(
      (text) => stdout.write(`${before}${text}\n`),
      (error: unknown) =>
        stderr.write(`${before}kastor: ${error instanceof Error ? error.message : String(error)}\n`),
    );
    await pause(refreshMs, undefined, { signal }).catch(() => undefined);
  }
}
