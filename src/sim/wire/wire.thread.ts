/** A thread of its own for runs: while one lasts, everything in the thread lives in simulated time on a simulated network. */
import { parentPort, workerData } from 'node:worker_threads';
import { CallsWorld, drawCallsPlan, judgeCalls } from './calls/index.ts';
import { judge } from './invariants/index.ts';
import { callsOutcomeOf, outcomeOf, type WireOutcome } from './outcome.ts';
import { drawPlan } from './plan.ts';
import { World } from './world.ts';
import type { WireRuns } from './wire-runs.ts';

const { scenario = 'programs', seeds, plans, bug, wholeTrace = false } = workerData as WireRuns;

async function run(plan: WireOutcome['plan']): Promise<WireOutcome> {
  if ('calls' in plan) {
    const world = new CallsWorld(plan, bug);
    await world.run(judgeCalls);
    return callsOutcomeOf(world, wholeTrace);
  }
  const world = new World(plan, bug);
  await world.run(judge);
  return outcomeOf(world, wholeTrace);
}

const draw = (seed: number) => (scenario === 'calls' ? drawCallsPlan(seed) : drawPlan(seed));
for (const plan of plans ?? seeds.map(draw)) parentPort?.postMessage(await run(plan));
