/**
 * `kastor simulate --level 2`: kas and agentk over real node:http2, or our gRPC against grpc-js, on simulated TCP. A failure
 * is told as seed, broken invariant, plan and the last lines of its trace; the whole run is written to a file that runs
 * again (`--replay`).
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import {
  isBugName,
  namedBugs,
  runWire,
  sightings,
  wireStoryOf,
  type BugName,
  type WireOutcome,
  type WireRuns,
} from '../sim/wire/index.ts';
import { Trouble } from './remote/trouble.ts';
import {
  bar,
  endProgress,
  sameText,
  seedsOf,
  showProgress,
  threadsOf,
  type SimulateOptions,
} from './seeds.ts';

const seedsDefault = 30;
const linesShown = 40;
const ofLevel1 = ['faults', 'agents', 'kas', 'gitops', 'until'] as const;

/** Answers the exit code: 1 when something failed. */
export async function simulateWire(options: SimulateOptions): Promise<number> {
  const foreign = ofLevel1.find((name) => options[name] !== undefined);
  if (foreign !== undefined)
    throw new Trouble('usage', `--${foreign} is of level 1: a plan of level 2 is its seed`);
  const bug = bugOf(options);
  const scenario = scenarioOf(options, bug);
  const seeds = seedsOf(options, seedsDefault);
  const startedMs = performance.now();
  const outcomes = await runAll({ scenario, bug, seeds }, threadsOf(options));
  process.stdout.write(summary(outcomes, scenario, performance.now() - startedMs));
  const failed = outcomes.filter(({ failure }) => failure !== undefined);
  for (const { seed, failure } of failed) {
    process.stdout.write(`✗ seed ${seed}: ${failure?.id}: ${failure?.text.split('\n')[0]}\n`);
  }
  const [worst] = failed;
  const [told] = outcomes.length === 1 ? outcomes : failed;
  if (told === undefined) return 0;
  const whole =
    outcomes.length === 1 ? told : await runOne({ scenario, bug, seeds: [told.seed], wholeTrace: true });
  process.stdout.write(`${planText(whole)}\n${verdictText(whole)}`);
  const about = `seed ${told.seed} of level 2`;
  if (options.trace !== undefined) await write(options.trace, about, whole, bug);
  if (worst === undefined) return 0;
  await write(options.output.replaceAll('SEED', String(worst.seed)), about, whole, bug);
  return 1;
}

/** Runs the plan of a story again. */
export async function replayWire(
  file: string,
  story: { readonly plan: WireOutcome['plan']; readonly bug?: BugName; readonly hash: string },
  trace: string | undefined,
): Promise<number> {
  const { plan, bug, hash } = story;
  const outcome = await runOne({ bug, seeds: [], plans: [plan], wholeTrace: true });
  process.stdout.write(`${planText(outcome)}\n${verdictText(outcome)}`);
  if (trace !== undefined) await write(trace, file, outcome, bug);
  process.stdout.write(sameText(hash, outcome.hash));
  return outcome.failure === undefined ? 0 : 1;
}

function bugOf({ bug }: SimulateOptions): BugName | undefined {
  if (bug === undefined || isBugName(bug)) return bug;
  throw new Trouble(
    'usage',
    `there is no bug called ${bug}; there are: ${Object.keys(namedBugs).join(', ')}`,
  );
}

function scenarioOf({ calls }: SimulateOptions, bug: BugName | undefined): 'programs' | 'calls' {
  const asked = calls === true ? 'calls' : 'programs';
  if (bug === undefined) return asked;
  const { scenario } = namedBugs[bug];
  if (calls === true && scenario !== 'calls')
    throw new Trouble('usage', `the bug "${bug}" is one of kas and agentk: leave out --calls`);
  return scenario;
}

/** Over several threads; the outcomes in the order of their seeds. */
async function runAll(runs: WireRuns, threads = availableParallelism()): Promise<readonly WireOutcome[]> {
  const { seeds } = runs;
  const outcomes: WireOutcome[] = [];
  const hands = Math.min(threads, seeds.length);
  const one = async (hand: number) => {
    const own = seeds.filter((_, index) => index % hands === hand);
    for await (const outcome of runWire({ ...runs, seeds: own, wholeTrace: seeds.length === 1 })) {
      outcomes.push(outcome);
      showProgress(bar(outcomes.length, seeds.length));
    }
  };
  await Promise.all(Array.from({ length: hands }, (_, hand) => one(hand)));
  endProgress();
  return outcomes.sort((a, b) => a.seed - b.seed);
}

async function runOne(runs: WireRuns): Promise<WireOutcome> {
  for await (const outcome of runWire(runs)) return outcome;
  throw new Error('simulate: a run without an outcome');
}

async function write(
  file: string,
  about: string,
  outcome: WireOutcome,
  bug: BugName | undefined,
): Promise<void> {
  await writeFile(file, `${JSON.stringify(wireStoryOf(about, outcome, bug), undefined, 1)}\n`);
  process.stdout.write(
    `written to ${file}; look at it on the Replay page of the dashboard, or run it again: kastor simulate --replay ${file}\n`,
  );
}

function verdictText({ failure, hash, lines, steps, simulatedMs }: WireOutcome): string {
  const last = lines.slice(-linesShown).join('\n');
  const verdict =
    failure === undefined
      ? `✓ all invariants held: ${steps} steps, ${Math.round(simulatedMs / 1000)} s simulated, trace ${hash}`
      : `✗ ${failure.id}: ${failure.text}`;
  return `${last}\n${verdict}\n`;
}

function planText({ plan }: WireOutcome): string {
  const { seed, weather, stormMs, faults } = plan;
  const what =
    'calls' in plan
      ? `${plan.calls.length} calls, the ${plan.grpcJs} is grpc-js`
      : `${plan.agents} agents, ${plan.clients} users, ${plan.requests.length} requests`;
  const lines = faults.map((fault) => `  ${JSON.stringify(fault)}`);
  return [`seed ${seed}: ${weather} for ${Math.round(stormMs / 1000)} s, ${what}`, ...lines].join('\n');
}

function summary(outcomes: readonly WireOutcome[], scenario: string, tookMs: number): string {
  const endings = new Map<string, number>();
  const sighted = new Set<string>();
  for (const outcome of outcomes) {
    for (const [how, count] of Object.entries(outcome.endings))
      endings.set(how, (endings.get(how) ?? 0) + count);
    for (const sighting of outcome.sighted) sighted.add(sighting);
  }
  const simulatedS = outcomes.reduce((sum, { simulatedMs }) => sum + simulatedMs, 0) / 1_000;
  const steps = outcomes.reduce((sum, outcome) => sum + outcome.steps, 0);
  const never = scenario === 'calls' ? [] : Object.keys(sightings).filter((name) => !sighted.has(name));
  const lines = [
    `${outcomes.length} seeds, ${outcomes.filter(({ failure }) => failure !== undefined).length} failed`,
    `${(simulatedS / 3_600).toFixed(1)} h simulated in ${(tookMs / 1000).toFixed(1)} s, ${steps} steps`,
    '',
    ...[...endings]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([how, count]) => `  ${String(count).padStart(8)}  ${how}`),
    ...(never.length === 0 ? [] : [`  what never came: ${never.join(', ')}`]),
  ];
  return `${lines.join('\n')}\n`;
}
