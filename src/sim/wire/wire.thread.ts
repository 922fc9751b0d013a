/** A thread of its own for runs: while one lasts, everything in the thread lives in simulated time on a simulated network. */
import { parentPort, workerData } from 'node:worker_threads';
import { judge } from './invariants/index.ts';
import { outcomeOf } from './outcome.ts';
import { drawPlan } from './plan.ts';
import { World } from './world.ts';
import type { WireRuns } from './wire-runs.ts';

const { seeds, wholeTrace } = workerData as WireRuns;

for (const seed of seeds) {
  const world = new World(drawPlan(seed));
  await world.run(judge);
  parentPort?.postMessage(outcomeOf(world, wholeTrace ?? false));
}
