/**
 * What agents report of their manifest projects, as long as it is worth showing.
 *
 * S1. A report replaces what was known of its projects; nothing is added up. One that was overtaken by a later one of the same process
 *     changes nothing.
 * S2. Of several processes of one agent the last that speaks of a project is believed: leadership moved to it. It can take away only what it
 *     told itself.
 * S3. When the session of a reporter ends its projects stay, marked as last known, for an hour: absence is not deletion.
 * S4. Bounded in agents and bytes; lists of objects give way before whole projects are refused.
 */
import type { Clock } from '../../ports/index.ts';
import { ok, status, StatusCode, type ReportRequest, type RpcStatus } from '../../protocol/index.ts';
import { reportLimits } from './limits.ts';
import {
  allPhases,
  bytesOf,
  isSettled,
  viewOf,
  withoutObjects,
  type ObjectView,
  type PhaseName,
  type ProjectView,
} from './project-view.ts';
import { ReportJournal, type ReportJournalDeps, type Seen } from './report-journal.ts';

/** The connection a report came on. */
export interface ReportingSession {
  readonly sessionId: string;
  readonly agentId: bigint;
}

interface Entry {
  readonly view: ProjectView;
  readonly bytes: number;
  readonly reporterId: bigint;
  readonly seen: Seen;
  /** Milliseconds since the epoch, by the clock of kas. */
  readonly reportedAt: number;
}

interface Reporter {
  sequence: bigint;
  sessionId: string;
  /** Monotonic; undefined while its session lives. */
  leftAt: number | undefined;
}

class AgentReports {
  readonly projects = new Map<string, Entry>();
  readonly reporters = new Map<bigint, Reporter>();
}

export class SyncReports {
  readonly #clock: Clock;
  readonly #journal: ReportJournal;
  readonly #bytesMax: number;
  readonly #agents = new Map<bigint, AgentReports>();
  readonly #phases = new Map<PhaseName, number>(allPhases.map((phase) => [phase, 0]));
  readonly #phaseGauge;
  readonly #taken;
  #bytes = 0;
  #failing = 0;
  #purgedAt = 0;

