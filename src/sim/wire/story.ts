/** A run as a file that others can read, look at on the Replay page of the dashboard, and run again. */
import { isBugName, type BugName } from './named-bugs.ts';
import type { WireOutcome } from './outcome.ts';

const formatName = 'kastor-wire-simulation';
const formatVersion = 1;

export interface WireStory {
  readonly format: typeof formatName;
  readonly version: typeof formatVersion;
  /** What it is about, for people. */
  readonly about: string;
  /** The bug that was planted, if one was. */
  readonly bug?: BugName;
  readonly plan: WireOutcome['plan'];
  /** The broken invariant when it was written; a mended product breaks none. */
  readonly failure?: { readonly id: string; readonly text: string };
  readonly hash: string;
  readonly trace: readonly string[];
}

export function wireStoryOf(about: string, outcome: WireOutcome, bug?: BugName): WireStory {
  const { plan, failure, hash, lines } = outcome;
  return {
    format: formatName,
    version: formatVersion,
    about,
    ...(bug === undefined ? {} : { bug }),
    plan,
    ...(failure === undefined ? {} : { failure }),
    hash,
    trace: lines,
  };
}

/** Whether a text is the story of a run over real HTTP/2, and not of another simulation. */
export function isWireStory(text: string): boolean {
  const read: unknown = JSON.parse(text);
  return typeof read === 'object' && read !== null && 'format' in read && read.format === formatName;
}

/** Reads a story; throws with a text for people. */
export function readWireStory(text: string): Pick<WireStory, 'plan' | 'bug' | 'hash'> {
  const { version, plan, bug, hash } = JSON.parse(text) as Partial<WireStory>;
  if (version !== formatVersion)
    throw new Error(`the story of version ${version}, only ${formatVersion} is known`);
  if (typeof plan !== 'object' || plan === null || typeof hash !== 'string')
    throw new Error('not a story: it needs a plan and a hash');
  if (bug !== undefined && !isBugName(bug)) throw new Error(`there is no bug called ${String(bug)}`);
  const lists = 'calls' in plan ? [plan.calls, plan.faults] : [plan.requests, plan.faults];
  const numbers = 'calls' in plan ? [plan.seed, plan.stormMs] : [plan.seed, plan.agents, plan.clients];
  if (!lists.every(Array.isArray) || !numbers.every(Number.isFinite))
    throw new Error('not a plan: a list or a size is missing');
  return { plan, hash, ...(bug === undefined ? {} : { bug }) };
}
