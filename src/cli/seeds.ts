/** What both levels of `kastor simulate` read from the command line, and how they show that they go on. */
import { Trouble } from './remote/trouble.ts';

/** As the command line gives them. */
export interface SimulateOptions {
  readonly level: string;
  readonly seed?: string;
  readonly seeds?: string;
  readonly from: string;
  readonly faults?: string;
  readonly agents?: string;
  readonly kas?: string;
  readonly gitops?: true;
  readonly until?: string;
  readonly threads?: string;
  readonly shrink: boolean;
  readonly calls?: true;
  readonly bug?: string;
  readonly replay?: string;
  readonly output: string;
  readonly trace?: string;
}

const barWidth = 30;

export function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Trouble('usage', `--${name}: a whole number above 0 is wanted, not ${text}`);
  }
  return value;
}

/** The seeds that are asked for. */
export function seedsOf({ seed, seeds, from }: SimulateOptions, countDefault: number): readonly number[] {
  if (seed !== undefined) return [number('seed', seed)];
  const first = number('from', from);
  const count = seeds === undefined ? countDefault : number('seeds', seeds);
  return Array.from({ length: count }, (_, index) => first + index);
}

export function threadsOf({ threads }: SimulateOptions): number | undefined {
  return threads === undefined ? undefined : number('threads', threads);
}

/** A line that is written over; only where somebody watches. */
export function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text} `);
}

export function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
}

export function bar(done: number, all: number): string {
  const full = Math.round((done / all) * barWidth);
  return `[${'#'.repeat(full)}${' '.repeat(barWidth - full)}] ${done}/${all}`;
}

/** How a replay compares with the file it is of. */
export function sameText(written: string, now: string): string {
  const same =
    written === now ? 'as written, bit for bit' : `not as written (${written}): the product has changed`;
  return `trace ${now}: ${same}\n`;
}
