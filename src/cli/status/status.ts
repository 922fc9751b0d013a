/** `kastor status`: agents and manifest projects of a running kas, once or again and again. */
import { KasApi } from '../remote/kas-api.ts';
import { targetOf, type TargetOptions } from '../remote/target.ts';
import { paintFor, widthOf, type Terminal } from '../terminal/paint.ts';
import { show } from '../terminal/repeat.ts';
import { structuredText } from '../terminal/structured.ts';
import { kasState } from './state-shape.ts';
import { statusText } from './status-text.ts';

export interface StatusOptions extends TargetOptions {
  readonly output: 'table' | 'json' | 'yaml';
  readonly watch: boolean;
}

/** Prints once, or until `signal` ends the watch; rejects with a Trouble when kas cannot be asked. */
export async function status(options: StatusOptions, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const { output, watch } = options;
  const api = new KasApi(targetOf(options));
  const { stdout } = terminal;
  const text = async () => {
    const state = await api.get('/state', kasState);
    if (output !== 'table') return structuredText(state, output, watch);
    return `${statusText(state, Date.now(), { paint: paintFor(stdout), width: widthOf(stdout) })}\n`;
  };
  try {
    await show(text, { watch, replaces: output === 'table' }, terminal, signal);
  } finally {
    await api.close();
  }
}
