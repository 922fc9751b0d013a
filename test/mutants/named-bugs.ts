/** Bugs with a name, as they happen to people: what a source would say with the bug in it, and who is to find it. */
import type { Judge } from './judges.ts';

export interface NamedBug {
  readonly id: string;
  readonly file: string;
  /** There once in the file. */
  readonly from: string;
  readonly to: string;
  readonly judges: readonly Judge[];
}

export const namedBugs: readonly NamedBug[] = [];
