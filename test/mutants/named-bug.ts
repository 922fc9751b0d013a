/** Bugs with a name, as they happen to people: what a source would say with the bug in it, and who is to find it. */
import type { Judge } from './judge.ts';

export interface NamedBug {
  readonly id: string;
  readonly file: string;
  /** There once in the file. */
  readonly from: string;
  readonly to: string;
  /** Asked when no seed finds it. */
  readonly judges: readonly Judge[];
}

/** The source with the bug in it. */
export function withBug(code: string, { id, from, to }: NamedBug): string {
  const parts = code.split(from);
  if (parts.length !== 2) throw new Error(`${id}: its place is there ${parts.length - 1} times`);
  return parts.join(to);
}
