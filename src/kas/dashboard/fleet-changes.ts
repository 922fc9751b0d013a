/**
 * What changed in the fleet since its watchers were last told. State, not events: however often a row moved, it is in here
 * once.
 *
 * C1. Bounded by the rows there are, and by `goneMax` of those that went: beyond that whoever watches reads the directory.
 */
import { dashboardLimits } from './limits.ts';

export class FleetChanges<Row extends { readonly index: number }> {
  /** Changes when a row came, went, or is to be described otherwise. */
  revision = 1;
  #moved = new Set<Row>();
  #renamed = new Set<Row>();
  #left: number[] = [];
  #since = 1;

  /** Its state is another, or its reason. */
  moved(row: Row): void {
    this.#moved.add(row);
  }

  /** It is new, or described otherwise. */
  renamed(row: Row): void {
    this.#renamed.add(row);
    this.revision++;
  }

  removed(row: Row): void {
    this.#moved.delete(row);
    this.#renamed.delete(row);
    this.revision++;
    if (this.#left.push(row.index) <= dashboardLimits.goneMax) return;
    this.#left = []; // C1
    this.#since = this.revision;
  }

  /** Everything since this was last asked; it brings who is at revision `since` to `revision`. */
  take(): {
    readonly revision: number;
    readonly since: number;
    readonly moved: readonly Row[];
    readonly renamed: readonly Row[];
    readonly left: readonly number[];
  } {
    const taken = {
      revision: this.revision,
      since: this.#since,
      moved: [...this.#moved],
      renamed: [...this.#renamed],
      left: this.#left,
    };
    if (taken.moved.length > 0) this.#moved = new Set();
    if (taken.renamed.length > 0) this.#renamed = new Set();
    if (taken.left.length > 0) this.#left = [];
    this.#since = this.revision;
    return taken;
  }
}
