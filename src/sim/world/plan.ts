/**
 * What a run does: sizes, faults, requests and pushes, drawn from the seed or read from a file. A plan is all there is to
 * a run besides the seed, so a failing one can lose parts until nothing in it can be spared (`shrink.ts`).
 *
 * Each plan has two phases: until `healMs` there are faults; then everything is mended, and what the system owes to a whole
 * world can be demanded (`invariants`). Random faults that heal by chance would hide what only lives by chance.
 */
import { SeededRandom } from '../kernel/index.ts';
import { faultKinds, manifestFaults, type FaultKind } from './fault-kinds.ts';
import { logLevels } from './agent-configuration.ts';
import { manifestChanges, type ManifestChange } from './manifest-repository.ts';
import type { LogLevel } from '../../ports/index.ts';

export interface Fault {
  readonly atMs: number;
  readonly forMs: number;
  readonly kind: FaultKind;
  /** Which agent and which kas, modulo their number. */
  readonly agent: number;
  readonly kas: number;
}

export interface PlannedRequest {
  readonly atMs: number;
  readonly agent: number;
  /** The kas it comes to, unless it is routed. */
  readonly kas: number;
  /** It comes to a kas that has the agent, if one does: what a shared directory of tunnels makes true for all. */
  readonly routed: boolean;
  readonly thinkMs: number;
  readonly streamMs: number;
  readonly chunks: number;
  readonly bodyBytes: number;
  /** The user leaves after this. */
  readonly patienceMs: number;
}

export interface PlannedPush {
  readonly atMs: number;
  readonly agent: number;
  readonly level: LogLevel;
}

export interface PlannedManifestPush {
  readonly atMs: number;
  readonly agent: number;
  readonly change: ManifestChange;
  /** Which object, modulo their number. */
  readonly at: number;
}

export interface Plan {
  readonly seed: number;
  readonly agents: number;
  readonly kas: number;
  /** No fault begins or lasts later. */
  readonly healMs: number;
  /** All must be well again so long after. */
  readonly quietMs: number;
  /** `max_connection_age` of kas. */
  readonly ageMs: number;
  /** How often kas looks for new configurations. */
  readonly pollMs: number;
  readonly faults: readonly Fault[];
  readonly requests: readonly PlannedRequest[];
  /** Requests when all is well again, counted from then: they must be served. */
  readonly probes: readonly PlannedRequest[];
  /** Another replica of each agent holds its Lease; so the one we look at only waits for it. */
  readonly led: boolean;
  /** kas takes tunnels again after a request; without it every request has a stream of its own, as with the originals. */
  readonly reuse: boolean;
  readonly pushes: readonly PlannedPush[];
  /** Every agent has a manifest project, to which these are pushed; absent in a plan without GitOps. */
  readonly manifests?: readonly PlannedManifestPush[] | undefined;
}

export interface PlanOptions {
  readonly agents?: number | undefined;
  readonly kas?: number | undefined;
  /** Only these kinds, all of them; by default a random part of all. */
  readonly faults?: readonly FaultKind[] | undefined;
  /** Whether agents have manifest projects; some plans unless told. */
  readonly gitops?: boolean | undefined;
  /** How long there are faults. */
  readonly healMs?: number | undefined;
}

const minuteMs = 60_000;
/** Longer than the longest wait of an agent that was refused, and of a configuration stream that failed. */
const quietMsMax = 15 * minuteMs;
const probes = 6;
/** Plans with GitOps; they are dearer than the others. */
const gitopsShare = 0.15;
const manifestPushMeanMs = 25_000;
const probeMsMax = 20_000;
export const foreverMs = 1e9;

/** Everything a seed says. */
export function drawPlan(seed: number, options: PlanOptions = {}): Plan {
  const random = new SeededRandom(seed, 'plan');
  const sizes = random.fork('sizes');
  const agents = options.agents ?? sizes.pick([1, 1, 2, 2, 3]);
  const kas = options.kas ?? sizes.pick([1, 1, 2, 3]);
  const healMs = options.healMs ?? sizes.pick([1, 1, 2, 3]) * minuteMs;
  const manifests = random.fork('manifests');
  const gitops = options.gitops ?? manifests.chance(gitopsShare);
  return {
    seed,
    agents,
    kas,
    healMs,
    quietMs: quietMsMax,
    ageMs: sizes.pick([3, 10, 120]) * minuteMs,
    pollMs: sizes.pick([20_000, 60_000]),
    faults: drawFaults(random.fork('faults'), { healMs, kinds: options.faults, gitops }),
    requests: drawRequests(random.fork('requests'), { agents, kas, healMs }),
    probes: drawProbes(random.fork('probes'), { agents, kas }),
    led: sizes.chance(0.75) && !gitops, // only who leads works on manifests
    reuse: sizes.chance(0.7),
    pushes: drawPushes(random.fork('pushes'), { agents, healMs }),
    ...(gitops && { manifests: drawManifestPushes(manifests, { agents, healMs }) }),
  };
}

