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
import { Trouble } from './remote/trouble.ts';

/** As the command line gives them. */
export interface SimulateOptions {
  readonly seed?: string;
  readonly seeds: string;
  readonly from: string;
  readonly faults?: string;
  readonly agents?: string;
  readonly kas?: string;
  readonly until?: string;
  readonly threads?: string;
  readonly shrink: boolean;
  readonly replay?: string;
  readonly output: string;
  readonly trace?: string;
}

const shrinkRunsMax = 400;
const neverShown = 8;
const barWidth = 30;

/** Answers the exit code: 1 when something failed. */
export async function runSimulate(options: SimulateOptions): Promise<number> {
  if (options.replay !== undefined) return replay(options.replay, options.trace);
  if (options.trace !== undefined && options.seed === undefined)
    throw new Trouble('usage', '--trace is of one run: give --seed or --replay as well');
  const planned = planOptions(options);
  const first = options.seed === undefined ? number('from', options.from) : number('seed', options.seed);
  const count = options.seed === undefined ? number('seeds', options.seeds) : 1;
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  if (count === 1) process.stdout.write(`${planText(drawPlan(first, planned))}\n`);
  const startedMs = performance.now();
  const failed: SeedResult[] = [];
  const results = await runSeeds({
    seeds,
    options: planned,
    ...(options.threads === undefined ? {} : { threads: number('threads', options.threads) }),
    onResult: (result, done) => {
      if (result.failure !== undefined) failed.push(result);
      if (process.stderr.isTTY) process.stderr.write(`\r${bar(done / count)} ${done}/${count} `);
    },
  });
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
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

function planOptions({ agents, kas, faults, until }: SimulateOptions): PlanOptions {
  return {
    agents: agents === undefined ? undefined : number('agents', agents),
    kas: kas === undefined ? undefined : number('kas', kas),
    faults: faults === undefined ? undefined : faultsOf(faults),
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

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Trouble('usage', `--${name}: a whole number above 0 is wanted, not ${text}`);
  }
  return value;
}

/** The first failure in full: shrunk, traced, and written down. */
async function tell(plan: Plan, options: SimulateOptions): Promise<void> {
  let told = plan;
  if (options.shrink) {
    const shrunk = await shrink(plan, shrinkRunsMax, (smaller, runs) => {
      if (process.stderr.isTTY) process.stderr.write(`\rshrinking: ${sizeText(smaller)} after ${runs} runs `);
    });
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
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

async function replay(file: string, trace: string | undefined): Promise<number> {
  const { plan, hash } = readStory(await readFile(file, 'utf8'));
  process.stdout.write(`${planText(plan)}\n`);
  const outcome = await simulate(plan, { keepTrace: true });
  process.stdout.write(verdictText(outcome));
  if (trace !== undefined) await writeTrace(trace, file, plan, outcome);
  if (hash !== undefined) {
    const same =
      hash === outcome.hash ? 'as written, bit for bit' : `not as written (${hash}): the product has changed`;
    process.stdout.write(`trace ${outcome.hash}: ${same}\n`);
  }
  return outcome.failure === undefined ? 0 : 1;
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

function bar(share: number): string {
  const full = Math.round(share * barWidth);
  return `[${'#'.repeat(full)}${' '.repeat(barWidth - full)}]`;
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
