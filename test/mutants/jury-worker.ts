/**
 * The jury's thread: plants a wrong, runs the tests it was given until one fails, takes the wrong out. A bug in a source is there
 * for as long as the thread, which reads the source with it.
 */
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { Collected } from './mini-vitest.ts';
import type { NamedBug } from './named-bug.ts';
import { readWithBug } from './read-with-bug.ts';

export interface Question {
  readonly wrong: { readonly chart: string; readonly id: string } | undefined;
  readonly files: readonly string[];
}
/** The name of a test that failed. */
export interface Finding {
  readonly by: string | undefined;
}

const root = new URL('../../', import.meta.url);
const miniature = new URL('mini-vitest.ts', import.meta.url).href;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'vitest' ? { url: miniature, shortCircuit: true } : next(specifier, context),
});

const { bug } = workerData as { readonly bug: NamedBug | undefined };
if (bug !== undefined) readWithBug(bug);

const { charts } = await import('../../statecharts/index.ts');
const { mutantsOf } = await import('../../src/testing/mutants.ts');
const { takeCollected } = await import('./mini-vitest.ts');
const byFile = new Map<string, readonly Collected[]>();

async function testsOf(file: string): Promise<readonly Collected[]> {
  let known = byFile.get(file);
  if (known === undefined) {
    await import(new URL(file, root).href);
    byFile.set(file, (known = takeCollected()));
    if (known.length === 0) throw new Error(`no tests in ${file}`);
  }
  return known;
}

function plant({ chart, id }: { readonly chart: string; readonly id: string }): () => void {
  const machine = charts.find(({ name }) => name === chart)?.machine;
  const mutant = machine && mutantsOf(machine).find((one) => one.id === id);
  if (mutant === undefined) throw new Error(`${chart} has no wrong ${id}`);
  return mutant.plant();
}

async function judge({ wrong, files }: Question): Promise<Finding> {
  const tests = (await Promise.all(files.map((file) => testsOf(file)))).flat();
  const takeOut = wrong === undefined ? () => {} : plant(wrong);
  try {
    for (const { name, run } of tests) {
      try {
        await run();
      } catch {
        return { by: name };
      }
    }
    return { by: undefined };
  } finally {
    takeOut();
  }
}

parentPort?.on('message', (question: Question) => {
  void judge(question).then((finding) => parentPort?.postMessage(finding));
});
