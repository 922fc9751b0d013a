/** One run of a plan, from nothing to a verdict. */
import type { Failure, TraceLine } from '../kernel/index.ts';
import type { Plan } from './plan.ts';
import type { Tally } from './tally.ts';
import { World } from './world.ts';

export interface Outcome {
  /** The first broken invariant; undefined when all held. */
  readonly failure: Failure | undefined;
  /** Of every line of the trace: equal runs have equal hashes. */
  readonly hash: string;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly tally: Tally;
  /** The last lines of the trace, or all of them. */
  readonly trace: readonly TraceLine[];
}

/**
 * Runs the production charts, actors and supervisors of kas and agentk through a plan, on a virtual clock, in this process.
 * The same plan gives the same outcome. One run at a time: while it lasts `setImmediate` belongs to it.
 */
export async function simulate(plan: Plan, options: { readonly keepTrace?: boolean } = {}): Promise<Outcome> {
  const world = new World(plan, options);
  await world.run();
  const { kernel, tally } = world;
  return {
    failure: kernel.failure,
    hash: kernel.trace.hash,
    steps: kernel.steps,
    simulatedMs: kernel.nowMs,
    tally,
    trace: options.keepTrace === true ? kernel.trace.latest(Infinity) : kernel.trace.latest(),
  };
}
