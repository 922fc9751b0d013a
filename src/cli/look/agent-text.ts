/** One agent on a terminal: what it is, its hops, its charts by region, what happened last, its projects, what can come next. */
import { activeStates, changeText, chartGraphOf, eventText, type ChartGraph } from '../../inspect/index.ts';
import { harmlessText } from '../../protocol/index.ts';
import { agentConnectionMachine, agentSessionMachine } from '../../../statecharts/index.ts';
import type { AgentDetail, Step } from '../remote/shapes.ts';
import { age, clockTime } from '../terminal/age.ts';
import type { Style } from '../terminal/paint.ts';
import { lineOf, tableOf, type Cell, type TableLook } from '../terminal/table.ts';
import { toneOf } from './agents.ts';

type Session = AgentDetail['sessions'][number];

const nextMax = 12;
const indent = '  ';

export function agentText(detail: AgentDetail, stepsMax: number, look: TableLook): readonly string[] {
  const { agent, now, sessions } = detail;
  const { paint, width } = look;
  const title = harmlessText(agent.agentId === null ? agent.name : `${agent.project}:${agent.name}`, 200);
  const state = paint(toneOf(agent.condition), agent.condition);
  const inner = { paint, width: width - indent.length };
  const [newest] = sessions;
  const parts: readonly (readonly [string, readonly string[]])[] = [
    ['', facts(detail, inner)],
    ['Hops, as kas sees them', ladder(detail, inner)],
    ['State', newest === undefined ? [] : regions(newest, inner)],
    ['Last transitions', transitions(detail, stepsMax, inner)],
    ['Manifest projects', projects(detail, inner)],
    ['What can happen next', newest === undefined ? [] : next(newest, inner)],
  ];
  return [
    `${paint('bold', title)}  ${state} for ${age(agent.since, now)}`,
    ...why(detail, look),
    ...parts
      .filter(([, lines]) => lines.length > 0)
      .flatMap(([head, lines]) => [
        '',
        ...(head === '' ? [] : [paint('bold', head)]),
        ...lines.map((line) => indent + line),
      ]),
  ];
}

function why({ agent, advice, ladder: rungs }: AgentDetail, { paint, width }: TableLook): readonly string[] {
  if (agent.reason === '') return [];
  const isSaidBelow = rungs.some(({ remedy }) => remedy === advice);
  return [
    paint(toneOf(agent.condition), lineOf(agent.reason, width)),
    ...(advice === '' || isSaidBelow ? [] : wrapped(advice, width)),
  ];
}

function facts({ agent, sessions, idleTunnels, now }: AgentDetail, look: TableLook): readonly string[] {
  const living = sessions.filter(({ endedAt }) => endedAt === null);
  const tunnels = living.reduce((sum, one) => sum + one.tunnels, 0);
  const { lastFailure } = agent;
  const rows: readonly (readonly [string, string])[] = [
    ['id', agent.agentId ?? `none; in addresses ${agent.key}`],
    ['project', agent.project || 'not told'],
    ['pods connected', String(agent.sessions)],
    ['pod', agent.pod || 'not told'],
    ['agentk', agent.version || 'not told'],
    ['Kubernetes', agent.kubernetes || 'not told'],
    ['peer', agent.peer],
    ['connected', agent.connectedAt === null ? 'no' : `since ${clockTime(agent.connectedAt, now)}`],
    ['seen here', `since ${clockTime(agent.firstSeen, now)}, disconnected ${agent.disconnects} times`],
    ['tunnels', `${tunnels} open, ${idleTunnels} idle`],
    [
      'last failure',
      lastFailure === null ? 'none' : `${age(lastFailure.at, now)} ago: ${lastFailure.reason}`,
    ],
  ];
  return plain(rows, look);
}

const rungSigns: Readonly<Record<string, readonly [string, Style]>> = {
  good: ['✓', 'green'],
  bad: ['✗', 'red'],
  waiting: ['!', 'yellow'],
};

function ladder({ ladder: rungs }: AgentDetail, look: TableLook): readonly string[] {
  return rungs.flatMap(({ rung, state, observed, remedy }) => {
    const [sign, style] = rungSigns[state] ?? ['–', 'dim' as const];
    const seen = state === 'unknown' ? 'not looked at: it stands on the one above' : observed;
    const line = `${look.paint(style, sign)} ${rung.padEnd(15)} ${lineOf(seen, look.width - 18)}`;
    return [line, ...(remedy === '' ? [] : wrapped(`→ ${remedy}`, look.width - 2).map((one) => `  ${one}`))];
  });
}

