/**
 * What kas was told and what is news to it, over all projects.
 *
 * B1. A project is news until a report with it was taken; what changes meanwhile is news again.
 * B2. One message is bounded in bytes; what does not fit goes with the next.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { ProjectStateSchema, ReportRequestSchema, type ReportRequest } from '../../protocol/index.ts';
import type { Clock } from '../../ports/index.ts';
import { reportLimits } from './limits.ts';
import { ProjectLedger } from './project-ledger.ts';
import type { ReportedProject } from './sync-reporter.ts';

/** One message, and the projects in it. */
export interface Batch {
  readonly request: ReportRequest;
  readonly ids: readonly string[];
}

export class ReportBook {
  /** Told when there is something to tell and was not before. */
  onNews: () => void = () => {};
  readonly #clock: Clock;
  readonly #reporterId: bigint;
  readonly #ledgers = new Map<string, ProjectLedger>();
  readonly #news = new Set<string>();
  /** Other projects than kas was told last. */
  #isOtherSet = false;
  #sequence = 0n;

  constructor(clock: Clock, reporterId: bigint) {
    this.#clock = clock;
    this.#reporterId = reporterId;
  }

  get hasNews(): boolean {
    return this.#isOtherSet || this.#news.size > 0;
  }

  follow(projects: readonly ReportedProject[]): void {
    const wanted = new Set(projects.map(({ id }) => id));
    for (const id of this.#ledgers.keys()) if (!wanted.has(id)) this.#forget(id);
    for (const id of wanted) if (!this.#ledgers.has(id)) this.#open(id);
  }

  /** Undefined when the project is not followed: a run that is being stopped still says something. */
  ledger(id: string): ProjectLedger | undefined {
    return this.#ledgers.get(id);
  }

  changed(id: string): void {
    if (this.#ledgers.has(id)) this.#tell(() => this.#news.add(id));
  }

  /** The kas behind a new connection knows nothing. */
  everythingIsNews(): void {
    for (const id of this.#ledgers.keys()) this.#news.add(id);
    this.#isOtherSet = this.#ledgers.size > 0;
  }

  /** Takes news for one message; undefined when there is nothing to tell. */
  take(): Batch | undefined {
    if (!this.hasNews) return undefined;
    const changed = [];
    let bytes = 0;
    for (const id of this.#news) {
      const state = this.#ledgers.get(id)?.state();
      if (state === undefined) continue;
      bytes += toBinary(ProjectStateSchema, state).length;
      if (bytes > reportLimits.messageBytesMax && changed.length > 0) break; // B2
      changed.push(state);
    }
    const ids = changed.map(({ projectId }) => projectId);
    for (const id of ids) this.#news.delete(id);
    this.#isOtherSet = false;
    const request = create(ReportRequestSchema, {
      reporterId: this.#reporterId,
      sequence: (this.#sequence += 1n),
      projectIds: [...this.#ledgers.keys()],
      changed,
    });
    return { request, ids };
  }

  /** A batch was not taken by kas: it is news again (B1). */
  putBack({ ids }: Batch): void {
    for (const id of ids) if (this.#ledgers.has(id)) this.#news.add(id);
    this.#isOtherSet = true;
  }

  #open(id: string): void {
    if (this.#ledgers.size >= reportLimits.projectsMax) return;
    this.#tell(() => {
      this.#ledgers.set(id, new ProjectLedger(id, this.#clock));
      this.#isOtherSet = true;
      this.#news.add(id);
    });
  }

  #forget(id: string): void {
    this.#tell(() => {
      this.#ledgers.delete(id);
      this.#news.delete(id);
      this.#isOtherSet = true;
    });
  }

  #tell(change: () => void): void {
    const had = this.hasNews;
    change();
    if (!had && this.hasNews) this.onNews();
  }
}
