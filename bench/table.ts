/** The figures as people read them on a terminal. */
import type { Figure, Verdict } from './figures.ts';

const rows = [
  ['direct', 'no proxy'],
  ['proxy', 'two bare proxies (the yardstick)'],
  ['', 'kas + agentk, tunnels reused'],
  ['original', 'kas + agentk, form of the originals'],
] as const;

export function renderTable(figures: readonly Figure[], verdicts: readonly Verdict[]): string {
  const values = new Map(figures.map(({ name, value }) => [name, value]));
  const show = (name: string) => shown(values.get(name));
  const named = (group: string, infix: string, rest: string) =>
    show([group, infix, rest].filter((part) => part !== '').join('.'));
  const lines: string[] = [];
  for (const c of ['c1', 'c16', 'c64']) {
    lines.push('', `GET of 1 KB, ${c.slice(1)} connection${c === 'c1' ? '' : 's'}`);
    lines.push(line('', ['req/s', 'of proxy', 'p50 ms', 'p99 ms', 'hop 1 µs', 'hop 2 µs']));
    for (const [infix, title] of rows) {
      const columns = ['rps', 'ratio_to_proxy', 'p50_ms', 'p99_ms', 'hop1.cpu_us', 'hop2.cpu_us'];
      lines.push(
        line(
          title,
          columns.map((column) => named('get1k', infix, `${c}.${column}`)),
        ),
      );
    }
  }
  for (const direction of ['down', 'up']) {
    lines.push('', `One large body ${direction}`);
    lines.push(line('', ['MB/s', 'of proxy', 'ms/MB 1', 'ms/MB 2', 'peak MB 1', 'peak MB 2']));
    for (const [infix, title] of rows) {
      const hops = ['hop1.cpu_ms_per_mb', 'hop2.cpu_ms_per_mb', 'hop1.peak_mb', 'hop2.peak_mb'];
      const columns = ['mb_s', 'ratio_to_proxy', ...hops];
      lines.push(
        line(
          title,
          columns.map((column) => named('body', infix, `${direction}.${column}`)),
        ),
      );
    }
  }
  lines.push('', 'A slow reader holds a body of 1 GB: memory of both hops grows by (MB)');
  for (const [infix, title] of rows.slice(1)) lines.push(line(title, [named('slow', infix, 'growth_mb')]));
  lines.push('', `${show('idle.agents')} idle agents on one kas`);
  lines.push(line('KB of memory per agent', [show('idle.rss_per_agent_kb')]));
  lines.push(line('agents connected per second', [show('idle.connects_per_s')]));
  lines.push(
    line('event-loop delay p99 while they connect, ms', [show('idle.connect_loop_p99_ms')]),
    line('event-loop delay p99 while they idle, ms', [show('idle.loop_p99_ms')]),
  );
  lines.push('', 'Goals');
  for (const { name, sense, value, measured, holds } of verdicts) {
    const wish = `${sense === 'atLeast' ? '≥' : '≤'} ${value}`;
    lines.push(`  ${holds ? 'holds' : 'MISSED'}  ${name} ${shown(measured)} (${wish})`);
  }
  return `${lines.join('\n')}\n`;
}

function line(title: string, columns: readonly string[]): string {
  return `  ${title.padEnd(44)}${columns.map((column) => column.padStart(11)).join('')}`;
}

function shown(value: number | undefined): string {
  if (value === undefined) return '–';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
