/** The simulated world: plans, runs, verdicts. */
export { faultKinds, type FaultKind } from './fault-kinds.ts';
export { drawPlan, type Fault, type Plan, type PlanOptions } from './plan.ts';
export { simulate, type Outcome } from './simulate.ts';
export { World } from './world.ts';
export { edgesTaken, type ChartEdges } from './edges.ts';
export { invariants, type Invariant } from './invariants/index.ts';
export { runSeeds, type SeedRun } from './run-seeds.ts';
export type { SeedResult } from './simulate.thread.ts';
export { shrink, type Shrunk } from './shrink.ts';
export { readStory, storyOf, traceFileOf, type Story } from './story.ts';
