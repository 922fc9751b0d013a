/**
 * Every agent this kas serves or served a short while ago: one row per agent, whatever number of pods, connections and
 * lives it has here. Fed by the transitions of sessions and connections as they happen; nothing is polled.
 *
 * F1. A row says what the chart of a living session says; without one, how the last session ended. No row is ever green
 *     because nobody looked.
 * F2. Who is gone stays listed for `goneMs`, at most `goneMax` of them; the oldest leave first.
 * F3. A peer that GitLab did not name is one row per address, so that a flood of bad tokens is not a flood of rows.
 * F4. Texts of agents are cut and cleaned once, here; tokens are never read.
 */
import type { AgentSession } from '../../actors/index.ts';
import { TransitionNames, TransitionRing } from '../../inspect/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { ObservedTransition } from '../../supervisor/index.ts';
import { conditionOf, reasons, shown, type Condition } from './agent-condition.ts';
import { dashboardLimits } from './limits.ts';
import { FleetChanges } from './fleet-changes.ts';
import {
  agentConditions,
  type DeltaFrame,
  type AgentCondition,
  type AgentRow,
  type RowState,
} from './wire.ts';

/** What is read of a session. */
type SeenSession = Pick<AgentSession, 'sessionId' | 'agent' | 'pod' | 'connectedAt' | 'refusal' | 'ref'> & {
  readonly connection: Pick<AgentSession['connection'], 'connectionId' | 'peer'>;
};

/** One session, alive or ended. */
export interface Life {
  readonly session: SeenSession;
  readonly steps: TransitionRing;
  readonly connectionSteps: TransitionRing;
  readonly startedAt: number;
  endedAt: number | undefined;
  state: string;
  condition: Condition;
}

export interface Row {
  readonly index: number;
  readonly key: string;
  readonly firstSeen: number;
  /** Newest last. */
  readonly lives: Life[];
  condition: Condition;
  since: number;
  disconnects: number;
  goneAt: number | undefined;
  lastFailure: AgentRow['lastFailure'];
  facts: string;
  /** Of a row of strangers: its address. */
  readonly hosts: string[];
}

export interface FleetDeps {
  readonly find: (sessionId: string) => SeenSession | undefined;
  readonly clock: Clock;
  /** Told when the condition of a row, or its reason, is another one. */
  readonly changed: (row: Row, before: AgentCondition, at: number) => void;
}

export class Fleet {
  readonly #deps: FleetDeps;
  readonly #names = new TransitionNames();
  readonly #rows = new Map<number, Row>();
  readonly #byKey = new Map<string, Row>();
  readonly #lives = new Map<string, { readonly life: Life; row: Row }>();
  readonly #connections = new Map<string, TransitionRing>();
  /** In the order of their going. */
  readonly #gone = new Map<number, Row>();
  readonly #changes = new FleetChanges<Row>();
  readonly #strangersByHost = new Map<string, Row>();
  #made = 0;
  #strangers = 0;

  constructor(deps: FleetDeps) {
    this.#deps = deps;
  }

  /** Changes when a row came, went, or is called otherwise. */
  get revision(): number {
    return this.#changes.revision;
  }

  get size(): number {
    return this.#rows.size;
  }

  observe({ actorId, machine, from, to, event }: ObservedTransition): void {
    if (machine === 'agentSession') this.#sessionMoved(actorId, from, to, event);
    else if (machine === 'agentConnection' && actorId.startsWith('connection:')) {
      this.#connectionMoved(actorId, from, to, event);
    }
  }

  rows(): Iterable<Row> {
    this.#sweep();
    return this.#rows.values();
  }

  row(key: string): Row | undefined {
    return this.#byKey.get(key);
  }

