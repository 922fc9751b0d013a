/**
 * From a plan that breaks an invariant to a small one that breaks the same: parts are left out as long as it still fails
 * (delta debugging), then what is left is made shorter and smaller. A person can read what remains, and it stays a test.
 */
import type { Plan } from './plan.ts';
import { simulate, type Outcome } from './simulate.ts';

export interface Shrunk {
  readonly plan: Plan;
  readonly outcome: Outcome;
  /** Runs it took. */
  readonly runs: number;
}

/** The lists a plan may lose parts of, the heaviest first. */
const lists = ['faults', 'requests', 'pushes', 'manifests', 'probes'] as const;

/** What a failure is, whoever it met: invariants, not names and numbers. */
function kindOf({ failure }: Outcome): string {
  return failure === undefined ? '' : `${failure.id} ${failure.text.replaceAll(/\d+/g, '#').slice(0, 120)}`;
}

/**
 * Makes a failing plan smaller, within so many runs.
 * @param onProgress told of each smaller plan that still fails
 */
export async function shrink(
  plan: Plan,
  runsMax: number,
  onProgress: (plan: Plan, runs: number) => void = () => {},
): Promise<Shrunk> {
  const shrinking = new Shrinking(plan, await simulate(plan), runsMax, onProgress);
  await shrinking.leaveOutManifests();
  for (const list of lists) await shrinking.leaveOut(list);
  await shrinking.leaveOut('faults');
  await shrinking.makeSmaller();
  return shrinking.shrunk;
}

class Shrinking {
  readonly #runsMax: number;
  readonly #onProgress: (plan: Plan, runs: number) => void;
  readonly #kind: string;
  #best: Plan;
  #outcome: Outcome;
  #runs = 1;

  constructor(plan: Plan, outcome: Outcome, runsMax: number, onProgress: (plan: Plan, runs: number) => void) {
    this.#best = plan;
    this.#outcome = outcome;
    this.#kind = kindOf(outcome);
    this.#runsMax = runsMax;
    this.#onProgress = onProgress;
  }

  get shrunk(): Shrunk {
    return { plan: this.#best, outcome: this.#outcome, runs: this.#runs };
  }

  /** Perhaps it has nothing to do with GitOps. */
  async leaveOutManifests(): Promise<void> {
    const { manifests, ...rest } = this.#best;
    if (manifests !== undefined) await this.#fails(rest);
  }

  async leaveOut(list: (typeof lists)[number]): Promise<void> {
    let parts = 1;
    for (let left = this.#length(list); left > 0; left = this.#length(list)) {
      const size = Math.ceil(left / parts);
      if (await this.#leaveOutOne(list, size)) parts = Math.max(1, parts - 1);
      else if (size <= 1) return;
      else parts = Math.min(left, parts * 2);
    }
  }

  #length(list: (typeof lists)[number]): number {
    return this.#best[list]?.length ?? 0;
  }

  async makeSmaller(): Promise<void> {
    for (let index = 0; index < this.#best.faults.length; index++) {
      for (const share of [0, 0.25, 0.5]) {
        const faults = this.#best.faults.map((fault, at) =>
          at === index ? { ...fault, forMs: Math.round(fault.forMs * share) } : fault,
        );
        if (await this.#fails({ ...this.#best, faults })) break;
      }
    }
    for (let agents = 1; agents < this.#best.agents; agents++) {
      const fit = <T extends { readonly agent: number }>(all: readonly T[]) =>
        all.map((one) => ({ ...one, agent: one.agent % agents }));
      const { faults, requests, probes, pushes, manifests } = this.#best;
      const smaller = {
        faults: fit(faults),
        requests: fit(requests),
        probes: fit(probes),
        pushes: fit(pushes),
        ...(manifests !== undefined && { manifests: fit(manifests) }),
      };
      if (await this.#fails({ ...this.#best, ...smaller, agents })) break;
    }
    for (let kas = 1; kas < this.#best.kas; kas++) if (await this.#fails({ ...this.#best, kas })) break;
    const last = Math.max(0, ...this.#best.faults.map(({ atMs, forMs }) => atMs + forMs));
    await this.#fails({ ...this.#best, healMs: last + 1_000 });
  }

  async #leaveOutOne(list: (typeof lists)[number], size: number): Promise<boolean> {
    const all = this.#best[list] ?? [];
    for (let from = 0; from < all.length; from += size) {
      const fewer = { ...this.#best, [list]: [...all.slice(0, from), ...all.slice(from + size)] };
      if (await this.#fails(fewer)) return true;
    }
    return false;
  }

  async #fails(plan: Plan): Promise<boolean> {
    if (this.#runs >= this.#runsMax) return false;
    this.#runs++;
    const outcome = await simulate(plan);
    if (kindOf(outcome) !== this.#kind) return false;
    this.#best = plan;
    this.#outcome = outcome;
    this.#onProgress(plan, this.#runs);
    return true;
  }
}
