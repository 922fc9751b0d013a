/**
 * Runs tests over wrongs, one wrong at a time. Wrongs of charts are planted in the worker (`plant.ts`) of one vitest that
 * stays, so what was read once is not read again; a bug in a source is put in as the source is read, in a vitest of its own.
 */
import { fileURLToPath } from 'node:url';
import { createVitest, type Vitest } from 'vitest/node';
import type { Judge } from './judge.ts';
import { withBug, type NamedBug } from './named-bug.ts';

export interface ChartWrong {
  readonly chart: string;
  readonly id: string;
}

export type Wrong =
  | ({ readonly kind: 'chart' } & ChartWrong)
  | { readonly kind: 'source'; readonly bug: NamedBug };

const root = fileURLToPath(new URL('../../', import.meta.url));

export class Courtroom {
  readonly #vitest: Vitest;

  private constructor(vitest: Vitest) {
    this.#vitest = vitest;
  }

  /** With a bug, all that is asked here is about it. */
  static async open(bug?: NamedBug): Promise<Courtroom> {
    const planted = {
      name: 'planted-bug',
      enforce: 'pre' as const,
      transform: (code: string, id: string) =>
        bug !== undefined && id === root + bug.file ? withBug(code, bug) : undefined,
    };
    const vitest = await createVitest(
      'test',
      {
        root,
        watch: false,
        bail: 1,
        fsModuleCache: false, // it would keep a source with its bug
        reporters: [{}],
        maxWorkers: 1,
        testTimeout: 60_000,
        setupFiles: ['test/mutants/plant.ts'],
        onConsoleLog: () => false,
      },
      { plugins: [planted] },
    );
    return new Courtroom(vitest);
  }

  /** The name of a test that fails, with this wrong in its chart; undefined when all hold. */
  async ask(judge: Judge, wrong?: ChartWrong): Promise<string | undefined> {
    this.#vitest.provide('wrong', wrong && { chart: wrong.chart, id: wrong.id });
    return this.#failing(judge);
  }

  async close(): Promise<void> {
    await this.#vitest.close();
  }

  async #failing({ files, named }: Judge): Promise<string | undefined> {
    if (named === undefined) this.#vitest.resetGlobalTestNamePattern();
    else this.#vitest.setGlobalTestNamePattern(named);
    const specifications = await this.#vitest.globTestSpecifications([...files]);
    if (specifications.length === 0) throw new Error(`no tests in ${files.join(', ')}`);
    // What failed in earlier runs would count towards the bail.
    this.#vitest.state.filesMap.clear();
    this.#vitest.state.idMap.clear();
    const { testModules, unhandledErrors } = await this.#vitest.runTestSpecifications(specifications);
    const asked = new Set(specifications.map(({ moduleId }) => moduleId));
    for (const testModule of testModules) {
      if (!asked.has(testModule.moduleId)) continue; // of an earlier run
      for (const test of testModule.children.allTests('failed')) return test.fullName;
      if (!testModule.ok()) return testModule.relativeModuleId;
    }
    return unhandledErrors.length > 0 ? 'an error that nobody caught' : undefined;
  }
}
