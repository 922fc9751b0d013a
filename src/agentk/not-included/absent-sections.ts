/**
 * Sections of the agent's configuration that mean work this agentk does not do. They are recognised, so that nobody
 * wonders why nothing happens, and everything else goes on.
 */
import type { AgentConfiguration } from '../../protocol/index.ts';

export interface AbsentSection {
  readonly section: string;
  readonly remedy: string;
}

const keepOriginal = (what: string) =>
  `remove the section, or run the original agentk for ${what} with an agent of its own`;

/** What the configuration asks for and agentk does not have; numbers stand for sections of a newer kas. */
export function absentSections(configuration: AgentConfiguration): readonly AbsentSection[] {
  const { containerScanning, remoteDevelopment, observability, $unknown } = configuration;
  const found: AbsentSection[] = [];
  const add = (section: string, remedy: string) => found.push({ section, remedy });
  if (containerScanning !== undefined) add('container_scanning', keepOriginal('container scanning'));
  if (remoteDevelopment?.enabled === true) add('remote_development', keepOriginal('workspaces'));
  if (observability?.googleProfiler?.enabled === true) {
    add('observability.google_profiler', 'remove the section; /metrics has what the runtime measures');
  }
  const numbers = new Set(($unknown ?? []).map(({ no }) => no));
  for (const number of [...numbers].sort((a, b) => a - b).slice(0, 20)) {
    add(`field ${number} of a newer kas`, 'upgrade agentk; until then nothing is done for this section');
  }
  return found;
}
