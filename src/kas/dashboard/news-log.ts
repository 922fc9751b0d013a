/**
 * What happened of late, as people ask for it: agents that changed their condition, ends of manifest projects, and what went
 * wrong under supervisors. Numbered from 1, so that a reader who comes back knows whether it missed something.
 *
 * N1. At most `newsMax` are kept; the oldest leave first, and the numbers tell how many did.
 * N2. Peers GitLab did not name are news when something comes of them, not with every try: a flood of bad tokens is no
 *     flood of news.
 */
import type { SupervisorReport } from '../../supervisor/index.ts';
import { shown } from './agent-condition.ts';
import type { Row } from './fleet.ts';
import { dashboardLimits } from './limits.ts';
import { isNews } from './supervisors-view.ts';
import type { NewsLine, NewsView } from './wire.ts';

/** The end of a run of a manifest project. */
export interface Outcome {
  readonly at: number;
  readonly agentId: bigint;
  readonly project: string;
  readonly commit: string;
  readonly outcome: string;
  readonly reason: string;
}

export interface NewsQuery {
  /** Only what has a higher number. */
  readonly after: number;
  /** Only what happened then or later; milliseconds since the epoch. */
  readonly since: number;
  /** Only of this agent; undefined for all. */
  readonly key: string | undefined;
}

type Unnumbered = Omit<NewsLine, 'sequence'>;

export class NewsLog {
  /** Tells the numbers of this life of kas from those of an earlier one. */
  readonly epoch: number;
  readonly #nameOf: (key: string) => string;
  readonly #lines: NewsLine[] = [];
  /** What was last said of a row. */
  readonly #said = new WeakMap<Row, string>();
  #newest = 0;

  constructor(epoch: number, nameOf: (key: string) => string) {
    this.epoch = epoch;
    this.#nameOf = nameOf;
  }

  get newest(): number {
    return this.#newest;
  }

  /** The number of the oldest that is kept; one more than the newest when there is none. */
  get oldest(): number {
    return this.#newest - Math.min(this.#lines.length, dashboardLimits.newsMax) + 1;
  }

  agentChanged(row: Row, before: string, at: number): void {
    const { condition, reason } = row.condition;
    const isStranger = row.hosts.length > 0;
    if (isStranger && condition === 'connecting') return; // N2
    const said = `${condition} ${reason}`;
    if (this.#said.get(row) === said) return;
    this.#said.set(row, said);
    const { key } = row;
    this.#add({
      at,
      kind: 'agent',
      key,
      name: this.#nameOf(key),
      from: before,
      to: condition,
      about: '',
      reason: shown(reason),
    });
  }

  projectEnded({ at, agentId, project, commit, outcome, reason }: Outcome): void {
    const key = String(agentId);
    this.#add({
      at,
      kind: 'project',
      key,
      name: this.#nameOf(key),
      from: shown(commit),
      to: outcome,
      about: shown(project),
      reason: shown(reason),
    });
  }

  supervisorSaid(report: SupervisorReport): void {
    if (!isNews(report)) return;
    const { at, kind, supervisor, childId = '', reason } = report;
    this.#add({
      at,
      kind: 'supervisor',
      key: '',
      name: childId,
      from: '',
      to: kind,
      about: supervisor,
      reason: shown(reason),
    });
  }

  view({ after, since, key }: NewsQuery, now: number): NewsView {
    const { epoch, oldest, newest } = this;
    return { now, epoch, oldest, newest, news: this.after({ after, since, key }, this.#lines.length) };
  }

  /** Oldest first, at most so many. */
  after({ after, since, key }: NewsQuery, limit: number): readonly NewsLine[] {
    const first = Math.max(after + 1, this.oldest);
    const start = this.#lines.length - (this.#newest - first + 1);
    const found: NewsLine[] = [];
    for (let index = Math.max(0, start); index < this.#lines.length && found.length < limit; index++) {
      const line = this.#lines[index];
      if (line !== undefined && line.at >= since && (key === undefined || line.key === key)) found.push(line);
    }
    return found;
  }

  #add(line: Unnumbered): void {
    this.#lines.push({ sequence: ++this.#newest, ...line });
    // N1; in one go, because shifting a long list costs with every line.
    if (this.#lines.length > 2 * dashboardLimits.newsMax) {
      this.#lines.splice(0, this.#lines.length - dashboardLimits.newsMax);
    }
  }
}
