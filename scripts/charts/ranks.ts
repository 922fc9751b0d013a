// How far a state is from the beginning: tells the layout which edges go forward.
import type { ChartGraph } from '../../src/inspect/index.ts';

/** Breadth first from the machine, through initial states, regions and edges; ends are farther than anything else. */
export function ranksOf({ id, states, edges }: ChartGraph): ReadonlyMap<string, number> {
  const ranks = new Map([[id, 0]]);
  const parents = new Map(states.map((state) => [state.id, state.parent]));
  for (const [at, rank] of ranks) {
    // A Map gives what was added while it is walked.
    const state = states.find((one) => one.id === at);
    const inside =
      state?.kind === 'parallel' ? states.filter(({ parent }) => parent === at).map((one) => one.id) : [];
    const initial = state?.initial === undefined ? [] : [state.initial];
    const next = edges.filter(({ source }) => source === at).map(({ target }) => target);
    for (const one of [...inside, ...initial, ...next]) {
      for (let around: string | undefined = one; around !== undefined; around = parents.get(around)) {
        if (!ranks.has(around)) ranks.set(around, rank + 1);
      }
    }
  }
  for (const state of states) if (state.kind === 'final') ranks.set(state.id, states.length);
  return ranks;
}
