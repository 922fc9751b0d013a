// The pages beside the pictures: what a picture cannot say, as tables.
import { describeStates } from '../../src/inspect/index.ts';
import type { Chart } from '../../statecharts/index.ts';

export function pageOf(chart: Chart): string {
  const { name, hot } = chart;
  return [
    `# ${name}`,
    '',
    summaryOf(chart),
    '',
    `Source: [statecharts/${name}.ts](../../statecharts/${name}.ts).${hot === true ? ' Runs compiled.' : ''}`,
    'How to read the picture: [README](README.md#how-to-read-them).',
    '',
    `![Statechart ${name}](${name}.svg)`,
    ...tableOf(chart),
    '',
  ].join('\n');
}

export function indexPage(charts: readonly Chart[]): string {
  return [
    '# Statecharts',
    '',
    'Drawn from `statecharts/` by `npm run charts`; do not edit. `kastor charts` gives the same pictures, also with every action',
    '(`--full`), and the charts as Mermaid, SCXML and xstate configurations.',
    '',
    '## How to read them',
    '',
    '- A dot leads to where a composite begins; a double frame is an end; dashed frames are regions that live side by side.',
    '- The lamp of a state is its tone: green healthy, blue transient (on its way), amber degraded, red down.',
    '- Labels: an event; with a clock a delay; with a tick or a cross invoked logic that ended well or failed; `[guard]` in brackets.',
    '- An edge that really begins or ends further inside says so: *in* that state, *to* that state. *any state* stands for all around it.',
    '- Inside a state: a round arrow is logic that it invokes, a person who owns the thing meanwhile.',
    '',
    '## Charts',
    '',
    '| Chart | Whose life |',
    '|---|---|',
    ...charts.map((chart) => `| [${chart.name}](${chart.name}.md) | ${summaryOf(chart)} |`),
    '',
  ].join('\n');
}

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
