// Draws every statechart, from the machines themselves: a page, a picture and an index in docs/charts, and the data from
// which the product draws (src/inspect/charts/gen).
//
//   npm run charts               here
//   npm run charts -- FOLDER     into another folder, as if it were the checkout
//   npm run charts -- --afresh   also what has not changed is laid out again
//
// Laying a chart out takes seconds: what was made from the same graph in the same way is taken from the checkout.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ChartDrawing, chartDrawing, chartGraphOf, chartSvg } from '../src/inspect/index.ts';
import { charts } from '../statecharts/index.ts';
import { bestLayout } from './charts/fit.ts';
import { hashOf } from './charts/made-from.ts';
import { indexPage, pageOf } from './charts/pages.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { afresh: { type: 'boolean', default: false } },
});
const [root = '.'] = positionals;

const pages = new Map([['README.md', indexPage(charts)]]);
const data = new Map<string, string>();
for (const chart of charts) {
  const graph = chartGraphOf(chart.machine);
  const madeFrom = hashOf(graph);
  const known = values.afresh ? undefined : chartDrawing(chart.name);
  const drawing: ChartDrawing =
    known?.madeFrom === madeFrom
      ? known
      : {
          madeFrom,
          graph,
          lifted: await bestLayout(graph, 'lifted'),
          full: await bestLayout(graph, 'full'),
        };
  data.set(`${chart.name}.json`, `${JSON.stringify(drawing)}\n`);
  pages.set(`${chart.name}.svg`, chartSvg(graph, drawing.lifted, { standalone: true }));
  pages.set(`${chart.name}.md`, pageOf(chart));
}
write(join(root, 'docs/charts'), pages);
write(join(root, 'src/inspect/charts/gen'), data);

function write(folder: string, files: ReadonlyMap<string, string>): void {
  mkdirSync(folder, { recursive: true });
  // What is not among them is of a chart that is gone.
  for (const old of readdirSync(folder)) if (!files.has(old)) rmSync(join(folder, old));
  for (const [file, text] of files) writeFileSync(join(folder, file), text);
}
