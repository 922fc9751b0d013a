/**
 * What the dashboard's pages and its API say to each other: types alone, read by both sides. No token, header, body or
 * query is in any of it. Ids of 64 bits are decimal texts.
 */

/** How an agent is, in the words of its session's chart brought down to seven. The order is that of the codes. */
export const agentConditions = [
  'online',
  'degraded',
  'connecting',
  'disconnected',
  'refused',
  'draining',
  'left',
] as const;
export type AgentCondition = (typeof agentConditions)[number];

/** One line of the directory. */
export interface AgentRow {
  /** Numbers rows in frames; never given twice. */
  readonly index: number;
  /** In addresses: the agent's id, or `unknown-n` for a peer GitLab did not name. */
  readonly key: string;
  readonly agentId: string | null;
  readonly name: string;
  readonly project: string;
  readonly projectId: string | null;
  readonly version: string;
  readonly pod: string;
  readonly kubernetes: string;
  readonly peer: string;
  readonly condition: AgentCondition;
  /** Milliseconds since the epoch. */
  readonly since: number;
  readonly firstSeen: number;
  readonly connectedAt: number | null;
  /** Why it is not online; empty when it is. */
  readonly reason: string;
  readonly sessions: number;
  /** Open tunnels of all its sessions. */
  readonly tunnels: number;
  readonly disconnects: number;
  /** The last time it was disconnected, refused, or GitLab could not be asked; null when that was never seen. */
  readonly lastFailure: { readonly at: number; readonly reason: string } | null;
}

export interface Directory {
  readonly revision: number;
  readonly kas: { readonly version: string; readonly name: string };
  readonly now: number;
  readonly agents: readonly AgentRow[];
}

/** index, code in `agentConditions`, since, reason. */
export type RowState = readonly [index: number, code: number, since: number, reason: string];

export interface SnapshotFrame {
  readonly sequence: number;
  readonly revision: number;
  readonly at: number;
  readonly states: readonly RowState[];
}

export interface DeltaFrame {
  readonly sequence: number;
  /** Differs from the one before when rows came, went or are described otherwise. */
  readonly revision: number;
  /** Who knows the rows of this revision, or of a later one, knows those of `revision` with `rows` and `left`. */
  readonly since: number;
  readonly at: number;
  readonly changes: readonly RowState[];
  /** New, or described otherwise. */
  readonly rows: readonly AgentRow[];
  /** Indexes of those that are listed no more. */
  readonly left: readonly number[];
}

export interface Step {
  readonly at: number;
  readonly step: number;
  readonly event: string;
  readonly from: string;
  readonly to: string;
}

/** One life of an agent here: a session, and the connection it lives on. */
export interface SessionDetail {
  readonly sessionId: string;
  readonly peer: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly session: readonly Step[];
  readonly connectionId: string;
  readonly connection: readonly Step[];
  readonly tunnels: number;
  readonly watches: number;
}

/** A manifest project as the agent told of it. */
export interface ProjectLine {
  readonly project: string;
  readonly commit: string;
  readonly phase: string;
  readonly counts: { readonly applied: number; readonly pruned: number; readonly failed: number };
  readonly reason: string;
  /** The process that told it is gone. */
  readonly isLastKnown: boolean;
}

/** The objects of a manifest project, as the agent told of them; those in trouble first. */
export interface ProjectObjects {
  readonly now: number;
  readonly project: string;
  readonly commit: string;
  readonly failures: readonly {
    readonly object: string;
    readonly action: string;
    readonly error: string;
    readonly lastEvent: string;
  }[];
  readonly warnings: readonly string[];
  readonly objects: readonly {
    readonly object: string;
    readonly action: string;
    readonly result: string;
    readonly health: string;
  }[];
  readonly hidden: number;
}

/** One hop between an agent and its use. */
export interface LadderRung {
  readonly rung: string;
  /** `waiting`: not there yet, or nothing to worry about by itself; `unknown`: stands on one that is bad. */
  readonly state: 'good' | 'bad' | 'waiting' | 'unknown';
  readonly observed: string;
  readonly remedy: string;
}

export interface AgentDetail {
  readonly now: number;
  readonly agent: AgentRow;
  /** What to do about `reason`; empty when there is nothing to say. */
  readonly advice: string;
  readonly idleTunnels: number;
  /** From the connection up, as kas sees it. */
  readonly ladder: readonly LadderRung[];
  readonly projects: readonly ProjectLine[];
  /** Newest first. */
  readonly sessions: readonly SessionDetail[];
}

