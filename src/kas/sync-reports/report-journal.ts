/** What changed between two reports of a project: lines for operators, metrics, and the outcomes `kastor status` shows. */
import type { Clock, Log, LogFields, Metrics } from '../../ports/index.ts';
import { reportLimits } from './limits.ts';
import type { PhaseName, ProjectView } from './project-view.ts';

const outcomes: ReadonlySet<PhaseName> = new Set(['synced', 'failed', 'held', 'cancelled']);

/** One outcome, as people are shown it. */
export interface SyncOutcome {
  /** Milliseconds since the epoch, by the clock of kas. */
  readonly at: number;
  readonly agentId: bigint;
  readonly project: string;
  readonly commit: string;
  readonly outcome: string;
  readonly reason: string;
}

export interface ReportJournalDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Told of each outcome as it is remembered. */
  readonly onOutcome?: (outcome: SyncOutcome) => void;
}

export class ReportJournal {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #syncs;
  readonly #seconds;
  readonly #onOutcome: (outcome: SyncOutcome) => void;
  #events: SyncOutcome[] = [];

  constructor({ clock, log, metrics, onOutcome = () => {} }: ReportJournalDeps) {
    this.#clock = clock;
    this.#onOutcome = onOutcome;
    this.#log = log;
    this.#syncs = metrics.counter({
      name: 'kas_gitops_syncs_total',
      help: 'Ends of synchronisations agents told of, by outcome',
      labelNames: ['outcome'],
    });
    this.#seconds = metrics.histogram({
      name: 'kas_gitops_sync_duration_seconds',
      help: 'From the begin of a synchronisation to its end, by the clock of the agent',
      labelNames: ['outcome'],
      buckets: [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600],
    });
  }

  /** The latest outcomes, newest first. */
  get latest(): readonly SyncOutcome[] {
    return this.#events.slice(-reportLimits.shownEventsMax).reverse();
  }

  /** `seen` is what was known of the project; answers when a line was last written, for the next time. */
  note(agentId: bigint, before: Seen | undefined, view: ProjectView): Seen {
    const now = this.#clock.monotonic();
    const mayLog = before === undefined || now - before.lineAt >= reportLimits.lineMsMin;
    const known = before ?? { lineAt: 0, run: -1, told: '', rejected: '' };
    const said = { agent_id: agentId, project_id: view.project };
    let isTold = false;
    const line = (level: 'info' | 'warn', message: string, fields: LogFields) => {
      isTold ||= mayLog;
      this.#log[mayLog ? level : 'debug'](message, { ...said, ...fields });
    };
    if (view.rejectedCommit !== '' && view.rejectedCommit !== known.rejected) {
      const { rejectedCommit: commit_id, rejectedReason: reason } = view;
      this.#remember({ agentId, project: view.project, commit: commit_id, outcome: 'unreadable', reason });
      line('warn', 'GitOps: manifests cannot be read, the commit before stays in force', {
        commit_id,
        reason,
      });
    }
    const told = this.#outcome(agentId, known, view, line);
    return {
      lineAt: isTold ? now : known.lineAt,
      run: told.run,
      told: told.text,
      rejected: view.rejectedCommit,
    };
  }

  #outcome(
    agentId: bigint,
    known: Seen,
    view: ProjectView,
    line: (level: 'info' | 'warn', message: string, fields: LogFields) => void,
  ): { readonly run: number; readonly text: string } {
    const { phase, run, commit, reason, project } = view;
    if (!outcomes.has(phase) || run === known.run) return { run: known.run, text: known.told };
    this.#syncs.inc({ outcome: phase });
    const lastedMs = Math.max(0, (view.endedAt ?? 0) - (view.startedAt ?? view.endedAt ?? 0));
    this.#seconds.observe(lastedMs / 1_000, { outcome: phase });
    const text = `${phase} ${commit} ${reason}`;
    if (text === known.told || phase === 'cancelled') return { run, text: known.told };
    this.#remember({ agentId, project, commit, outcome: phase, reason });
    const fields = { commit_id: commit, duration_in_ms: lastedMs, ...view.counts };
    const [first] = view.failures;
    if (phase === 'synced') line('info', 'GitOps: synchronized', fields);
    else if (phase === 'held') line('warn', 'GitOps: deletions are held', { ...fields, reason });
    else {
      const why =
        first === undefined ? {} : { object: first.object, cause: first.error, last_event: first.lastEvent };
      line('warn', 'GitOps: synchronization failed', { ...fields, reason, ...why });
    }
    return { run, text };
  }

  #remember(event: Omit<SyncOutcome, 'at'>): void {
    const outcome = { at: this.#clock.now(), ...event };
    this.#onOutcome(outcome);
    this.#events.push(outcome);
    if (this.#events.length > 2 * reportLimits.eventsMax) {
      this.#events = this.#events.slice(-reportLimits.eventsMax);
    }
  }
}

/** What was said of a project so far: the same outcome again is not news. */
export interface Seen {
  readonly lineAt: number;
  readonly run: number;
  readonly told: string;
  readonly rejected: string;
}
