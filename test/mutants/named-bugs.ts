/** All bugs with a name. */
import { bugsOfAgentk } from './bugs-of-agentk.ts';
import { bugsOfKas } from './bugs-of-kas.ts';
import type { NamedBug } from './named-bug.ts';

export const namedBugs: readonly NamedBug[] = [...bugsOfAgentk, ...bugsOfKas];
