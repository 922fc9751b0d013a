// What a drawing is made from and how, in one short text: when it is the same, so is the drawing.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { ChartGraph } from '../../src/inspect/index.ts';

const here = new URL('./', import.meta.url);
const drawn = new URL('../../src/inspect/charts/', import.meta.url);
/** Code on which places depend; how pages and SVG are written does not matter to them. */
const code = [
  ...readdirSync(here)
    .filter((file) => file !== 'pages.ts')
    .sort()
    .map((file) => new URL(file, here)),
  new URL('chart-view.ts', drawn),
  new URL('placed-chart.ts', drawn),
];
const { version } = createRequire(import.meta.url)('elkjs/package.json') as { readonly version: string };
const means = createHash('sha256').update(version);
for (const file of code) means.update(readFileSync(file));

export function hashOf(graph: ChartGraph): string {
  return means.copy().update(JSON.stringify(graph)).digest('hex').slice(0, 16);
}
