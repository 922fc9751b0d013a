/**
 * `kastor simulate`: kas and agentk through seeds full of faults, on a virtual clock. A failure is told as seed, broken
 * invariant, shrunk plan and the last lines of its trace, and written to a file that runs again (`--replay`).
 */
import { readFile, writeFile } from 'node:fs/promises';
import {
  drawPlan,
  edgesTaken,
  faultKinds,
  invariants,
  readStory,
  runSeeds,
  shrink,
  simulate,
  storyOf,
  traceFileOf,
  type FaultKind,
  type Outcome,
  type Plan,
  type PlanOptions,
  type SeedResult,
} from '../sim/world/index.ts';
import { traceText } from '../sim/kernel/index.ts';
import { isWireStory, readWireStory } from '../sim/wire/index.ts';
import { Trouble } from './remote/trouble.ts';
import {
  bar,
  endProgress,
  number,
  sameText,
  seedsOf,
  showProgress,
  threadsOf,
  type SimulateOptions,
} from './seeds.ts';
import { replayWire, simulateWire } from './simulate-wire.ts';

const shrinkRunsMax = 400;
const neverShown = 8;
const seedsDefault = 100;

/** Answers the exit code: 1 when something failed. */
export async function runSimulate(options: SimulateOptions): Promise<number> {
  if (options.replay !== undefined) return replay(options.replay, options);
  if (options.trace !== undefined && options.seed === undefined)
    throw new Trouble('usage', '--trace is of one run: give --seed or --replay as well');
  if (options.level === '2') return simulateWire(options);
  if (options.level !== '1') throw new Trouble('usage', `--level: 1 or 2 is wanted, not ${options.level}`);
  if (options.bug !== undefined || options.calls === true)
    throw new Trouble('usage', '--bug and --calls are of level 2: give --level 2 as well');
  const planned = planOptions(options);
  const seeds = seedsOf(options, seedsDefault);
  const [first = 1] = seeds;
  if (seeds.length === 1) process.stdout.write(`${planText(drawPlan(first, planned))}\n`);
  const startedMs = performance.now();
  const failed: SeedResult[] = [];
  const threads = threadsOf(options);
  const results = await runSeeds({
    seeds,
    options: planned,
    ...(threads === undefined ? {} : { threads }),
    onResult: (result, done) => {
      if (result.failure !== undefined) failed.push(result);
      showProgress(bar(done, seeds.length));
    },
  });
  endProgress();
  process.stdout.write(summary(results, performance.now() - startedMs));
  if (options.trace !== undefined) {
    const plan = drawPlan(first, planned);
    const outcome = await simulate(plan, { keepTrace: true });
    await writeTrace(options.trace, `seed ${first}`, plan, outcome);
  }
  const [worst] = failed.toSorted((a, b) => a.seed - b.seed);
  if (worst === undefined) return 0;
  for (const { seed, failure } of failed) {
    process.stdout.write(`✗ seed ${seed}: ${failure?.id}: ${failure?.text.split('\n')[0]}\n`);
  }
  await tell(drawPlan(worst.seed, planned), options);
  return 1;
}

function planOptions({ agents, kas, faults, gitops, until }: SimulateOptions): PlanOptions {
  return {
    agents: agents === undefined ? undefined : number('agents', agents),
    kas: kas === undefined ? undefined : number('kas', kas),
    faults: faults === undefined ? undefined : faultsOf(faults),
    gitops,
    healMs: until === undefined ? undefined : number('until', until) * 1_000,
  };
}

function faultsOf(text: string): readonly FaultKind[] {
  if (text === 'none') return [];
  return text.split(',').map((name) => {
    const kind = faultKinds.find((known) => known === name.trim());
    if (kind === undefined) {
      throw new Trouble('usage', `there is no fault called ${name}; there are: ${faultKinds.join(', ')}`);
    }
    return kind;
  });
}

/** The first failure in full: shrunk, traced, and written down. */
async function tell(plan: Plan, options: SimulateOptions): Promise<void> {
  let told = plan;
  if (options.shrink) {
    const shrunk = await shrink(plan, shrinkRunsMax, (smaller, runs) => {
      showProgress(`shrinking: ${sizeText(smaller)} after ${runs} runs`);
    });
    endProgress();
    process.stdout.write(`shrunk in ${shrunk.runs} runs: ${sizeText(plan)} → ${sizeText(shrunk.plan)}\n`);
    told = shrunk.plan;
  }
  const outcome = await simulate(told, { keepTrace: true });
  process.stdout.write(`${planText(told)}\n${verdictText(outcome)}`);
  const story = storyOf(`seed ${plan.seed}`, told, outcome);
  const file = options.output.replaceAll('SEED', String(plan.seed));
  await writeFile(file, `${JSON.stringify(story, undefined, 1)}\n`);
  process.stdout.write(`written to ${file}; run it again: kastor simulate --replay ${file}\n`);
}

