/** `kastor requests`: requests to clusters under way, those that waited long for a tunnel, those that failed and why. */
import { agentNamed } from '../remote/agent-name.ts';
import { KasApi } from '../remote/kas-api.ts';
import { requestsView, type RequestLine, type RequestsView } from '../remote/shapes.ts';
import { targetOf, type TargetOptions } from '../remote/target.ts';
import { age, lasted } from '../terminal/age.ts';
import { paintFor, widthOf, type Style, type Terminal } from '../terminal/paint.ts';
import { show } from '../terminal/repeat.ts';
import { structuredText } from '../terminal/structured.ts';
import { tableOf, type Cell, type TableLook } from '../terminal/table.ts';
import type { requestLists } from './choices.ts';

export interface RequestsOptions extends TargetOptions {
  readonly output: 'table' | 'json' | 'yaml';
  readonly list: (typeof requestLists)[number];
  readonly agent?: string;
  readonly watch: boolean;
}

export async function requests(
  options: RequestsOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { output, watch, list } = options;
  const api = new KasApi(targetOf(options));
  const { stdout } = terminal;
  const shown = async () => {
    const agent = options.agent === undefined ? undefined : (await agentNamed(api, options.agent)).agentId;
    const whole = await api.get('/api/requests', requestsView);
    const some = (name: 'living' | 'slow' | 'failed') =>
      list === 'all' || list === name
        ? whole[name].filter(({ agentId }) => agent === undefined || agentId === agent)
        : [];
    const view = { ...whole, living: some('living'), slow: some('slow'), failed: some('failed') };
    if (output !== 'table') return structuredText(view, output, watch);
    const look = { paint: paintFor(stdout), width: widthOf(stdout) };
    return `${requestsText(view, list, look).join('\n')}\n`;
  };
  try {
    await show(shown, { watch, replaces: output === 'table' }, terminal, signal);
  } finally {
    await api.close();
  }
}

const columns = [
  { title: 'REQUEST' },
  { title: 'AGENT', right: true },
  { title: 'FOR' },
  { title: 'METHOD', shrinks: true },
  { title: 'STATE' },
  { title: 'BEGAN', right: true },
  { title: 'TUNNEL AFTER', right: true },
  { title: 'LASTED', right: true },
  { title: 'REASON', shrinks: true },
];

function requestsText(view: RequestsView, list: RequestsOptions['list'], look: TableLook): readonly string[] {
  const { now, counts, hidden, slowMs } = view;
  const ended = Object.entries(counts).filter(([, count]) => count > 0);
  const so = ended.map(([kind, count]) => `${count} ${kind}`).join(', ');
  const parts: readonly (readonly ['living' | 'slow' | 'failed', string, string])[] = [
    ['living', 'Under way', 'None is under way.'],
    ['slow', `Waited ${lasted(slowMs)} or longer for a tunnel`, 'None waited long.'],
    ['failed', 'Failed', 'None failed.'],
  ];
  const lines = parts
    .filter(([name]) => list === 'all' || list === name)
    .flatMap(([name, title, none]) => {
      const rows = view[name].map((line) => rowOf(line, now));
      const shown = rows.length === 0 ? [none] : tableOf(columns, rows, look);
      const more = name === 'living' && hidden > 0 ? [look.paint('dim', `and ${hidden} more`)] : [];
      return ['', look.paint('bold', title), ...shown, ...more];
    });
  return [`Ended since the start of kas: ${so === '' ? 'none' : so}.`, ...lines];
}

function rowOf(line: RequestLine, now: number): readonly Cell[] {
  return [
    line.id.replace(/^request:/, ''),
    line.agentId,
    line.kind,
    line.method,
    { text: line.state, style: styleOf(line.state) },
    `${age(line.startedAt, now)} ago`,
    line.routedMs === null ? '-' : lasted(line.routedMs),
    lasted(line.lastedMs),
    line.reason,
  ];
}

function styleOf(state: string): Style {
  if (state === 'forwarding' || state === 'forwarded') return 'green';
  return /^(refused|timedOut|unreachable|crashed)$/.test(state) ? 'red' : 'cyan';
}