  states(): RowState[] {
    this.#sweep();
    return [...this.#rows.values()].map(stateOf);
  }

  /** What changed since this was last asked. */
  takeChanges(): Omit<DeltaFrame, 'sequence' | 'at'> {
    this.#sweep();
    const { moved, renamed, ...taken } = this.#changes.take();
    return { ...taken, changes: moved.map(stateOf), rows: renamed.map((row) => this.describe(row)) };
  }

  describe(row: Row): AgentRow {
    const life = speaking(row);
    const { agent, pod, connection } = life.session;
    const meta = pod?.meta;
    return {
      index: row.index,
      key: row.key,
      agentId: agent === undefined ? null : String(agent.agentId),
      name: agent === undefined ? `unknown, from ${hostOf(connection.peer)}` : shown(agent.agentName),
      project: shown(agent?.repository.projectPath),
      projectId: agent === undefined ? null : String(agent.projectId),
      version: shown(meta?.version),
      pod: shown(meta?.podName),
      kubernetes: shown(meta?.kubernetesVersion?.gitVersion),
      peer: shown(connection.peer),
      condition: row.condition.condition,
      since: row.since,
      firstSeen: row.firstSeen,
      connectedAt: life.endedAt === undefined ? life.startedAt : null,
      reason: shown(row.condition.reason),
      sessions: row.lives.filter(({ endedAt }) => endedAt === undefined).length,
      tunnels: tunnelsOf(row),
      lastFailure: row.lastFailure,
      disconnects: row.disconnects,
    };
  }

  #connectionMoved(connectionId: string, from: string, to: string, event: string): void {
    let ring = this.#connections.get(connectionId);
    if (ring === undefined) {
      ring = new TransitionRing(this.#names);
      this.#connections.set(connectionId, ring);
    }
    ring.record(this.#deps.clock.now(), event, from, to);
    if (to === 'gone') this.#connections.delete(connectionId); // lives on in those that stood on it
  }

  #sessionMoved(sessionId: string, from: string, to: string, event: string): void {
    const now = this.#deps.clock.now();
    const known = this.#lives.get(sessionId) ?? this.#begin(sessionId, now);
    if (known === undefined) return;
    const { life } = known;
    life.steps.record(now, event, from, to);
    life.state = to;
    if (to === 'gone') {
      life.endedAt = now;
      this.#lives.delete(sessionId);
    }
    life.condition = conditionOf({
      state: to,
      before: from,
      refusal: life.session.refusal?.message,
      ending: to === 'gone' ? endingOf(life.session) : '',
    });
    known.row = this.#settle(known.row, life, now);
    this.#judge(known.row, now);
  }

  #begin(sessionId: string, now: number): { readonly life: Life; row: Row } | undefined {
    const session = this.#deps.find(sessionId);
    if (session === undefined) return undefined;
    const life: Life = {
      session,
      steps: new TransitionRing(this.#names),
      connectionSteps:
        this.#connections.get(session.connection.connectionId) ?? new TransitionRing(this.#names),
      startedAt: session.connectedAt,
      endedAt: undefined,
      state: '',
      condition: { condition: 'connecting', reason: '' },
    };
    const known = { life, row: this.#strangerRow(session, now) };
    known.row.lives.push(life);
    this.#lives.set(sessionId, known);
    return known;
  }

  /** Moves a life to the row of its agent, as soon as it is known whose it is. */
  #settle(row: Row, life: Life, now: number): Row {
    const { agent } = life.session;
    if (agent === undefined || row.key === String(agent.agentId)) return row;
    row.lives.splice(row.lives.indexOf(life), 1);
    if (row.lives.length === 0) this.#remove(row);
    else this.#judge(row, now);
    const own = this.#byKey.get(String(agent.agentId)) ?? this.#add(String(agent.agentId), now);
    own.lives.push(life);
    while (own.lives.length > dashboardLimits.livesPerAgentMax) {
      const oldest = own.lives.findIndex(({ endedAt }) => endedAt !== undefined);
      if (oldest < 0) break;
      own.lives.splice(oldest, 1);
    }
    return own;
  }

  /** F3. */
  #strangerRow(session: SeenSession, now: number): Row {
    const host = hostOf(session.connection.peer);
    const known = this.#strangersByHost.get(host);
    const row = known ?? this.#add(`unknown-${++this.#strangers}`, now);
    if (known === undefined) {
      this.#strangersByHost.set(host, row);
      row.hosts.push(host);
    }
    while (row.lives.length >= dashboardLimits.livesPerAgentMax && row.lives[0]?.endedAt !== undefined)
      row.lives.shift();
    return row;
  }

