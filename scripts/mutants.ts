// Who would notice? Plants one wrong after the other into the charts, and named bugs into sources, in memory, and asks the
// tests that know them. A wrong that nobody finds must stand in test/mutants/survivors.ts with its reason.
//
//   npm run mutants                          all charts, then all named bugs
//   npm run mutants -- agent-link request    some charts
//   npm run mutants -- bugs                  the named bugs alone
//   --quick                                only the tests of charts, which take no time
//   --seeds N                                first so many simulated worlds; 0 for charts, 20 for named bugs
//   --worlds                                 simulated worlds alone; nobody else is asked, and nothing must be found
//   --only TEXT                              wrongs whose names contain it
//   --out FILE                               what was found, as JSON
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { charts } from '../statecharts/index.ts';
import { mutantsOf } from '../src/testing/index.ts';
import { Courtroom, type Wrong } from '../test/mutants/courtroom.ts';
import { Jury } from '../test/mutants/jury.ts';
import type { Judge } from '../test/mutants/judge.ts';
import { judgesByChart } from '../test/mutants/judges.ts';
import type { NamedBug } from '../test/mutants/named-bug.ts';
import { namedBugs } from '../test/mutants/named-bugs.ts';
import type { SeedsFound } from '../test/mutants/seeds.ts';
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
    seeds: { type: 'string' },
    worlds: { type: 'boolean', default: false },
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
  .map((one) => (values.quick ? { ...one, judges: one.judges.filter(({ quick }) => quick) } : one));
if (cases.length === 0)
  throw new Error(`mutants: nothing is called ${[...positionals, values.only].join(' ')}`);

/** A judge who hangs has found something. */
const courtMsMax = 600_000;

const jury = new Jury();
let court: Courtroom | undefined;
const found: Found[] = [];
/** Judges that hold without a wrong. */
const held = new Set<Judge>();
try {
  for (const { group, id, wrong, judges } of cases) {
    const seeds = Number(values.seeds ?? (group === 'bugs' ? 20 : 0));
    const by = simulated(wrong, seeds) ?? (values.worlds ? undefined : await judged(wrong, judges)) ?? '';
    const excused = survivors[group]?.[id];
    found.push({ group, id, by, excused });
    const sight = by !== '' ? 'found   ' : excused === undefined ? 'SURVIVES' : 'excused ';
    console.log(`${sight} ${group}: ${id}${by !== '' ? ` (${by})` : ''}`);
  }
} finally {
  await jury.close();
  await court?.close();
}
report();

/** Asks one judge after the other until one finds the wrong; answers by what. */
async function judged(wrong: Wrong, judges: readonly Judge[]): Promise<string | undefined> {
  for (const judge of judges) {
    const by = await asked(wrong, judge);
    if (by === undefined) continue;
    await mustHold(judge);
    return by;
  }
  return undefined;
}

async function asked(wrong: Wrong | undefined, judge: Judge): Promise<string | undefined> {
  const { files } = judge;
  if (wrong?.kind === 'source') return askedOfBug(wrong.bug, judge);
  if (judge.quick === true) return (await jury.ask({ wrong, files })).by;
  return (court ??= await Courtroom.open()).ask(judge, wrong);
}

/** A source with a bug in it is read once: each bug has a jury and a court of its own. */
async function askedOfBug(bug: NamedBug, judge: Judge): Promise<string | undefined> {
  if (judge.quick === true) {
    const itsJury = new Jury(bug);
    const { by } = await itsJury.ask({ wrong: undefined, files: judge.files });
    await itsJury.close();
    return by;
  }
  const said = lastLineOf('court-of-bug.ts', [bug.id, String(bug.judges.indexOf(judge))], courtMsMax);
  return said === undefined ? 'the tests do not run' : (JSON.parse(said) as { by?: string }).by;
}

/** What a program of the mutants says last, when that is JSON. */
function lastLineOf(file: string, args: readonly string[], timeout: number): string | undefined {
  const program = fileURLToPath(new URL(`../test/mutants/${file}`, import.meta.url));
  const { stdout } = spawnSync(process.execPath, [program, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout,
  });
  const last = stdout.trim().split('\n').at(-1);
  return last?.startsWith('{') === true ? last : undefined;
}

/** What a judge finds counts when it finds nothing without a wrong. */
async function mustHold(judge: Judge): Promise<void> {
  if (held.has(judge)) return;
  const by = await asked(undefined, judge);
  if (by !== undefined)
    throw new Error(`mutants: tests must hold without a wrong, but this one fails: ${by}`);
  held.add(judge);
}

/** What simulated worlds make of it, in a process of their own. */
function simulated(wrong: Wrong, seeds: number): string | undefined {
  if (seeds === 0) return undefined;
  const last = lastLineOf('seeds.ts', [JSON.stringify({ seeds, wrong })], seeds * 60_000);
  if (last === undefined) return 'the simulation does not run';
  const { seed, invariant } = JSON.parse(last) as SeedsFound;
  return seed === undefined ? undefined : `seed ${seed}: ${invariant}`;
}

function report(): void {
  console.log('\ngroup                  wrongs  found  score');
  let bad = 0;
  const bySeeds = found.filter(({ by }) => /^seed \d+:/.test(by)).length;
  for (const group of new Set(found.map((one) => one.group))) {
    const all = found.filter((one) => one.group === group);
    const caught = all.filter(({ by }) => by !== '');
    const score = ((100 * caught.length) / all.length).toFixed(1);
    console.log(
      `${group.padEnd(22)} ${String(all.length).padStart(6)} ${String(caught.length).padStart(6)} ${score.padStart(5)} %`,
    );
    bad += all.filter(({ by, excused }) => by === '' && excused === undefined).length;
  }
  if (bySeeds > 0) console.log(`\nby simulated worlds: ${bySeeds} of ${found.length}`);
  if (values.out !== undefined) writeFileSync(values.out, JSON.stringify(found, null, 1));
  if (bad > 0 && !values.worlds) {
    console.error(`\nmutants: ${bad} survive without a reason in test/mutants/survivors.ts`);
    process.exitCode = 1;
  }
}
