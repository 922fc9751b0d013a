/** One agent in full, and what is new of it since a reader was last told. */
import type { Tunnel, TunnelDirectory } from '../../actors/index.ts';
import { adviceFor, shown } from './agent-condition.ts';
import { ladderOf, type LadderFacts } from './agent-ladder.ts';
import { countsOf, speaking, type Fleet, type Life, type Row } from './fleet.ts';
import { dashboardLimits } from './limits.ts';
import type { AgentDetail, AgentRow, ProjectLine, SessionDetail, StepFrame } from './wire.ts';

export interface DetailDeps {
  readonly fleet: Fleet;
  readonly directory: Pick<TunnelDirectory<Tunnel>, 'idleOf'>;
  readonly projects: (agentId: bigint) => readonly ProjectLine[];
  readonly failedRequest: (agentId: string) => LadderFacts['failedRequest'];
  readonly now: () => number;
}

export function agentDetail(deps: DetailDeps, row: Row): AgentDetail {
  return { ...common(deps, row), sessions: row.lives.map(sessionDetail).reverse() };
}

/** Follows one row: each `next` has what came since the one before, or nothing. */
export class DetailReader {
  readonly #deps: DetailDeps;
  readonly row: Row;
  readonly #told = new WeakMap<Life, { session: number; connection: number }>();
  #state = '';

  constructor(deps: DetailDeps, row: Row) {
    this.#deps = deps;
    this.row = row;
  }

  full(): AgentDetail {
    for (const life of this.row.lives) this.#mark(life);
    return agentDetail(this.#deps, this.row);
  }

  /** `full` when a new life began: its frame stands for itself. */
  next():
    | { readonly kind: 'full'; readonly detail: AgentDetail }
    | { readonly kind: 'steps'; readonly frame: StepFrame }
    | undefined {
    const { lives } = this.row;
    if (lives.some((life) => !this.#told.has(life))) return { kind: 'full', detail: this.full() };
    const steps = lives.flatMap((life) => {
      const told = this.#told.get(life);
      const { sessionId } = life.session;
      const news = [
        ...life.steps.steps(told?.session).map((step) => ({ sessionId, chart: 'session' as const, step })),
        ...life.connectionSteps
          .steps(told?.connection)
          .map((step) => ({ sessionId, chart: 'connection' as const, step })),
      ];
      this.#mark(life);
      return news;
    });
    const frame = { ...common(this.#deps, this.row), steps };
    const { now: _, ...facts } = frame;
    const state = JSON.stringify(facts);
    if (steps.length === 0 && state === this.#state) return undefined;
    this.#state = steps.length === 0 ? state : '';
    return { kind: 'steps', frame };
  }

  #mark(life: Life): void {
    this.#told.set(life, { session: life.steps.made, connection: life.connectionSteps.made });
  }
}

function common(
  { fleet, directory, projects, failedRequest, now }: DetailDeps,
  row: Row,
): Omit<AgentDetail, 'sessions'> {
  const agent = fleet.describe(row);
  const agentId = agent.agentId === null ? undefined : BigInt(agent.agentId);
  const idleTunnels = agentId === undefined ? 0 : directory.idleOf(agentId);
  return {
    now: now(),
    agent,
    advice: agent.condition === 'online' ? '' : adviceFor(agent.reason),
    idleTunnels,
    ladder: ladderOf(factsOf(row, agent, idleTunnels, failedRequest(agent.agentId ?? ''))),
    projects:
      agentId === undefined ? [] : projects(agentId).slice(0, dashboardLimits.projectsShownMax).map(line),
  };
}

function factsOf(
  row: Row,
  { reason, name, agentId, pod, tunnels }: AgentRow,
  idleTunnels: number,
  failedRequest: LadderFacts['failedRequest'],
): LadderFacts {
  const { session, state, endedAt, condition } = speaking(row);
  return {
    state,
    reason,
    isOver: endedAt !== undefined,
    isRefused: condition.condition === 'refused',
    peer: session.connection.peer,
    agent: agentId === null ? undefined : `${name}, agent ${agentId}`,
    pod,
    watches: countsOf(session.ref).watches,
    tunnels,
    idleTunnels,
    failedRequest,
  };
}

function line({ project, commit, phase, counts, reason, isLastKnown }: ProjectLine): ProjectLine {
  const { applied, pruned, failed } = counts;
  return { project, commit, phase, counts: { applied, pruned, failed }, reason: shown(reason), isLastKnown };
}

function sessionDetail({ session, steps, connectionSteps, startedAt, endedAt }: Life): SessionDetail {
  const context = countsOf(session.ref);
  return {
    sessionId: session.sessionId,
    peer: shown(session.connection.peer),
    startedAt,
    endedAt: endedAt ?? null,
    session: steps.steps(),
    connectionId: session.connection.connectionId,
    connection: connectionSteps.steps(),
    tunnels: endedAt === undefined ? context.tunnels : 0,
    watches: endedAt === undefined ? context.watches : 0,
  };
}
