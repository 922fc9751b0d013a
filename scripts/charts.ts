// Draws every statechart: one page each and an index, from the machines themselves. `npm run charts [folder]`.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeStates, diagramOf } from '../src/inspect/index.ts';
import { type Chart, charts } from '../statecharts/index.ts';

const folder = process.argv[2] ?? 'docs/charts';

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('|', '\\|');
}

/** The first paragraph of what the machine says of itself. */
function summaryOf({ machine }: Chart): string {
  const [first = ''] = (machine.root.description ?? '').split(/\n\s*\n/);
  return escape(first.replaceAll(/\s+/g, ' ').trim());
}

function tableOf({ machine }: Chart): string[] {
  const rows = describeStates(machine).filter(
    ({ owner, tags, does, stays }) => owner !== '' || tags.length > 0 || does.length > 0 || stays.length > 0,
  );
  if (rows.length === 0) return [];
  return [
    '',
    '| State | Owner | Tags | Does | Takes without moving |',
    '|---|---|---|---|---|',
    ...rows.map(({ path, owner, tags, does, stays }) => {
      const cells = [
        path === '' ? '(the machine)' : path,
        owner,
        tags.join(', '),
        does.join(', '),
        stays.join(', '),
      ];
      return `| ${cells.map(escape).join(' | ')} |`;
    }),
  ];
}

function pageOf(chart: Chart): string {
  const { name, machine, hot } = chart;
  return [
    `# ${name}`,
    '',
    summaryOf(chart),
    '',
    `Source: [statecharts/${name}.ts](../../statecharts/${name}.ts).${hot === true ? ' Runs compiled.' : ''}`,
    '',
    '```mermaid',
    diagramOf(machine),
    '```',
    ...tableOf(chart),
    '',
  ].join('\n');
}

const index = [
  '# Statecharts',
  '',
  'Drawn from `statecharts/` by `npm run charts`; do not edit.',
  '',
  '| Chart | Whose life |',
  '|---|---|',
  ...charts.map((chart) => `| [${chart.name}](${chart.name}.md) | ${summaryOf(chart)} |`),
  '',
].join('\n');

mkdirSync(folder, { recursive: true });
const pages = new Map([
  ['README.md', index],
  ...charts.map((chart) => [`${chart.name}.md`, pageOf(chart)] as const),
]);
for (const old of readdirSync(folder)) {
  if (old.endsWith('.md') && !pages.has(old)) rmSync(join(folder, old)); // of a chart that is gone
}
for (const [file, text] of pages) writeFileSync(join(folder, file), text);
