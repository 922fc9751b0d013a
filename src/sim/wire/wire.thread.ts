/** A thread of its own for runs: while one lasts, everything in the thread lives in simulated time on a simulated network. */
import { parentPort, workerData } from 'node:worker_threads';
import { CallsWorld, drawCallsPlan, judgeCalls } from './calls/index.ts';
import { judge } from './invariants/index.ts';
import { callsOutcomeOf, outcomeOf, type WireOutcome } from './outcome.ts';
import { drawPlan } from './plan.ts';
import { World } from './world.ts';
import type { WireRuns } from './wire-runs.ts';

const { scenario = 'programs', seeds, bug, wholeTrace = false } = workerData as WireRuns;

const runs: Readonly<Record<NonNullable<WireRuns['scenario']>, (seed: number) => Promise<WireOutcome>>> = {
  programs: async (seed) => {
    const world = new World(drawPlan(seed), bug);
    await world.run(judge);
    return outcomeOf(world, wholeTrace);
  },
  calls: async (seed) => {
    const world = new CallsWorld(drawCallsPlan(seed), bug);
    await world.run(judgeCalls);
    return callsOutcomeOf(world, wholeTrace);
  },
};

for (const seed of seeds) parentPort?.postMessage(await runs[scenario](seed));
