/** The simulated world: plans, runs, verdicts. */
export { faultKinds, type FaultKind } from './fault-kinds.ts';
export { drawPlan, type Fault, type Plan, type PlanOptions } from './plan.ts';
export { simulate, type Outcome } from './simulate.ts';
