/**
 * The history of an agent as a row of moments: the steps of all its lives here, in the order of time, each with the states
 * that held from then on. Going back in time is looking at an earlier moment.
 */
import type { AgentDetail, SessionDetail, Step } from '../../src/kas/dashboard/wire.ts';

export type ChartKind = 'session' | 'connection';

export interface Moment {
  readonly at: number;
  readonly chart: ChartKind;
  readonly step: Step;
  readonly sessionId: string;
  /** Of the life that speaks for the agent then: the one that began last of those that have not ended. */
  readonly session: string;
  readonly connection: string;
}

export function momentsOf({ sessions }: Pick<AgentDetail, 'sessions'>): Moment[] {
  const steps = sessions.flatMap((life) => [
    ...life.session.map((step) => ({ life, chart: 'session' as const, step })),
    ...life.connection.map((step) => ({ life, chart: 'connection' as const, step })),
  ]);
  steps.sort((one, other) => one.step.at - other.step.at || one.step.step - other.step.step);
  const states = new Map<SessionDetail, { session: string; connection: string }>();
  return steps.map(({ life, chart, step }) => {
    const state = states.get(life) ?? { session: '', connection: '' };
    state[chart] = step.to;
    states.set(life, state);
    const speaking = speakingOf(states) ?? state;
    return { at: step.at, chart, step, sessionId: life.sessionId, ...speaking };
  });
}

function speakingOf(states: ReadonlyMap<SessionDetail, { session: string; connection: string }>) {
  const all = [...states].filter(([, { session }]) => session !== '');
  const alive = all.filter(([, { session }]) => session !== 'gone');
  const candidates = alive.length > 0 ? alive : all;
  const [newest] = candidates.sort(([one], [other]) => other.startedAt - one.startedAt);
  return newest?.[1];
}

/** The life whose chart is shown at a moment. */
export function withStep(detail: AgentDetail, chart: ChartKind, sessionId: string, step: Step): AgentDetail {
  return {
    ...detail,
    sessions: detail.sessions.map((life) =>
      life.sessionId === sessionId && !life[chart].some((known) => known.step === step.step)
        ? {
            ...life,
            [chart]: [...life[chart], step],
            endedAt: chart === 'session' && step.to === 'gone' ? step.at : life.endedAt,
          }
        : life,
    ),
  };
}

export interface Segment {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  /** Id of the state in its chart. */
  readonly id: string;
}

export interface Lane {
  readonly label: string;
  readonly segments: readonly Segment[];
}

const regions = ['identity', 'presence', 'configuration', 'tunnels'] as const;

/** One lane for the life itself, one per region of `registered`, one for the wire. */
export function lanesOf(moments: readonly Moment[], now: number): Lane[] {
  return [
    {
      label: 'session',
      segments: segmentsOf(moments, now, 'agentSession', ({ session }) => session.split('.')[0] ?? ''),
    },
    ...regions.map((region) => ({
      label: region,
      segments: segmentsOf(
        moments,
        now,
        `agentSession.registered.${region}`,
        ({ session }) => new RegExp(`[(|]${region}\\.([A-Za-z]+)`).exec(session)?.[1] ?? '',
      ),
    })),
    {
      label: 'keepalive',
      segments: segmentsOf(
        moments,
        now,
        'agentConnection.live.keepalive',
        ({ connection }) => /[(|]keepalive\.([A-Za-z]+)/.exec(connection)?.[1] ?? '',
      ),
    },
  ];
}

function segmentsOf(
  moments: readonly Moment[],
  now: number,
  prefix: string,
  nameOf: (moment: Moment) => string,
): Segment[] {
  const segments: Segment[] = [];
  let open: { readonly name: string; readonly from: number } | undefined;
  const close = (to: number) => {
    if (open !== undefined && open.name !== '') segments.push({ ...open, to, id: `${prefix}.${open.name}` });
  };
  for (const moment of moments) {
    const name = nameOf(moment);
    if (open?.name === name) continue;
    close(moment.at);
    open = { name, from: moment.at };
  }
  close(now);
  return segments;
}