/** Where the newest session and its connection are: a line per region. */
function regions({ session, connection }: Session, look: TableLook): readonly string[] {
  const charts: readonly (readonly [string, readonly Step[], ChartGraph])[] = [
    ['session', session, chartGraphOf(agentSessionMachine)],
    ['connection', connection, chartGraphOf(agentConnectionMachine)],
  ];
  const rows = charts.flatMap(([name, steps, graph]) => {
    const to = steps.at(-1)?.to;
    if (to === undefined) return [];
    return leavesOf(graph, to).map((leaf): readonly Cell[] => {
      const state = graph.states.find(({ id }) => id === leaf);
      const path = leaf.split('.').slice(1);
      return [
        name,
        path.slice(0, -1).join('.'),
        { text: path.at(-1) ?? '', style: chartStyle(state?.tone) },
        state?.description ?? '',
      ];
    });
  });
  if (rows.length === 0) return [];
  const columns = [{ title: 'CHART' }, { title: 'REGION' }, { title: 'STATE' }, { title: '', shrinks: true }];
  return tableOf(columns, rows, look);
}

function chartStyle(tone: string | undefined): Style {
  const styles: Readonly<Record<string, Style>> = {
    healthy: 'green',
    transient: 'cyan',
    degraded: 'yellow',
    down: 'red',
  };
  return styles[tone ?? ''] ?? 'dim';
}

function leavesOf(graph: ChartGraph, name: string): readonly string[] {
  const active = activeStates(graph.id, name);
  return active.filter((id) => !active.some((other) => other.startsWith(`${id}.`)));
}

function transitions({ sessions, now }: AgentDetail, stepsMax: number, look: TableLook): readonly string[] {
  const steps = sessions
    .flatMap(({ session, connection }) => [
      ...session.map((step) => ({ chart: 'session', step })),
      ...connection.map((step) => ({ chart: 'connection', step })),
    ])
    .sort((one, other) => one.step.at - other.step.at)
    .slice(-stepsMax);
  if (steps.length === 0) return [];
  const rows = steps.map(({ chart, step: { at, event, from, to } }) => [
    clockTime(at, now),
    chart,
    eventText(event),
    changeText(from, to),
  ]);
  const columns = [
    { title: 'TIME' },
    { title: 'CHART' },
    { title: 'EVENT', shrinks: true },
    { title: 'CHANGE', shrinks: true },
  ];
  return tableOf(columns, rows, look);
}

function projects({ projects: lines }: AgentDetail, look: TableLook): readonly string[] {
  if (lines.length === 0) return [];
  const rows = lines.map(({ project, commit, phase, counts, reason, isLastKnown }): readonly Cell[] => [
    project,
    commit.slice(0, 10),
    {
      text: isLastKnown ? `${phase} (last known)` : phase,
      style: phase === 'synced' ? 'green' : phase === 'failed' ? 'red' : 'cyan',
    },
    String(counts.applied),
    String(counts.pruned),
    String(counts.failed),
    reason,
  ]);
  const columns = [
    { title: 'PROJECT', shrinks: true },
    { title: 'COMMIT' },
    { title: 'PHASE' },
    { title: 'APPLIED', right: true },
    { title: 'PRUNED', right: true },
    { title: 'FAILED', right: true },
    { title: 'REASON', shrinks: true },
  ];
  return tableOf(columns, rows, look);
}

/** What the session's chart may do from where it is. */
function next({ session, endedAt }: Session, look: TableLook): readonly string[] {
  const to = session.at(-1)?.to;
  if (to === undefined) return [];
  if (endedAt !== null) return ['Nothing: this life has ended. A new connection begins a new one.'];
  const graph = chartGraphOf(agentSessionMachine);
  const active = new Set(activeStates(graph.id, to));
  const rows = graph.edges
    .filter(({ source }) => active.has(source))
    .flatMap(({ source, target, transitions: ways }) =>
      ways.map(({ kind, text, guard }) => [
        source.split('.').at(-1) ?? '',
        kind === 'after' ? `after ${text}` : kind === 'failed' ? `${text} fails` : text || 'always',
        guard ?? '',
        target.split('.').at(-1) ?? '',
      ]),
    );
  const columns = [{ title: 'IN' }, { title: 'WHEN' }, { title: 'IF' }, { title: 'THEN' }];
  const lines = tableOf(columns, rows.slice(0, nextMax), look);
  return rows.length > nextMax ? [...lines, `and ${rows.length - nextMax} more`] : lines;
}

function plain(rows: readonly (readonly [string, string])[], { paint, width }: TableLook): readonly string[] {
  return rows.map(([name, value]) => `${paint('dim', name.padEnd(15))} ${lineOf(value, width - 16)}`);
}

/** Our own sentences, broken at spaces. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > Math.max(40, width)) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
