/** `kastor charts`: the statecharts this program runs, as pictures and for other tools. */
import { writeFileSync } from 'node:fs';
import { chartDrawing, chartGraphOf, chartJsonOf, chartSvg, diagramOf, scxmlOf } from '../inspect/index.ts';
import type { ChartsOptions } from './chart-formats.ts';
import { type Chart, charts } from '../../statecharts/index.ts';

/** Writes a chart, or without a name the list of all; throws what the person at the terminal should read. */
export function showCharts(name: string | undefined, options: ChartsOptions): void {
  const text = name === undefined ? listOfCharts() : exported(chartNamed(name), options);
  if (options.output === undefined) process.stdout.write(text);
  else writeFileSync(options.output, text);
}

function listOfCharts(): string {
  const width = Math.max(...charts.map(({ name }) => name.length));
  return charts
    .map(({ name, machine }) => `${name.padEnd(width)}  ${chartGraphOf(machine).description}\n`)
    .join('');
}

function chartNamed(name: string): Chart {
  const chart = charts.find((one) => one.name === name);
  if (chart === undefined) throw new Error(`no chart is called ${name}; "kastor charts" lists them`);
  return chart;
}

function exported({ name, machine }: Chart, { format, full }: ChartsOptions): string {
  const formats: Readonly<Record<typeof format, () => string>> = {
    svg: () => {
      const drawing = chartDrawing(name);
      if (drawing === undefined) throw new Error(`there is no drawing of ${name}; "npm run charts" makes it`);
      return chartSvg(drawing.graph, drawing[full ? 'full' : 'lifted'], { standalone: true });
    },
    mermaid: () => `${diagramOf(machine)}\n`,
    scxml: () => scxmlOf(chartGraphOf(machine)),
    json: () => chartJsonOf(machine),
  };
  return formats[format]();
}
