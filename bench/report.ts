/** The figures of a run: as JSON for machines, as a table with the goals for people. */

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** Goals of `docs/architecture.md`; a figure without a goal is only shown. */
const goals: Readonly<Record<string, { readonly holds: (value: number) => boolean; readonly text: string }>> =
  {
    'get1k.c64.ratio_to_proxy': { holds: (value) => value >= 0.9, text: '≥ 0.9' },
    'get1k.original.c64.ratio_to_proxy': { holds: (value) => value >= 0.5, text: '≥ 0.5' },
    'slow.growth_mb': { holds: (value) => value <= 256, text: '≤ 256' },
    'slow.original.growth_mb': { holds: (value) => value <= 256, text: '≤ 256' },
  };

/** The middle of an odd number of values, the mean of the middle two of an even number; undefined of none. */
export function median(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined).toSorted((a, b) => a - b);
  if (known.length === 0) return undefined;
  const middle = Math.floor(known.length / 2);
  const upper = known[middle];
  const lower = known[middle - 1];
  if (upper === undefined) return undefined;
  return known.length % 2 === 1 || lower === undefined ? upper : (lower + upper) / 2;
}

/** Collects figures; unknown ones (a system that does not tell) are left out, never invented. */
export class Report {
  readonly figures: Figure[] = [];

  add(name: string, value: number | undefined, unit: string): void {
    if (value === undefined || !Number.isFinite(value)) return;
    this.figures.push({ name, value: Number(value.toPrecision(4)), unit });
  }

  table(): string {
    const width = Math.max(...this.figures.map(({ name }) => name.length));
    return this.figures
      .map(({ name, value, unit }) => {
        const goal = goals[name];
        const verdict =
          goal === undefined ? '' : `   goal ${goal.text}: ${goal.holds(value) ? 'holds' : 'MISSED'}`;
        return `${name.padEnd(width)}  ${String(value).padStart(10)} ${unit}${verdict}`;
      })
      .join('\n');
  }
}
