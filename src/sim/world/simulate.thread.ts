/** A worker thread that runs seeds, one after the other, as they are handed to it. */
import { parentPort } from 'node:worker_threads';
import { drawPlan, type PlanOptions } from './plan.ts';
import { simulate } from './simulate.ts';

/** What it is asked to run. */
export interface SeedTask {
  readonly seed: number;
  readonly options: PlanOptions;
}

/** What became of a seed; without the trace, which is made again where it is wanted. */
export interface SeedResult {
  readonly seed: number;
  readonly failure: { readonly id: string; readonly text: string; readonly atMs: number } | undefined;
  readonly hash: string;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly edges: ReadonlyMap<string, number>;
}

parentPort?.on('message', (task: SeedTask) => {
  void run(task).then((result) => parentPort?.postMessage(result));
});

async function run({ seed, options }: SeedTask): Promise<SeedResult> {
  const { failure, hash, steps, simulatedMs, tally } = await simulate(drawPlan(seed, options));
  const { counts, edges } = tally;
  return { seed, failure, hash, steps, simulatedMs, counts, edges };
}
