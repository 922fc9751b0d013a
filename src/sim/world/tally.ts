/** How often interesting things happened: a run in which they never do proves nothing. Also which edges of charts were taken. */
import type { ObservedTransition } from '../../supervisor/index.ts';

export class Tally {
  readonly counts = new Map<string, number>();
  /** By machine, from, event and to, between tabs. */
  readonly edges = new Map<string, number>();

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  moved({ machine, from, event, to }: ObservedTransition): void {
    const edge = `${machine}\t${from}\t${event}\t${to}`;
    this.edges.set(edge, (this.edges.get(edge) ?? 0) + 1);
  }
}
