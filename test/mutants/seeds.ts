/**
 * Runs simulated worlds with a wrong in them, seed after seed, until an invariant is broken. It runs in a process of its
 * own, because a source with a bug in it is read once in a life:
 *
 *   node test/mutants/seeds.ts '{"seeds":200,"wrong":{...}}'
 *
 * (from seed 1 on, or from `from` to `seeds`) and says on its last line what it found.
 */
import type { Wrong } from './courtroom.ts';
import { readWithBug } from './read-with-bug.ts';

interface Task {
  readonly from?: number;
  readonly seeds: number;
  readonly wrong: Wrong | undefined;
}

/** What a run of seeds found. */
export interface SeedsFound {
  /** The first seed that fails; undefined when none did. */
  readonly seed: number | undefined;
  readonly invariant: string;
  readonly text: string;
}

const { from = 1, seeds, wrong } = JSON.parse(process.argv[2] ?? '{}') as Task;

if (wrong?.kind === 'source') readWithBug(wrong.bug);

const { charts } = await import('../../statecharts/index.ts');
const { drawPlan, mutantsOf, simulate } = await import('../../src/testing/index.ts');

if (wrong?.kind === 'chart') {
  const machine = charts.find(({ name }) => name === wrong.chart)?.machine;
  const mutant = machine && mutantsOf(machine).find(({ id }) => id === wrong.id);
  if (mutant === undefined) throw new Error(`${wrong.chart} has no wrong ${wrong.id}`);
  mutant.plant();
}

async function search(): Promise<SeedsFound> {
  for (let seed = from; seed <= seeds; seed++) {
    try {
      const { failure } = await simulate(drawPlan(seed));
      if (failure !== undefined) return { seed, invariant: failure.id, text: failure.text };
    } catch (error) {
      return { seed, invariant: 'a run comes to its end', text: String(error) };
    }
  }
  return { seed: undefined, invariant: '', text: '' };
}

/** Says it and ends, whatever still runs. */
function tell(found: SeedsFound): void {
  process.stdout.write(`${JSON.stringify(found)}\n`, () => process.exit());
}

process.on('uncaughtException', (error) =>
  tell({ seed: 0, invariant: 'no error that nobody catches', text: String(error) }),
);
tell(await search());