  #add(key: string, now: number): Row {
    const row: Row = {
      index: this.#made++,
      key,
      firstSeen: now,
      lives: [],
      condition: { condition: 'connecting', reason: '' },
      since: now,
      disconnects: 0,
      goneAt: undefined,
      lastFailure: null,
      facts: '',
      hosts: [],
    };
    this.#rows.set(row.index, row);
    this.#byKey.set(key, row);
    this.#changes.renamed(row);
    return row;
  }

  #remove(row: Row): void {
    this.#rows.delete(row.index);
    this.#byKey.delete(row.key);
    for (const host of row.hosts) this.#strangersByHost.delete(host);
    this.#gone.delete(row.index);
    this.#changes.removed(row);
  }

  /** F1. */
  #judge(row: Row, now: number): void {
    const life = speaking(row);
    const before = row.condition;
    row.condition = life.condition;
    if (before.condition !== row.condition.condition) {
      row.since = now;
      if (row.condition.condition === 'disconnected') row.disconnects++;
    }
    if (isFailure(row.condition)) row.lastFailure = { at: now, reason: shown(row.condition.reason) };
    if (row.lives.every(({ endedAt }) => endedAt !== undefined)) {
      row.goneAt ??= now;
      this.#gone.set(row.index, row);
      this.#sweep();
    } else if (row.goneAt !== undefined) {
      row.goneAt = undefined;
      this.#gone.delete(row.index);
    }
    const { agent, pod } = life.session;
    const facts = [
      agent?.agentName,
      agent?.projectId,
      pod?.meta?.version,
      pod?.podId,
      life.session.sessionId,
      row.lives.length,
      row.lastFailure?.at,
    ].join(' ');
    if (row.facts !== facts) {
      row.facts = facts;
      this.#changes.renamed(row);
    }
    this.#changes.moved(row);
    if (before.condition !== row.condition.condition || before.reason !== row.condition.reason) {
      this.#deps.changed(row, before.condition, now);
    }
  }

  /** F2. */
  #sweep(): void {
    const oldest = this.#deps.clock.now() - dashboardLimits.goneMs;
    for (const row of this.#gone.values()) {
      if (this.#gone.size <= dashboardLimits.goneMax && (row.goneAt ?? 0) > oldest) return;
      this.#remove(row);
    }
  }
}

/** Better first: with several pods, an agent is as well as its best one. */
const rank = [0, 1, 2, 4, 5, 3, 6] as const;

/** The life that speaks for its agent. */
export function speaking({ lives }: Row): Life {
  const alive = lives.filter(({ endedAt }) => endedAt === undefined);
  const [first, ...rest] = alive.length > 0 ? alive : lives.slice(-1);
  if (first === undefined) throw new Error('a row without a life');
  return rest.reduce((best, life) => (rankOf(life) <= rankOf(best) ? life : best), first);
}

/** What the session's chart counts. */
export function countsOf(ref: Life['session']['ref']): {
  readonly tunnels: number;
  readonly watches: number;
} {
  const { tunnels = 0, watches = 0 } = (ref?.getSnapshot().context ?? {}) as Partial<
    Record<'tunnels' | 'watches', number>
  >;
  return { tunnels, watches };
}

function tunnelsOf({ lives }: Row): number {
  return lives.reduce(
    (sum, { session, endedAt }) => sum + (endedAt === undefined ? countsOf(session.ref).tunnels : 0),
    0,
  );
}

/** Without a tunnel is how every life begins. */
function isFailure({ condition, reason }: Condition): boolean {
  return (
    condition === 'disconnected' ||
    condition === 'refused' ||
    (condition === 'degraded' && reason !== reasons.noTunnel)
  );
}

function rankOf({ condition }: Life): number {
  return rank[agentConditions.indexOf(condition.condition)] ?? rank.length;
}

function stateOf({ index, condition, since }: Row): RowState {
  return [index, agentConditions.indexOf(condition.condition), since, shown(condition.reason)];
}

function endingOf(session: SeenSession): string {
  const context: unknown = session.ref?.getSnapshot().context;
  if (typeof context !== 'object' || context === null || !('reason' in context)) return '';
  return typeof context.reason === 'string' ? context.reason : '';
}

/** `10.0.0.1` of `10.0.0.1:4711` and of `[::1]:4711`. */
function hostOf(peer: string): string {
  return shown(peer).replace(/:\d+$/, '').replaceAll(/[[\]]/g, '');
}
