/** `kastor agents`: all agents a kas has seen within the hour, a line each. */
import { KasApi } from '../remote/kas-api.ts';
import { directory, type AgentRow } from '../remote/shapes.ts';
import { targetOf, type TargetOptions } from '../remote/target.ts';
import { age } from '../terminal/age.ts';
import { paintFor, widthOf, type Style, type Terminal } from '../terminal/paint.ts';
import { show } from '../terminal/repeat.ts';
import { structuredText } from '../terminal/structured.ts';
import { tableOf, type Cell, type Column, type TableLook } from '../terminal/table.ts';
import type { agentSorts } from './choices.ts';

export interface AgentsOptions extends TargetOptions {
  readonly output: 'table' | 'wide' | 'json' | 'yaml';
  readonly sort: (typeof agentSorts)[number];
  readonly reverse: boolean;
  readonly watch: boolean;
  readonly state?: readonly string[];
  readonly project?: string;
  readonly agentVersion?: string;
}

export async function agents(
  text: string | undefined,
  options: AgentsOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const { output, watch } = options;
  const wanted = new Set(options.state);
  const api = new KasApi(targetOf(options));
  const { stdout } = terminal;
  const shown = async () => {
    const { kas, now, agents: all } = await api.get('/api/agents', directory);
    const some = all.filter((agent) => isWanted(agent, text, wanted, options)).sort(orders[options.sort]);
    if (options.reverse) some.reverse();
    if (output === 'json' || output === 'yaml') return structuredText({ kas, agents: some }, output, watch);
    const look = { paint: paintFor(stdout), width: widthOf(stdout) };
    return `${agentsText(some, { all: all.length, now, isWide: output === 'wide' }, look)}\n`;
  };
  try {
    const replaces = output === 'table' || output === 'wide';
    await show(shown, { watch, replaces }, terminal, signal);
  } finally {
    await api.close();
  }
}

export function toneOf(condition: string): Style {
  const tones: Readonly<Record<string, Style>> = {
    online: 'green',
    degraded: 'yellow',
    connecting: 'cyan',
    draining: 'cyan',
    disconnected: 'red',
    refused: 'red',
  };
  return tones[condition] ?? 'dim';
}

function isWanted(
  agent: AgentRow,
  text: string | undefined,
  states: ReadonlySet<string>,
  { project, agentVersion }: AgentsOptions,
): boolean {
  const { name, project: of, key, pod, version } = agent;
  return (
    (states.size === 0 || states.has(agent.condition)) &&
    (project === undefined || of === project || of.startsWith(`${project}/`)) &&
    (agentVersion === undefined || version === agentVersion) &&
    (text === undefined || [name, of, key, pod].some((one) => one.includes(text)))
  );
}

const byText = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
const severity = ['refused', 'disconnected', 'degraded', 'draining', 'connecting', 'left', 'online'];
const byName = (one: AgentRow, other: AgentRow) =>
  byText(one.name, other.name) || byText(one.project, other.project) || byText(one.key, other.key);

const orders: Readonly<Record<AgentsOptions['sort'], (one: AgentRow, other: AgentRow) => number>> = {
  name: byName,
  id: (one, other) => idOf(one) - idOf(other) || byText(one.key, other.key),
  state: (one, other) =>
    severity.indexOf(one.condition) - severity.indexOf(other.condition) || byName(one, other),
  since: (one, other) => other.since - one.since || byName(one, other),
  pods: (one, other) => other.sessions - one.sessions || byName(one, other),
  version: (one, other) => byText(one.version, other.version) || byName(one, other),
  tunnels: (one, other) => (other.tunnels ?? 0) - (one.tunnels ?? 0) || byName(one, other),
  failure: (one, other) => (other.lastFailure?.at ?? 0) - (one.lastFailure?.at ?? 0) || byName(one, other),
};

function idOf({ agentId }: AgentRow): number {
  return agentId === null ? Number.MAX_SAFE_INTEGER : Number(agentId);
}

const narrow: readonly Column[] = [
  { title: 'NAME', shrinks: true },
  { title: 'ID', right: true },
  { title: 'STATE' },
  { title: 'SINCE', right: true },
  { title: 'PODS', right: true },
  { title: 'VERSION', shrinks: true },
  { title: 'TUNNELS', right: true },
];
const last: Column = { title: 'LAST FAILURE', shrinks: true };
const wide: readonly Column[] = [
  { title: 'PROJECT', shrinks: true },
  { title: 'POD', shrinks: true },
  { title: 'KUBERNETES', shrinks: true },
  { title: 'PEER', shrinks: true },
  { title: 'DISCONNECTS', right: true },
];

function agentsText(
  some: readonly AgentRow[],
  { all, now, isWide }: { readonly all: number; readonly now: number; readonly isWide: boolean },
  look: TableLook,
): string {
  if (some.length === 0) {
    return all === 0
      ? 'This kas has seen no agent within the last hour.'
      : `None of the ${all} agents is like that.`;
  }
  const rows = some.map((agent): readonly Cell[] => [
    agent.name,
    agent.agentId ?? '-',
    { text: agent.condition, style: toneOf(agent.condition) },
    age(agent.since, now),
    String(agent.sessions),
    agent.version,
    agent.tunnels === null ? '?' : String(agent.tunnels),
    ...(isWide ? [agent.project, agent.pod, agent.kubernetes, agent.peer, String(agent.disconnects)] : []),
    failureOf(agent, now),
  ]);
  const columns = isWide ? [...narrow, ...wide, last] : [...narrow, last];
  return tableOf(columns, rows, look).join('\n');
}

/** Why it is not well now; else when it last was not. */
function failureOf({ condition, reason, lastFailure }: AgentRow, now: number): Cell {
  if (condition !== 'online' && reason !== '') return { text: reason, style: toneOf(condition) };
  if (lastFailure === null) return '';
  return { text: `${age(lastFailure.at, now)} ago: ${lastFailure.reason}`, style: 'dim' };
}
