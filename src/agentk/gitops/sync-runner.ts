/** The synchronisations of one manifest project, one at a time; who starts them, and again, is a chart's business. */
import { SyncRun, type RunDeps, type RunOptions } from './sync-run.ts';
import type { ManagedObject } from './managed-object.ts';
import type { SyncInput, SyncResult } from './sync.ts';

export type SyncRunnerDeps = Omit<RunDeps, 'isNews' | 'known'>;

/** Warnings that are remembered, so that they are said once per commit; more are said each time. */
const warningsMax = 10_000;

export class SyncRunner {
  readonly #deps: SyncRunnerDeps;
  readonly #warned = new Set<string>();
  #commitId = '';
  #runs = 0;
  #managed: readonly ManagedObject[] = [];

  constructor(deps: SyncRunnerDeps) {
    this.#deps = deps;
  }

  /** What the last run that came to its end applied: what a {@link DriftWatch} has to look at. */
  get managed(): readonly ManagedObject[] {
    return this.#managed;
  }

  /** Runs once. Ends, with an outcome, soon after the signal aborts; throws nothing but bugs. */
  async run(input: SyncInput, options: RunOptions): Promise<SyncResult> {
    if (input.commitId !== this.#commitId) this.#warned.clear();
    this.#commitId = input.commitId;
    this.#runs += 1;
    const name = `${this.#deps.name}:run-${this.#runs}`;
    const known = new Map(this.#managed.map((each) => [each.key, each]));
    const isNews = (warning: string) => this.#isNews(warning);
    const run = new SyncRun({ ...this.#deps, name, isNews, known }, input, options);
    const result = await run.go();
    if (result.kind !== 'cancelled' && run.managed.length > 0) this.#managed = run.managed;
    return result;
  }

  #isNews(warning: string): boolean {
    if (this.#warned.has(warning)) return false;
    if (this.#warned.size < warningsMax) this.#warned.add(warning);
    return true;
  }
}
