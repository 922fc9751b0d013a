/** The manifest projects of an agent, and on demand what became of each of their objects. */
import { useEffect, useState } from 'preact/hooks';
import type { AgentDetail, ProjectLine, ProjectObjects } from '../../src/kas/dashboard/wire.ts';
import { readJson } from '../live/api.ts';
import { number } from '../time.ts';

export function Projects({ detail: { agent, projects } }: { readonly detail: AgentDetail }) {
  if (projects.length === 0) return null;
  return (
    <section class="panel">
      <h2>GitOps projects</h2>
      <ul class="projects">
        {projects.map((line) => (
          <Project key={line.project} agentKey={agent.key} line={line} />
        ))}
      </ul>
    </section>
  );
}

function Project({ agentKey, line }: { readonly agentKey: string; readonly line: ProjectLine }) {
  const [isOpen, setOpen] = useState(false);
  const { project, phase, commit, counts, reason, isLastKnown } = line;
  return (
    <li data-project={project}>
      <div>
        <b>{project}</b>
        <span class={`pill phase-${phase}`}>{phase}</span>
      </div>
      <div class="muted">
        {commit.slice(0, 8)} · {number(counts.applied)} applied
        {counts.pruned > 0 && `, ${number(counts.pruned)} pruned`}
        {counts.failed > 0 && `, ${number(counts.failed)} failed`}
        {isLastKnown && ' · last known'}
      </div>
      {reason !== '' && <div>{reason}</div>}
      <details open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary class="muted">objects</summary>
        {isOpen && <Objects agentKey={agentKey} line={line} />}
      </details>
    </li>
  );
}

function Objects({ agentKey, line }: { readonly agentKey: string; readonly line: ProjectLine }) {
  const [found, setFound] = useState<ProjectObjects | undefined>(undefined);
  const { project } = line;
  // Read again when the project has moved.
  const version = JSON.stringify(line);
  useEffect(() => {
    let isWanted = true;
    const path = `/api/agents/${agentKey}/objects?project=${encodeURIComponent(project)}`;
    readJson<ProjectObjects>(path).then(
      (read) => isWanted && setFound(read),
      () => {}, // the link is told as lost; what was read stays
    );
    return () => {
      isWanted = false;
    };
  }, [agentKey, project, version]);
  if (found === undefined) return null;
  const { failures, warnings, objects, hidden } = found;
  return (
    <ul class="objects">
      {warnings.map((warning) => (
        <li key={warning}>{warning}</li>
      ))}
      {failures.map(({ object, action, error, lastEvent }) => (
        <li key={`${action} ${object}`}>
          <b>{object}</b> {action}: {error}
          {lastEvent !== '' && <div class="muted">{lastEvent}</div>}
        </li>
      ))}
      {objects.map(({ object, result, health }) => (
        <li key={object} class="object">
          <span>{object}</span>
          <span class={`pill ${toneOf(result, health)}`}>{health || result || 'not looked at'}</span>
        </li>
      ))}
      {objects.length + failures.length === 0 && <li class="muted">none</li>}
      {hidden > 0 && <li class="muted">and {number(hidden)} more</li>}
    </ul>
  );
}

function toneOf(result: string, health: string): string {
  if (result === 'Failed' || result === 'Timeout' || health === 'Failed') return 'disconnected';
  if (health === 'Current' || health === 'NotFound') return 'online';
  return health === 'InProgress' || health === 'Terminating' ? 'connecting' : '';
}
