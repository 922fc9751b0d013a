/** `kastor/testing`: model-testing charts, ours and others'. */
export { chartLaws, type ChartLaw, type ChartLawOptions } from './chart-laws.ts';
export { graphOf, pathsOf, type ChartGraph, type ChartPath, type ChartStep } from './chart-graph.ts';
export { eventsOf, stateKeyOf, type ChartModel, type Fields, type Payloads } from './chart-model.ts';
export { playPath, type Play } from './play.ts';
export { mutantsOf, type Mutant, type MutantKind } from './mutants.ts';
export { drawPlan, simulate, type Outcome, type Plan, type PlanOptions } from './simulation.ts';
