// Who would notice? Plants one wrong after the other into the charts, and named bugs into sources, in memory, and asks the
// tests that know them. A wrong that nobody finds must stand in test/mutants/survivors.ts with its reason.
//
//   npm run mutants                          all charts, then all named bugs
//   npm run mutants -- agent-link request    some charts
//   npm run mutants -- bugs                  the named bugs alone
//   --quick                                only the first judge of each, which takes no time
//   --only TEXT                              wrongs whose names contain it
//   --out FILE                               what was found, as JSON
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { charts } from '../statecharts/index.ts';
import { mutantsOf } from '../src/testing/index.ts';
import { Courtroom, type Wrong } from '../test/mutants/courtroom.ts';
import { judgesByChart, type Judge } from '../test/mutants/judges.ts';
import { namedBugs } from '../test/mutants/named-bugs.ts';
import { survivors } from '../test/mutants/survivors.ts';

interface Case {
  readonly group: string;
  readonly id: string;
  readonly wrong: Wrong;
  readonly judges: readonly Judge[];
}
interface Found extends Omit<Case, 'wrong' | 'judges'> {
  readonly by: string;
  readonly excused: string | undefined;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    out: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});

const ofCharts: Case[] = Object.entries(judgesByChart).flatMap(([chart, judges]) => {
  const machine = charts.find(({ name }) => name === chart)?.machine;
  if (machine === undefined) throw new Error(`mutants: there is no chart ${chart}`);
  return mutantsOf(machine).map(({ id }) => ({
    group: chart,
    id,
    wrong: { kind: 'chart' as const, chart, id },
    judges,
  }));
});
const ofSources: Case[] = namedBugs.map((bug) => ({
  group: 'bugs',
  id: bug.id,
  wrong: { kind: 'source', bug },
  judges: bug.judges,
}));
const cases = [...ofCharts, ...ofSources]
  .filter(
    ({ group, id }) => (positionals.length === 0 || positionals.includes(group)) && id.includes(values.only),
  )
  .map((one) => (values.quick ? { ...one, judges: one.judges.slice(0, 1) } : one));
if (cases.length === 0)
  throw new Error(`mutants: nothing is called ${[...positionals, values.only].join(' ')}`);

const court = await Courtroom.open();
const found: Found[] = [];
try {
  const judges = new Set(cases.flatMap((one) => one.judges));
  const { found: broken, by } = await court.judge(undefined, [...judges]);
  if (broken) throw new Error(`mutants: the tests must hold without a wrong, but this fails: ${by}`);
  for (const { group, id, wrong, judges: asked } of cases) {
    const verdict = await court.judge(wrong, asked);
    const excused = survivors[group]?.[id];
    found.push({ group, id, by: verdict.by, excused });
    const sight = verdict.found ? 'found   ' : excused === undefined ? 'SURVIVES' : 'excused ';
    console.log(`${sight} ${group}: ${id}${verdict.found ? ` (${verdict.by})` : ''}`);
  }
} finally {
  await court.close();
}
report();

function report(): void {
  console.log('\ngroup                  wrongs  found  score');
  let bad = 0;
  for (const group of new Set(found.map((one) => one.group))) {
    const all = found.filter((one) => one.group === group);
    const caught = all.filter(({ by }) => by !== '');
    const score = ((100 * caught.length) / all.length).toFixed(1);
    console.log(
      `${group.padEnd(22)} ${String(all.length).padStart(6)} ${String(caught.length).padStart(6)} ${score.padStart(5)} %`,
    );
    bad += all.filter(({ by, excused }) => by === '' && excused === undefined).length;
  }
  if (values.out !== undefined) writeFileSync(values.out, JSON.stringify(found, null, 1));
  if (bad > 0) {
    console.error(`\nmutants: ${bad} survive without a reason in test/mutants/survivors.ts`);
    process.exitCode = 1;
  }
}
