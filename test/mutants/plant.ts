/** Set up before the tests of a worker: plants the wrong that the run is about into its chart. */
import { inject } from 'vitest';
import { charts } from '../../statecharts/index.ts';
import { mutantsOf } from '../../src/testing/index.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** A chart and its wrong; without one the run is as always. */
    readonly wrong: { readonly chart: string; readonly id: string } | undefined;
  }
}

const wrong = inject('wrong');
if (wrong !== undefined) {
  const machine = charts.find(({ name }) => name === wrong.chart)?.machine;
  const mutant = machine && mutantsOf(machine).find(({ id }) => id === wrong.id);
  if (mutant === undefined) throw new Error(`${wrong.chart} has no wrong ${wrong.id}`);
  mutant.plant();
}
