/** In which order the objects of one phase go, and who waits for whom on the way back. */
import { rankOf } from './kind-order.ts';
import type { Planned } from './plan.ts';

/** Objects of a phase that may go side by side: neighbours of one rank. */
export function batches<T extends Planned>(phase: readonly T[]): readonly (readonly T[])[] {
  const found: T[][] = [];
  for (const target of phase) {
    const last = found.at(-1);
    const [first] = last ?? [];
    if (last !== undefined && first !== undefined && rankOf(first.id) === rankOf(target.id))
      last.push(target);
    else found.push([target]);
  }
  return found;
}

/** What needs each object, by key. */
export function dependentsOf(
  needs: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlyMap<string, readonly string[]> {
  const dependents = new Map<string, string[]>();
  for (const [key, needed] of needs) {
    for (const need of needed) {
      const known = dependents.get(need);
      if (known === undefined) dependents.set(need, [key]);
      else known.push(key);
    }
  }
  return dependents;
}