async function writeTrace(file: string, about: string, plan: Plan, outcome: Outcome): Promise<void> {
  await writeFile(file, traceFileOf(about, plan, outcome));
  process.stdout.write(`the whole run is in ${file}: look at it on the Replay page of the dashboard\n`);
}

async function replay(file: string, options: SimulateOptions): Promise<number> {
  const { trace } = options;
  const story = await readStoryFile(file);
  if (story.level === 2) return replayWire(file, story, trace);
  const { plan, hash } = story;
  process.stdout.write(`${planText(plan)}\n`);
  const outcome = await simulate(plan, { keepTrace: true });
  process.stdout.write(verdictText(outcome));
  if (trace !== undefined) await writeTrace(trace, file, plan, outcome);
  if (hash !== undefined) process.stdout.write(sameText(hash, outcome.hash));
  return outcome.failure === undefined ? 0 : 1;
}

/** The file says by itself of which level it is. */
async function readStoryFile(file: string) {
  try {
    const text = await readFile(file, 'utf8');
    if (isWireStory(text)) return { level: 2 as const, ...readWireStory(text) };
    return { level: 1 as const, ...readStory(text) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Trouble('usage', `--replay: ${file} cannot be replayed: ${reason}`);
  }
}

function verdictText(outcome: Outcome): string {
  const { failure, trace, steps, simulatedMs } = outcome;
  const lines = trace.slice(-40).map(traceText);
  if (failure === undefined) {
    return `${lines.join('\n')}\n✓ all invariants held: ${steps} steps, ${Math.round(simulatedMs / 1000)} s simulated\n`;
  }
  const reason = invariants.find(({ id }) => id === failure.id)?.reason ?? '';
  return `${lines.join('\n')}\n✗ ${failure.id}: ${failure.text}\n  ${reason}\n`;
}

function summary(results: readonly SeedResult[], tookMs: number): string {
  const counts = new Map<string, number>();
  const edges = new Map<string, number>();
  const add = (to: Map<string, number>, from: ReadonlyMap<string, number>) => {
    for (const [key, value] of from) to.set(key, (to.get(key) ?? 0) + value);
  };
  for (const result of results) {
    add(counts, result.counts);
    add(edges, result.edges);
  }
  const simulatedH = results.reduce((sum, { simulatedMs }) => sum + simulatedMs, 0) / 3_600_000;
  const steps = results.reduce((sum, result) => sum + result.steps, 0);
  const taken = edgesTaken(edges);
  const never = faultKinds.filter((kind) => !counts.has(`fault ${kind}`));
  const [hit, all] = taken.reduce(([a, b], chart) => [a + chart.taken, b + chart.all], [0, 0]);
  const lines = [
    `${results.length} seeds, ${results.filter(({ failure }) => failure !== undefined).length} failed`,
    `${simulatedH.toFixed(1)} h simulated in ${(tookMs / 1000).toFixed(1)} s, ${steps} steps`,
    '',
    ...[...counts]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([what, count]) => `  ${String(count).padStart(8)}  ${what}`),
    ...(never.length === 0 ? [] : [`  faults that never came: ${never.join(', ')}`]),
    '',
    `transitions taken: ${hit} of ${all}`,
    ...taken.map(({ chart, taken: some, all: of, never: missed }) => {
      const shown = missed.slice(0, neverShown).join('; ');
      const more = missed.length > neverShown ? `; and ${missed.length - neverShown} more` : '';
      return `  ${`${some}/${of}`.padStart(8)}  ${chart}${missed.length === 0 ? '' : `  never: ${shown}${more}`}`;
    }),
  ];
  return `${lines.join('\n')}\n`;
}

function sizeText({ faults, requests, agents, kas }: Plan): string {
  return `${faults.length} faults, ${requests.length} requests, ${agents} agents, ${kas} kas`;
}

function planText(plan: Plan): string {
  const { seed, healMs, ageMs, pollMs, led, reuse, pushes } = plan;
  const lines = [
    `seed ${seed}: ${sizeText(plan)}, ${pushes.length} pushes, faults until ${healMs / 1000} s,`,
    `  connections age ${ageMs / 1000} s, configurations polled every ${pollMs / 1000} s, ${led ? 'led by another replica' : 'leading'}, tunnels ${reuse ? 'are used again' : 'serve once'}`,
    ...plan.faults.map(({ atMs, forMs, kind, agent, kas }) => {
      const whom = `agent${agent % plan.agents} kas${kas % plan.kas}`;
      return `  ${(atMs / 1000).toFixed(3).padStart(9)}s ${kind} ${whom} for ${(forMs / 1000).toFixed(3)} s`;
    }),
  ];
  return lines.join('\n');
}
