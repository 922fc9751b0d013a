/** What `kastor status` prints for people: agents, their manifest projects, what fails and why. */
import { harmlessText } from '../../protocol/index.ts';
import { age } from '../terminal/age.ts';
import type { Paint, Style } from '../terminal/paint.ts';
import { tableOf, type Cell, type Column, type TableLook } from '../terminal/table.ts';
import type { AgentState, KasState, ProjectState } from './state-shape.ts';

const cellBytesMax = 100;
const causeBytesMax = 400;
const outcomesShown = 10;

/** @param nowMs wall clock, for ages */
export function statusText(state: KasState, nowMs: number, look: TableLook): string {
  const { agents, agentsHidden, gitops } = state;
  const { paint } = look;
  const lines = [paint('bold', `kas ${cell(state.version)}`), '', ...agentLines(agents, nowMs, look)];
  if (agentsHidden > 0) lines.push(paint('dim', `and ${agentsHidden} more agents`));
  lines.push('', ...projectLines(gitops.projects, nowMs, look));
  if (gitops.projectsHidden > 0) lines.push(paint('dim', `and ${gitops.projectsHidden} more projects`));
  const troubles = gitops.projects.flatMap((project) => troubleLines(project, paint));
  if (troubles.length > 0) lines.push('', ...troubles);
  if (gitops.outcomes.length > 0) {
    const rows = gitops.outcomes
      .slice(0, outcomesShown)
      .map(({ at, agentId, project, commit, outcome }) => [
        `${age(at, nowMs)} ago`,
        agentId,
        project,
        short(commit),
        { text: outcome, style: toneOf(outcome) },
      ]);
    lines.push('', ...tableOf(columns('LATELY', 'AGENT', 'PROJECT', 'COMMIT', 'OUTCOME'), rows, look));
  }
  return lines.join('\n');
}

/** Names of projects give way where there is little room. */
function columns(...titles: readonly string[]): readonly Column[] {
  return titles.map((title) => ({ title, shrinks: /^(PROJECT|NAME|POD|STATE)$/.test(title) }));
}

function agentLines(agents: readonly AgentState[], nowMs: number, look: TableLook): readonly string[] {
  if (agents.length === 0) return ['No agent is connected.'];
  const rows = agents.map(({ agentId, agentName, state, connectedAt, version, podName }) => {
    const name = stateText(state);
    return [
      agentId ?? '?',
      agentName ?? '',
      { text: name, style: name === 'registered' ? ('green' as const) : ('yellow' as const) },
      age(connectedAt, nowMs),
      version ?? '',
      podName ?? '',
    ];
  });
  return tableOf(columns('AGENT', 'NAME', 'STATE', 'SINCE', 'VERSION', 'POD'), rows, look);
}

function projectLines(projects: readonly ProjectState[], nowMs: number, look: TableLook): readonly string[] {
  if (projects.length === 0) return ['No agent told of a manifest project.'];
  const rows = projects.map((project): readonly Cell[] => {
    const { counts, isLastKnown } = project;
    const phase = isLastKnown ? `${project.phase} (last known)` : project.phase;
    const failed = counts.failed + counts.unreconciled;
    return [
      project.agentId,
      project.project,
      short(project.commit),
      { text: phase, style: isLastKnown ? 'dim' : toneOf(project.phase) },
      String(counts.applied),
      String(counts.pruned),
      failed === 0 ? '0' : { text: String(failed), style: 'red' },
      project.phase === 'held' ? { text: 'yes', style: 'yellow' } : 'no',
      `${age(project.reportedAt, nowMs)} ago`,
      project.syncedAt === undefined
        ? 'never'
        : `${short(project.syncedCommit)} ${age(project.syncedAt, nowMs)} ago`,
    ];
  });
  const head = [
    'AGENT',
    'PROJECT',
    'COMMIT',
    'PHASE',
    'APPLIED',
    'PRUNED',
    'FAILED',
    'HELD',
    'TOLD',
    'LAST SUCCESS',
  ];
  return tableOf(columns(...head), rows, look);
}

/** Why a project is not as it should be: the first object that fails, with its last Event. */
function troubleLines(project: ProjectState, paint: Paint): readonly string[] {
  const { phase, reason, failures, rejectedCommit, rejectedReason } = project;
  const lines: string[] = [];
  const about = `${cell(project.project)} of agent ${cell(project.agentId)}`;
  const [first] = failures;
  if (phase === 'failed') lines.push(`${paint('red', 'failed')}  ${about}: ${cause(reason)}`);
  if (phase === 'held') lines.push(`${paint('yellow', 'held')}    ${about}: ${harmlessText(reason, 4_000)}`);
  if (first !== undefined) {
    lines.push(`        ${cell(first.object)}: ${cause(first.error)}`);
    if (first.lastEvent !== '') lines.push(paint('dim', `        last event: ${cause(first.lastEvent)}`));
    if (failures.length > 1) lines.push(paint('dim', `        and ${failures.length - 1} more`));
  }
  if (rejectedCommit !== '') {
    lines.push(
      `${paint('red', 'unread')}  ${about}: commit ${short(rejectedCommit)}: ${cause(rejectedReason)}`,
    );
  }
  return lines;
}

function toneOf(phase: string): Style {
  if (phase === 'synced') return 'green';
  if (phase === 'failed' || phase === 'unreadable') return 'red';
  return phase === 'held' || phase === 'cancelled' || phase === 'unknown' ? 'yellow' : 'cyan';
}

/** The outermost state of a chart. */
function stateText(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'object' && value !== null ? (Object.keys(value)[0] ?? 'unknown') : 'unknown';
}

function short(commit: string): string {
  return /^[0-9a-f]{40,}$/.test(commit) ? commit.slice(0, 10) : cell(commit);
}

function cell(value: string): string {
  return harmlessText(value, cellBytesMax);
}

function cause(value: string): string {
  return harmlessText(value, causeBytesMax);
}
