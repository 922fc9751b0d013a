/** `kastor agent NAME`: one agent in full, and why it is not well. */
import { agentNamed } from '../remote/agent-name.ts';
import { KasApi } from '../remote/kas-api.ts';
import { agentDetail } from '../remote/shapes.ts';
import { targetOf, type TargetOptions } from '../remote/target.ts';
import { paintFor, widthOf, type Terminal } from '../terminal/paint.ts';
import { show } from '../terminal/repeat.ts';
import { structuredText } from '../terminal/structured.ts';
import { agentText } from './agent-text.ts';

export interface AgentOptions extends TargetOptions {
  readonly output: 'table' | 'json' | 'yaml';
  readonly steps: number;
  readonly watch: boolean;
}

export async function agent(
  name: string,
  options: AgentOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { output, watch, steps } = options;
  const api = new KasApi(targetOf(options));
  const { stdout } = terminal;
  const shown = async () => {
    const { key } = await agentNamed(api, name);
    const detail = await api.get(`/api/agents/${encodeURIComponent(key)}`, agentDetail);
    if (output !== 'table') return structuredText(detail, output, watch);
    const look = { paint: paintFor(stdout), width: widthOf(stdout) };
    return `${agentText(detail, steps, look).join('\n')}\n`;
  };
  try {
    await show(shown, { watch, replaces: output === 'table' }, terminal, signal);
  } finally {
    await api.close();
  }
}
