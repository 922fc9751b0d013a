/** `kastor pollers`: which repositories kas asks again and again, and with what answer. */
import { KasApi } from '../remote/kas-api.ts';
import { pollersView, type PollerLine } from '../remote/shapes.ts';
import { targetOf, type TargetOptions } from '../remote/target.ts';
import { age } from '../terminal/age.ts';
import { paintFor, widthOf, type Style, type Terminal } from '../terminal/paint.ts';
import { show } from '../terminal/repeat.ts';
import { structuredText } from '../terminal/structured.ts';
import { tableOf, type Cell, type TableLook } from '../terminal/table.ts';

export interface PollersOptions extends TargetOptions {
  readonly output: 'table' | 'json' | 'yaml';
  readonly watch: boolean;
}

export async function pollers(
  options: PollersOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { output, watch } = options;
  const api = new KasApi(targetOf(options));
  const { stdout } = terminal;
  const shown = async () => {
    const view = await api.get('/api/pollers', pollersView);
    if (output !== 'table') return structuredText(view, output, watch);
    const look = { paint: paintFor(stdout), width: widthOf(stdout) };
    const lines = pollersText(view.pollers, view.now, look);
    const more = view.hidden > 0 ? [look.paint('dim', `and ${view.hidden} more`)] : [];
    return `${[...lines, ...more].join('\n')}\n`;
  };
  try {
    await show(shown, { watch, replaces: output === 'table' }, terminal, signal);
  } finally {
    await api.close();
  }
}

const columns = [
  { title: 'FOR' },
  { title: 'PROJECT', shrinks: true },
  { title: 'REF', shrinks: true },
  { title: 'STATE' },
  { title: 'COMMIT' },
  { title: 'STREAMS', right: true },
  { title: 'AGENT', right: true },
  { title: 'ASKED', right: true },
  { title: 'FAILED', right: true },
  { title: 'REASON', shrinks: true },
];

function pollersText(lines: readonly PollerLine[], now: number, look: TableLook): readonly string[] {
  if (lines.length === 0) return ['Nobody wants news of a repository.'];
  const rows = lines.map((line): readonly Cell[] => [
    line.kind,
    line.project,
    line.ref.replace(/^refs\/(heads|tags)\//, ''),
    { text: line.state, style: styleOf(line) },
    line.commit.slice(0, 10),
    String(line.listeners),
    line.agentId ?? '',
    line.askedAt === null ? 'never' : `${age(line.askedAt, now)} ago`,
    String(line.attempt),
    line.reason,
  ]);
  return tableOf(columns, rows, look);
}

function styleOf({ attempt, reason }: PollerLine): Style {
  if (attempt > 0) return 'red';
  return reason === '' ? 'green' : 'yellow';
}
