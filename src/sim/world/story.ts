/**
 * A run as a file that others can read, look at step by step on the Replay page of the dashboard, and run again: the plan,
 * the verdict, the hash of the trace, a sequence diagram of who did what, and the trace.
 */
import { traceText, type TraceLine } from '../kernel/index.ts';
import { faultKinds } from './fault-kinds.ts';
import type { Plan } from './plan.ts';
import type { Outcome } from './simulate.ts';

const formatName = 'kastor-simulation';
const formatVersion = 1;
/** What a failure leads to is at its end; a plan that was made small has fewer. */
const traceLinesMax = 20_000;
const arrowsMax = 60;

export interface Story {
  readonly format: typeof formatName;
  readonly version: typeof formatVersion;
  /** What it is about, for people. */
  readonly about: string;
  readonly plan: Plan;
  /** The broken invariant when it was written; a mended product breaks none. */
  readonly failure?: { readonly id: string; readonly text: string; readonly atMs: number };
  readonly hash: string;
  /** Mermaid. */
  readonly diagram: string;
  readonly trace: readonly string[];
}

export function storyOf(about: string, plan: Plan, outcome: Outcome): Story {
  const { failure, hash, trace } = outcome;
  return {
    format: formatName,
    version: formatVersion,
    about,
    plan,
    ...(failure === undefined ? {} : { failure }),
    hash,
    diagram: diagramOf(trace),
    trace: trace.slice(-traceLinesMax).map(traceText),
  };
}

/** A whole run as lines of JSON: what it is about, then every line of its trace. The dashboard's Replay page reads it. */
export function traceFileOf(about: string, plan: Plan, { failure, hash, trace }: Outcome): string {
  const header = { about, plan, ...(failure === undefined ? {} : { failure }), hash };
  const lines = trace.map(({ atMs, text }) => JSON.stringify({ t: atMs, text }));
  return `${[JSON.stringify(header), ...lines].join('\n')}\n`;
}

/** Reads a story, or a bare plan; throws with a text for people. */
export function readStory(text: string): { readonly plan: Plan; readonly hash: string | undefined } {
  const read: unknown = JSON.parse(text);
  if (typeof read !== 'object' || read === null) throw new Error('not the story of a simulation');
  const { plan, hash } = 'plan' in read ? (read as Story) : { plan: read as Plan, hash: undefined };
  for (const key of ['seed', 'agents', 'kas', 'healMs', 'quietMs', 'ageMs', 'pollMs'] as const) {
    if (typeof plan[key] !== 'number') throw new Error(`not a plan: ${key} is missing`);
  }
  for (const key of ['faults', 'requests', 'probes', 'pushes'] as const) {
    if (!Array.isArray(plan[key])) throw new Error(`not a plan: ${key} is missing`);
  }
  if (plan.manifests !== undefined && !Array.isArray(plan.manifests)) {
    throw new Error('not a plan: manifests are no list');
  }
  const unknown = plan.faults.find(({ kind }) => !faultKinds.includes(kind));
  if (unknown !== undefined) throw new Error(`not a plan: there is no fault called ${unknown.kind}`);
  return { plan, hash };
}

/** The last things that happened between the parties, as a Mermaid sequence diagram. */
export function diagramOf(trace: readonly TraceLine[]): string {
  const arrows = trace.flatMap((line) => arrowOf(line) ?? []).slice(-arrowsMax);
  return ['sequenceDiagram', ...arrows.map((arrow) => `  ${arrow}`)].join('\n');
}

type Arrow = (match: RegExpExecArray) => string;

const arrows: readonly (readonly [RegExp, Arrow])[] = [
  [
    /^FAULT (\S+) (\S+) (\S+) for (\d+) ms/,
    ([, kind, agent, kas, ms]) => `Note over ${agent},${kas}: ${kind} ${ms} ms`,
  ],
  [
    /^request (\d+) for (agent\d+) comes to (kas\d+)/,
    ([, id, agent, kas]) => `user->>${kas}: request ${id} to ${agent}`,
  ],
  [
    /^request (\d+) reaches the cluster of (agent\d+)/,
    ([, id, agent]) => `${agent}->>cluster: request ${id}`,
  ],
  [/^request (\d+) ends: (.*)/, ([, id, how]) => `Note over user: request ${id} ${how}`],
  [/^the user of request (\d+) leaves/, ([, id]) => `Note over user: leaves request ${id}`],
  [
    /^(agent\d+)\.\d+ agent-link .* on (http2\.begun|goaway\.received|connection\.closed)/,
    ([, agent, event]) => `Note over ${agent}: ${event}`,
  ],
  [
    /^(\w+\d+)\.(\d+) (starts|is ready|is asked to stop|is killed|loses power|has ended)/,
    ([, host, life, what]) => `Note over ${host}: life ${life} ${what}`,
  ],
  [
    /^manifests (\S+) for (agent\d+): (\w+)/,
    ([, commit, agent, change]) => `Note over ${agent}: commit ${commit}, ${change}`,
  ],
  [/^(agent\d+) asks for the end of (\S+)/, ([, agent, name]) => `${agent}->>cluster: delete ${name}`],
  [/^VIOLATION (.*)/, ([, what = '']) => `Note over user: ✗ ${what.replaceAll(/[;#:]/g, ',').slice(0, 120)}`],
];

function arrowOf({ text }: TraceLine): string[] | undefined {
  for (const [pattern, arrow] of arrows) {
    const match = pattern.exec(text);
    if (match !== null) return [arrow(match)];
  }
  return undefined;
}
