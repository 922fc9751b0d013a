/** What `kastor status` prints for people: agents, their manifest projects, what fails and why. */
import { harmlessText } from '../../protocol/index.ts';
import type { AgentState, KasState, ProjectState } from './kas-state.ts';
import { tableOf } from './table.ts';

export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan';
export type Paint = (style: Style, text: string) => string;

const cellBytesMax = 100;
const causeBytesMax = 400;
const outcomesShown = 10;

/** @param nowMs wall clock, for ages */
export function statusText(state: KasState, nowMs: number, paint: Paint): string {
  const { agents, agentsHidden, gitops } = state;
  const lines = [paint('bold', `kas ${cell(state.version)}`), '', ...agentLines(agents, nowMs, paint)];
  if (agentsHidden > 0) lines.push(paint('dim', `and ${agentsHidden} more agents`));
  lines.push('', ...projectLines(gitops.projects, nowMs, paint));
  if (gitops.projectsHidden > 0) lines.push(paint('dim', `and ${gitops.projectsHidden} more projects`));
  const troubles = gitops.projects.flatMap((project) => troubleLines(project, paint));
  if (troubles.length > 0) lines.push('', ...troubles);
  if (gitops.outcomes.length > 0) {
    const rows = gitops.outcomes
      .slice(0, outcomesShown)
      .map(({ at, agentId, project, commit, outcome }) => [
        `${age(at, nowMs)} ago`,
        cell(agentId),
        cell(project),
        short(commit),
        paint(toneOf(outcome), cell(outcome)),
      ]);
    lines.push('', ...headed(['LATELY', 'AGENT', 'PROJECT', 'COMMIT', 'OUTCOME'], rows, paint));
  }
  return lines.join('\n');
}

function agentLines(agents: readonly AgentState[], nowMs: number, paint: Paint): readonly string[] {
  if (agents.length === 0) return ['No agent is connected.'];
  const rows = agents.map(({ agentId, agentName, state, connectedAt, version, podName }) => {
    const name = stateText(state);
    return [
      cell(agentId ?? '?'),
      cell(agentName ?? ''),
      paint(name === 'registered' ? 'green' : 'yellow', cell(name)),
      age(connectedAt, nowMs),
      cell(version ?? ''),
      cell(podName ?? ''),
    ];
  });
  return headed(['AGENT', 'NAME', 'STATE', 'SINCE', 'VERSION', 'POD'], rows, paint);
}

function projectLines(projects: readonly ProjectState[], nowMs: number, paint: Paint): readonly string[] {
  if (projects.length === 0) return ['No agent told of a manifest project.'];
  const rows = projects.map((project) => {
    const { counts, isLastKnown } = project;
    const phase = isLastKnown ? `${project.phase} (last known)` : project.phase;
    const failed = counts.failed + counts.unreconciled;
    return [
      cell(project.agentId),
      cell(project.project),
      short(project.commit),
      paint(isLastKnown ? 'dim' : toneOf(project.phase), cell(phase)),
      String(counts.applied),
      String(counts.pruned),
      failed === 0 ? '0' : paint('red', String(failed)),
      project.phase === 'held' ? paint('yellow', 'yes') : 'no',
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
  return headed(head, rows, paint);
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

function headed(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
): readonly string[] {
  const [first = '', ...rest] = tableOf(head, rows);
  return [paint('dim', first), ...rest];
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

/** Between two points in time, in the largest unit that fits: `7s`, `12m`, `5h`, `3d`. */
function age(thenMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - thenMs) / 1_000));
  if (seconds < 100) return `${seconds}s`;
  if (seconds < 6_000) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
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
