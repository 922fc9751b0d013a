/** The laid-out charts, one file each, read when one is first shown. */
import { useEffect, useState } from 'preact/hooks';
import type { ChartGraph } from '../../src/inspect/charts/chart-graph.ts';
import type { PlacedChart } from '../../src/inspect/charts/placed-chart.ts';

export interface Drawing {
  readonly graph: ChartGraph;
  readonly lifted: PlacedChart;
  readonly full: PlacedChart;
}

const files = import.meta.glob<Drawing>('../../src/inspect/charts/gen/*.json', { import: 'default' });
const read = new Map<string, Drawing>();

export function hasDrawing(name: string): boolean {
  return files[`../../src/inspect/charts/gen/${name}.json`] !== undefined;
}

/** By the name of the chart's file; undefined until it is here. */
export function useDrawing(name: string): Drawing | undefined {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (read.has(name)) return;
    void files[`../../src/inspect/charts/gen/${name}.json`]?.().then((drawing) => {
      read.set(name, drawing);
      redraw((count) => count + 1);
    });
  }, [name]);
  return read.get(name);
}
