/**
 * The finished drawings of the charts: graphs with a place for everything in either view. They are made when the charts
 * change (`npm run charts`) and lie beside this file as data; `verify` fails when they are out of step with the machines.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { ChartGraph } from './chart-graph.ts';
import type { ChartView } from './chart-view.ts';
import type { PlacedChart } from './placed-chart.ts';

export interface ChartDrawing extends Readonly<Record<ChartView, PlacedChart>> {
  /** A hash of what it was made from and how. */
  readonly madeFrom: string;
  readonly graph: ChartGraph;
}

/** By the name of the chart, as in `statecharts/index.ts`; undefined if there is none. */
export function chartDrawing(name: string): ChartDrawing | undefined {
  if (!/^[a-z0-9-]+$/.test(name)) return undefined;
  const file = new URL(`gen/${name}.json`, import.meta.url);
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, 'utf8')) as ChartDrawing;
}