function drawFaults(
  random: SeededRandom,
  {
    healMs,
    kinds,
    gitops,
  }: Pick<Plan, 'healMs'> & {
    readonly kinds: readonly FaultKind[] | undefined;
    readonly gitops: boolean;
  },
): readonly Fault[] {
  // A stream for each kind: one more in the world leaves the others to their seeds.
  const possible = faultKinds.filter((kind) => gitops || !manifestFaults.has(kind));
  const present = kinds ?? possible.filter((kind) => random.fork(kind).chance(0.3));
  const meanMs = random.pick([5_000, 20_000, 60_000]);
  const faults: Fault[] = [];
  if (present.length === 0) return faults;
  for (let atMs = random.around(meanMs); atMs < healMs; atMs += random.around(meanMs)) {
    const forMs = random.pick([random.around(2_000), random.around(20_000), random.around(90_000)]);
    faults.push({
      atMs: Math.round(atMs),
      forMs: Math.round(Math.min(forMs, healMs - atMs)),
      kind: random.pick(present),
      agent: random.below(1_000),
      kas: random.below(1_000),
    });
  }
  return faults;
}

type Sizes = Pick<Plan, 'agents' | 'kas'>;

function drawRequest(random: SeededRandom, { agents, kas }: Sizes, atMs: number): PlannedRequest {
  return {
    atMs: Math.round(atMs),
    agent: random.below(agents),
    kas: random.below(kas),
    routed: random.chance(0.8),
    thinkMs: Math.round(random.around(300)),
    streamMs: Math.round(random.chance(0.2) ? random.around(20_000) : random.around(300)),
    chunks: 1 + random.below(4),
    bodyBytes: random.chance(0.3) ? random.below(5_000) : 0,
    patienceMs: Math.round(random.chance(0.2) ? random.around(2_000) : foreverMs),
  };
}

function drawRequests(random: SeededRandom, sizes: Sizes & Pick<Plan, 'healMs'>): readonly PlannedRequest[] {
  const requests: PlannedRequest[] = [];
  const meanMs = random.pick([700, 2_000, 8_000]);
  for (let atMs = random.around(meanMs); atMs < sizes.healMs; atMs += random.around(meanMs)) {
    requests.push(drawRequest(random, sizes, atMs));
  }
  return requests;
}

function drawProbes(random: SeededRandom, sizes: Sizes): readonly PlannedRequest[] {
  return Array.from({ length: probes }, () => ({
    ...drawRequest(random, sizes, random.below(probeMsMax)),
    streamMs: random.below(probeMsMax), // it ends before everything is asked to stop
    routed: true,
    patienceMs: foreverMs,
  }));
}

function drawManifestPushes(
  random: SeededRandom,
  { agents, healMs }: Pick<Plan, 'agents' | 'healMs'>,
): readonly PlannedManifestPush[] {
  const pushes: PlannedManifestPush[] = [];
  const after = () => random.around(manifestPushMeanMs);
  for (let atMs = after(); atMs < healMs; atMs += after()) {
    const agent = random.below(agents);
    const change = random.pick(manifestChanges);
    pushes.push({ atMs: Math.round(atMs), agent, change, at: random.below(1_000) });
  }
  return pushes;
}

function drawPushes(
  random: SeededRandom,
  { agents, healMs }: { readonly agents: number; readonly healMs: number },
): readonly PlannedPush[] {
  const pushes: PlannedPush[] = [];
  for (let atMs = random.around(40_000); atMs < healMs; atMs += random.around(40_000)) {
    pushes.push({ atMs: Math.round(atMs), agent: random.below(agents), level: random.pick(logLevels) });
  }
  return pushes;
}
