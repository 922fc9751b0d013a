/** What agents have in common: the ways to group them, and the one that best tells those that are down from the others. */
import type { Agent } from '../live/fleet.ts';
import { isDown } from '../look.ts';

export const dimensions = ['project', 'version', 'cluster', 'network'] as const;
export type Dimension = (typeof dimensions)[number];

export function valueOf(agent: Agent, dimension: Dimension): string {
  switch (dimension) {
    case 'project':
      return agent.project || 'not known to GitLab';
    case 'version':
      return agent.version === '' ? 'version not told' : `agentk ${agent.version}`;
    case 'cluster':
      return agent.kubernetes === '' ? 'cluster not told' : `Kubernetes ${agent.kubernetes}`;
    case 'network':
      return networkOf(agent.peer);
  }
}

/** The first three numbers of an IPv4 address, the first four groups of an IPv6 one. */
function networkOf(peer: string): string {
  const host = peer.replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');
  return host.includes(':')
    ? `${host.split(':').slice(0, 4).join(':')}::/64`
    : host.replace(/\.\d+$/, '.0/24');
}

export interface Group {
  readonly name: string;
  readonly agents: readonly Agent[];
}

export function groupsOf(agents: readonly Agent[], dimension: Dimension): Group[] {
  const groups = new Map<string, Agent[]>();
  for (const agent of agents) {
    const name = valueOf(agent, dimension);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [agent]);
    else group.push(agent);
  }
  return [...groups]
    .map(([name, members]) => ({ name, agents: members }))
    .sort((one, other) => one.name.localeCompare(other.name));
}

export interface Common {
  readonly dimension: Dimension;
  readonly value: string;
  readonly down: number;
  readonly allDown: number;
  readonly of: number;
}

const downMin = 5;
const gainMin = 0.25;

/** The value with the largest share of those that are down beyond its share of all; undefined if none stands out. */
export function inCommon(agents: readonly Agent[]): Common | undefined {
  const allDown = agents.filter(({ code }) => isDown(code)).length;
  if (allDown < downMin) return undefined;
  let best: { readonly gain: number; readonly common: Common } | undefined;
  for (const dimension of dimensions) {
    for (const { name, agents: members } of groupsOf(agents, dimension)) {
      const down = members.filter(({ code }) => isDown(code)).length;
      const gain = down / allDown - members.length / agents.length;
      const common = { dimension, value: name, down, allDown, of: members.length };
      if (gain > (best?.gain ?? gainMin)) best = { gain, common };
    }
  }
  return best?.common;
}

/** Reasons with counts, the most frequent first. */
export function causesOf(agents: readonly Agent[]): (readonly [reason: string, count: number])[] {
  const causes = new Map<string, number>();
  for (const { code, reason } of agents) {
    if (isDown(code) && reason !== '') causes.set(reason, (causes.get(reason) ?? 0) + 1);
  }
  return [...causes].sort(([, one], [, other]) => other - one);
}

export interface Filter {
  readonly code: number | undefined;
  readonly reason: string | undefined;
  readonly text: string;
}

export function matches(agent: Agent, { code, reason, text }: Filter): boolean {
  if (code !== undefined && agent.code !== code) return false;
  if (reason !== undefined && (agent.reason !== reason || !isDown(agent.code))) return false;
  if (text === '') return true;
  const { name, project, version, pod, key, peer } = agent;
  return [name, project, version, pod, key, peer].some((one) => one.toLowerCase().includes(text));
}