/** New steps of the sessions of an agent. */
export interface StepFrame {
  readonly now: number;
  readonly agent: AgentRow;
  readonly advice: string;
  readonly idleTunnels: number;
  readonly ladder: readonly LadderRung[];
  readonly projects: readonly ProjectLine[];
  readonly steps: readonly {
    readonly sessionId: string;
    readonly chart: 'session' | 'connection';
    readonly step: Step;
  }[];
}

export interface RequestLine {
  readonly id: string;
  readonly agentId: string;
  readonly kind: string;
  readonly method: string;
  readonly state: string;
  readonly startedAt: number;
  /** Until a tunnel had it; null when none had. */
  readonly routedMs: number | null;
  readonly lastedMs: number;
  readonly reason: string;
}

export interface RequestsView {
  readonly now: number;
  readonly living: readonly RequestLine[];
  readonly hidden: number;
  readonly slow: readonly RequestLine[];
  readonly failed: readonly RequestLine[];
  readonly counts: Readonly<Record<string, number>>;
  readonly slowMs: number;
}

/** Somebody who asks a repository again and again. */
export interface PollerLine {
  readonly id: string;
  readonly kind: 'manifests' | 'configuration';
  readonly project: string;
  readonly ref: string;
  readonly state: string;
  /** The newest known; empty when none is. */
  readonly commit: string;
  /** Streams that want its news. */
  readonly listeners: number;
  /** Whose configuration it is. */
  readonly agentId: string | null;
  readonly askedAt: number | null;
  /** Questions in a row that were not answered. */
  readonly attempt: number;
  /** Why there is no news; empty when all is well. */
  readonly reason: string;
}

export interface PollersView {
  readonly now: number;
  readonly counts: Readonly<Record<PollerLine['kind'], number>>;
  readonly pollers: readonly PollerLine[];
  readonly hidden: number;
}

/** What happened: `agent` changed its condition, `project` came to an end of a run, `supervisor` had to do something. */
export interface NewsLine {
  /** From 1, without gaps. */
  readonly sequence: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly kind: 'agent' | 'project' | 'supervisor';
  /** Of the agent; empty for supervisors. */
  readonly key: string;
  /** Of the agent, or of the supervised actor. */
  readonly name: string;
  /** Condition before, or the commit of a project. */
  readonly from: string;
  /** Condition, outcome, or what the supervisor did. */
  readonly to: string;
  /** The project, or the supervisor. */
  readonly about: string;
  readonly reason: string;
}

export interface NewsView {
  readonly now: number;
  /** Numbers of another epoch are of an earlier life of kas. */
  readonly epoch: number;
  /** The numbers that are still kept; when there is none, `oldest` is one more than `newest`. */
  readonly oldest: number;
  readonly newest: number;
  /** Oldest first. */
  readonly news: readonly NewsLine[];
}

/** Before the first news of a stream, and wherever some were lost to it. */
export interface NewsGap {
  readonly now: number;
  readonly epoch: number;
  /** How many are not there any more. */
  readonly missed: number;
  /** kas was started since; what happened before is not known. */
  readonly restarted: boolean;
}

export interface SupervisorNode {
  readonly id: string;
  readonly kind: 'actor' | 'supervisor';
  readonly status: string;
  readonly state: string;
  readonly restarts: number;
  readonly strategy?: string;
  readonly restartsInWindow?: number;
  readonly intensity?: number;
  readonly periodMs?: number;
  readonly population?: number;
  readonly populationMax?: number;
  readonly children: readonly SupervisorNode[];
  readonly hidden: number;
}

export interface SupervisorsView {
  readonly now: number;
  readonly root: SupervisorNode;
  readonly reports: readonly {
    readonly at: number;
    readonly kind: string;
    readonly supervisor: string;
    readonly child: string;
    readonly reason: string;
    readonly attempt: number;
  }[];
}

export interface MachineLine {
  readonly name: string;
  readonly id: string;
  readonly description: string;
  readonly compiled: boolean;
  readonly states: readonly { readonly path: string; readonly tags: readonly string[] }[];
}

/** What is told as a whole, and again when it changed. */
export interface ViewOf {
  readonly requests: RequestsView;
  readonly supervisors: SupervisorsView;
  readonly pollers: PollersView;
}
export const viewNames = ['requests', 'supervisors', 'pollers'] as const;
export type ViewName = (typeof viewNames)[number];
