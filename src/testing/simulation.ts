/**
 * Simulated worlds of kas and agentk, for others. The types are a face of their own: a plan is mostly opaque, drawn from a
 * seed or read from a file, and its declarations need no source of ours.
 */
import {
  drawPlan as draw,
  faultKinds,
  readStory,
  simulate as run,
  type FaultKind,
} from '../sim/world/index.ts';

/** Plain data, as `kastor simulate` writes it; it may hold more than is named here. */
export interface Plan {
  readonly seed: number;
  readonly agents: number;
  readonly kas: number;
  /** No fault begins or lasts later, in milliseconds since the start. */
  readonly healMs: number;
  readonly faults: readonly {
    readonly atMs: number;
    readonly forMs: number;
    readonly kind: string;
    /** Which agent and which kas, modulo their number. */
    readonly agent: number;
    readonly kas: number;
  }[];
  readonly requests: readonly object[];
  readonly pushes: readonly object[];
}

export interface PlanOptions {
  readonly agents?: number;
  readonly kas?: number;
  /** Only these kinds, all of them; by default a random part of all. */
  readonly faults?: readonly string[];
  /** Agents have manifest projects, or have none; by default some plans do. */
  readonly gitops?: boolean;
  /** How long there are faults. */
  readonly healMs?: number;
}

export interface Outcome {
  /** The first broken invariant; undefined when all held. */
  readonly failure: { readonly id: string; readonly text: string; readonly atMs: number } | undefined;
  /** Of every line of the trace: equal runs have equal hashes. */
  readonly hash: string;
  readonly steps: number;
  readonly simulatedMs: number;
  /** How often what happened. */
  readonly counts: ReadonlyMap<string, number>;
  /** The last lines of the trace, or all of them. */
  readonly trace: readonly { readonly atMs: number; readonly text: string }[];
}

/** Everything a seed says. Throws at a fault that there is not. */
export function drawPlan(seed: number, options: PlanOptions = {}): Plan {
  const { faults, ...sizes } = options;
  return draw(seed, { ...sizes, faults: faults?.map(faultNamed) });
}

/**
 * Runs kas and agentk through a plan, on a virtual clock, in this thread; throws at something that is no plan. The same plan
 * gives the same outcome. One run at a time: while it lasts `setImmediate` belongs to it.
 */
export async function simulate(plan: Plan, options: { readonly keepTrace?: boolean } = {}): Promise<Outcome> {
  const { plan: checked } = readStory(JSON.stringify(plan));
  const { failure, hash, steps, simulatedMs, tally, trace } = await run(checked, options);
  return { failure, hash, steps, simulatedMs, counts: tally.counts, trace };
}

function faultNamed(name: string): FaultKind {
  const kind = faultKinds.find((known) => known === name);
  if (kind === undefined)
    throw new Error(`there is no fault called ${name}; there are: ${faultKinds.join(', ')}`);
  return kind;
}