  constructor(
    deps: ReportJournalDeps & {
      /** Default `reportLimits.bytesMax`. */
      readonly bytesMax?: number;
    },
  ) {
    const { clock, metrics, bytesMax = reportLimits.bytesMax } = deps;
    this.#bytesMax = bytesMax;
    this.#clock = clock;
    this.#journal = new ReportJournal(deps);
    const read = (value: () => number) => () => {
      this.#purge();
      return value();
    };
    metrics.observed(
      { name: 'kas_gitops_report_bytes', help: 'Memory of the reports of agents' },
      read(() => this.#bytes),
    );
    metrics.observed(
      { name: 'kas_gitops_report_bytes_max', help: 'Bound of kas_gitops_report_bytes' },
      () => bytesMax,
    );
    metrics.observed(
      { name: 'kas_gitops_objects_failing', help: 'Objects that failed in the last run of their project' },
      read(() => this.#failing),
    );
    this.#taken = metrics.counter({
      name: 'kas_gitops_reports_total',
      help: 'Reports of agents by what became of them',
      labelNames: ['result'],
    });
    this.#phaseGauge = metrics.gauge({
      name: 'kas_gitops_projects',
      help: 'Manifest projects agents told of, by phase',
      labelNames: ['phase'],
    });
    for (const phase of allPhases) this.#phaseGauge.set(0, { phase });
  }

  /** Takes a validated report; the status is the answer to the agent. */
  take(session: ReportingSession, request: ReportRequest): RpcStatus {
    this.#purge();
    const answer = this.#take(session, request);
    this.#taken.inc({ result: answer.code === StatusCode.OK ? 'taken' : 'refused' });
    return answer;
  }

  /** The session is over: what it told is the last that is known (S3). */
  sessionEnded({ sessionId, agentId }: ReportingSession): void {
    for (const reporter of this.#agents.get(agentId)?.reporters.values() ?? []) {
      if (reporter.sessionId === sessionId) reporter.leftAt = this.#clock.monotonic();
    }
  }

  /** For `/state`: all projects up to a bound, with objects up to another, those that are not as they should be first. */
  shown(): unknown {
    this.#purge();
    const projects: unknown[] = [];
    let objectsLeft: number = reportLimits.shownObjectsMax;
    let count = 0;
    for (const [agentId, { projects: known, reporters }] of this.#agents) {
      for (const { view, reportedAt, reporterId } of known.values()) {
        count += 1;
        if (projects.length >= reportLimits.shownProjectsMax) continue;
        const objects = worstFirst(view.objects).slice(0, objectsLeft);
        objectsLeft -= objects.length;
        projects.push({
          agentId,
          ...view,
          reportedAt,
          // The agent is gone: nobody knows whether it is still so.
          isLastKnown: reporters.get(reporterId)?.leftAt !== undefined,
          objects,
          objectsHidden: view.objectsHidden + view.objects.length - objects.length,
        });
      }
    }
    return { projects, projectsHidden: count - projects.length, outcomes: this.#journal.latest };
  }

  /** The projects of one agent, without their objects. */
  ofAgent(agentId: bigint): readonly (ProjectView & { readonly isLastKnown: boolean })[] {
    const reports = this.#agents.get(agentId);
    if (reports === undefined) return [];
    return [...reports.projects.values()].map(({ view, reporterId }) => ({
      ...withoutObjects(view),
      isLastKnown: reports.reporters.get(reporterId)?.leftAt !== undefined,
    }));
  }

  /** One project of an agent with its objects, those that are not as they should be first. */
  projectOf(agentId: bigint, project: string): ProjectView | undefined {
    const view = this.#agents.get(agentId)?.projects.get(project)?.view;
    if (view === undefined) return undefined;
    const objects = view.objects.toSorted((one, other) => Number(isSettled(one)) - Number(isSettled(other)));
    return { ...view, objects };
  }

  #take(session: ReportingSession, request: ReportRequest): RpcStatus {
    const { reporterId, sequence, projectIds, changed } = request;
    const wanted = new Set(projectIds);
    const stranger = changed.find(({ projectId }) => !wanted.has(projectId));
    if (stranger !== undefined) {
      return status(StatusCode.InvalidArgument, 'a project that changed is not among the project_ids');
    }
    const agent = this.#agents.get(session.agentId);
    if (agent === undefined && this.#agents.size >= reportLimits.agentsMax) return full;
    const reports = agent ?? new AgentReports();
    const reporter = reports.reporters.get(reporterId);
    if (reporter !== undefined && reporter.sequence >= sequence) return ok; // S1
    if (reporter === undefined) this.#makeRoom(reports);
    this.#agents.set(session.agentId, reports);
    reports.reporters.set(reporterId, { sequence, sessionId: session.sessionId, leftAt: undefined });
    for (const [id, entry] of reports.projects) {
      if (entry.reporterId === reporterId && !wanted.has(id)) this.#drop(reports, id); // S2
    }
    let isFull = false;
    for (const state of changed) {
      isFull = !this.#replace(session.agentId, reports, reporterId, viewOf(state)) || isFull;
    }
    return isFull ? full : ok;
  }

  /** False when there is no room (S4). */
  #replace(agentId: bigint, reports: AgentReports, reporterId: bigint, whole: ProjectView): boolean {
    const before = reports.projects.get(whole.project);
    if (before === undefined && reports.projects.size >= projectsPerAgentMax) return false;
    const room = this.#bytesMax - this.#bytes + (before?.bytes ?? 0);
    const view = bytesOf(whole) <= room ? whole : withoutObjects(whole);
    const bytes = bytesOf(view);
    if (bytes > room) return false;
    const known = before?.reporterId === reporterId ? before.seen : fresh(before?.seen);
    if (before !== undefined) this.#drop(reports, whole.project);
    const seen = this.#journal.note(agentId, known, view);
    reports.projects.set(view.project, { view, bytes, reporterId, seen, reportedAt: this.#clock.now() });
    this.#count(view, bytes, 1);
    return true;
  }

  #drop(reports: AgentReports, id: string): void {
    const entry = reports.projects.get(id);
    if (entry === undefined) return;
    reports.projects.delete(id);
    this.#count(entry.view, entry.bytes, -1);
  }

  /** One more process may report of this agent: the first that tells of no project any more goes, else the first. */
  #makeRoom(reports: AgentReports): void {
    const { reporters, projects } = reports;
    if (reporters.size < reportLimits.reportersPerAgentMax) return;
    const owners = new Set([...projects.values()].map(({ reporterId }) => reporterId));
    const ids = [...reporters.keys()];
    const leaving = ids.find((id) => !owners.has(id)) ?? ids[0];
    if (leaving !== undefined) this.#forget(reports, leaving);
  }

  #forget(reports: AgentReports, reporterId: bigint): void {
    reports.reporters.delete(reporterId);
    for (const [id, entry] of reports.projects) {
      if (entry.reporterId === reporterId) this.#drop(reports, id);
    }
  }

  #count({ phase, counts }: ProjectView, bytes: number, by: 1 | -1): void {
    this.#bytes += by * bytes;
    this.#failing += by * counts.failed;
    const now = (this.#phases.get(phase) ?? 0) + by;
    this.#phases.set(phase, now);
    this.#phaseGauge.set(now, { phase });
  }

  /** Forgets those who left long ago, and with them what they told. Looked at when somebody asks or tells, at most once a second. */
  #purge(): void {
    const now = this.#clock.monotonic();
    if (now - this.#purgedAt < 1_000) return;
    this.#purgedAt = now;
    for (const [agentId, reports] of this.#agents) {
      for (const [reporterId, { leftAt }] of reports.reporters) {
        if (leftAt === undefined || now - leftAt < reportLimits.keptMs) continue;
        this.#forget(reports, reporterId);
      }
      if (reports.reporters.size === 0) this.#agents.delete(agentId);
    }
  }
}

/** As the message bounds it; several processes of one agent together. */
const projectsPerAgentMax = 512;

const full = status(StatusCode.ResourceExhausted, 'kas keeps no more reports of manifest projects');

/** Runs are counted anew by another process. */
function fresh(seen: Seen | undefined): Seen | undefined {
  return seen === undefined ? undefined : { ...seen, run: -1 };
}

function worstFirst(objects: readonly ObjectView[]): readonly ObjectView[] {
  return [...objects.filter((one) => !isSettled(one)), ...objects.filter((one) => isSettled(one))];
}
