/**
 * Runs judges over wrongs, one wrong at a time, in one vitest that stays: what was read once is not read again. A wrong
 * is in memory alone: planted into a chart of the worker (`plant.ts`), or put into a source as it is read.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createVitest, type Vitest } from 'vitest/node';
import type { Judge } from './judges.ts';
import type { NamedBug } from './named-bugs.ts';

export type Wrong =
  | { readonly kind: 'chart'; readonly chart: string; readonly id: string }
  | { readonly kind: 'source'; readonly bug: NamedBug };

/** What a judge said, with the name of a test that failed. */
export interface Verdict {
  readonly found: boolean;
  readonly by: string;
}

const root = fileURLToPath(new URL('../../', import.meta.url));

export class Courtroom {
  readonly #vitest: Vitest;
  readonly #planted: { bug: NamedBug | undefined };

  private constructor(vitest: Vitest, planted: { bug: NamedBug | undefined }) {
    this.#vitest = vitest;
    this.#planted = planted;
  }

  static async open(): Promise<Courtroom> {
    const planted: { bug: NamedBug | undefined } = { bug: undefined };
    const vitest = await createVitest(
      'test',
      {
        root,
        watch: false,
        bail: 1,
        reporters: [{}],
        maxWorkers: 1,
        testTimeout: 60_000,
        setupFiles: ['test/mutants/plant.ts'],
        onConsoleLog: () => false,
      },
      {
        plugins: [
          {
            name: 'planted-bug',
            enforce: 'pre',
            transform: (code, id) => {
              const { bug } = planted;
              return bug !== undefined && id === root + bug.file ? withBug(code, bug) : undefined;
            },
          },
        ],
      },
    );
    return new Courtroom(vitest, planted);
  }

  /** Asks one judge after the other until one finds the wrong; a judge must hold without one. */
  async judge(wrong: Wrong | undefined, judges: readonly Judge[]): Promise<Verdict> {
    this.#vitest.provide('wrong', wrong?.kind === 'chart' ? { chart: wrong.chart, id: wrong.id } : undefined);
    this.#plant(wrong?.kind === 'source' ? wrong.bug : undefined);
    try {
      for (const judge of judges) {
        const by = await this.#ask(judge);
        if (by !== undefined) return { found: true, by };
      }
      return { found: false, by: '' };
    } finally {
      this.#plant(undefined);
    }
  }

  async close(): Promise<void> {
    await this.#vitest.close();
  }

  #plant(bug: NamedBug | undefined): void {
    const before = this.#planted.bug;
    this.#planted.bug = bug;
    for (const one of [before, bug]) if (one !== undefined) this.#vitest.invalidateFile(root + one.file);
  }

  /** The name of what failed. */
  async #ask({ files, named }: Judge): Promise<string | undefined> {
    if (named === undefined) this.#vitest.resetGlobalTestNamePattern();
    else this.#vitest.setGlobalTestNamePattern(named);
    const specifications = await this.#vitest.globTestSpecifications([...files]);
    if (specifications.length === 0) throw new Error(`no tests in ${files.join(', ')}`);
    const { testModules, unhandledErrors } = await this.#vitest.runTestSpecifications(specifications);
    for (const testModule of testModules) {
      for (const test of testModule.children.allTests('failed')) return test.fullName;
      if (!testModule.ok()) return testModule.relativeModuleId;
    }
    return unhandledErrors.length > 0 ? 'an error that nobody caught' : undefined;
  }
}

export function withBug(code: string, { id, from, to }: NamedBug): string {
  const parts = code.split(from);
  if (parts.length !== 2) throw new Error(`${id}: its place is there ${parts.length - 1} times`);
  return parts.join(to);
}

export const sourceOf = (bug: NamedBug) => readFileSync(root + bug.file, 'utf8');
