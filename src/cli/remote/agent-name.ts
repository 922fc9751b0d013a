/** Which agent is meant by what a person wrote: its id, its name, or `project:name` where several have the same. */
import { harmlessText } from '../../protocol/index.ts';
import type { KasApi } from './kas-api.ts';
import { directory, type AgentRow } from './shapes.ts';
import { Trouble } from './trouble.ts';

const toldMax = 5;
const nameBytesMax = 100;

/** Throws a Trouble that names those it could be. */
export async function agentNamed(api: KasApi, wanted: string): Promise<AgentRow> {
  const { agents } = await api.get('/api/agents', directory);
  const exact = agents.find(({ key }) => key === wanted);
  if (exact !== undefined) return exact;
  const named = agents.filter(({ name, project }) => name === wanted || `${project}:${name}` === wanted);
  const [first, ...others] = named;
  if (first !== undefined && others.length === 0) return first;
  if (first !== undefined) {
    throw new Trouble(
      'failed',
      `${named.length} agents are called ${shown(wanted)}: ${listed(named)}. Say which, as project:name or by its id`,
    );
  }
  const near = agents.filter(({ name, project }) => `${project}:${name}`.includes(wanted));
  const hint = near.length > 0 ? `There is ${listed(near)}` : '"kastor agents" lists those it has seen';
  throw new Trouble(
    'failed',
    `this kas has seen no agent called ${shown(wanted)} within the last hour. ${hint}`,
  );
}

function listed(agents: readonly AgentRow[]): string {
  const names = agents
    .slice(0, toldMax)
    .map(({ name, project, key }) => `${shown(`${project}:${name}`)} (${key})`);
  return agents.length > toldMax
    ? `${names.join(', ')} and ${agents.length - toldMax} more`
    : names.join(', ');
}

function shown(text: string): string {
  return harmlessText(text, nameBytesMax);
}
