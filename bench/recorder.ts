/**
 * `node bench/recorder.ts [--what recorder|all] [--rounds N] [--json FILE]`: what the flight recorders of kas and agentk cost
 * requests through the tunnel; with `all` the dashboard too, and somebody who watches. One kas and one agentk are measured in turns
 * with the recorder and with the recorder silenced (`recorder-daemon.ts`): two processes of one program differ by up to a
 * fifth for as long as they live, which no number of rounds averages away. A ratio is the median of the rounds'. Goal: at most 5 %.
 * On a busy machine, as root: `setsid sh -c 'echo -20 > /proc/self/autogroup; exec node bench/recorder.ts'`.
 */
import { writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Figure } from './figures.ts';
import { measureBody, measureSmall } from './measure.ts';
import { Parts } from './processes.ts';
import { Stage } from './stage.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '60' },
    what: { type: 'string', default: 'recorder' },
    json: { type: 'string' },
  },
});
if (options.what !== 'recorder' && options.what !== 'all') {
  throw new Error(`--what is recorder or all, not ${options.what}`);
}
const { what } = options;
const [connections, seconds, warmSeconds, bodyBytes] = [64, 0.5, 10, 48 * 1024 * 1024] as const;
const costMax = 0.05;
/** A signal is taken, and a watcher's first picture drawn, by then. */
const settleMs = 100;

const parts = new Parts();
process.once('exit', () => parts.killAll());
const stage = await Stage.open(parts);
const figures: Figure[] = [];
try {
  const target = (await stage.over({ pair: { scheme: 'grpc', silenced: what } })).get('pair');
  if (target === undefined) throw new Error('the target is missing');
  const observability = stage.observabilityOf('pair');
  let isSilent = false;
  let watchers: (() => void)[] = [];
  const turn = async (silent: boolean) => {
    if (silent !== isSilent) for (const hop of target.hops) hop.signal('SIGUSR2');
    isSilent = silent;
    for (const leave of watchers.splice(0)) leave();
    if (!silent && what === 'all') {
      watchers = ['/api/stream', '/api/requests/stream'].map((path) => watch(observability, path));
    }
    await sleep(settleMs);
  };
  /** Measures with and without, each first in every other round. */
  const inTurns = async <T>(round: number, measure: () => Promise<T>): Promise<[T, T]> => {
    const measured = async (silent: boolean) => {
      await turn(silent);
      return measure();
    };
    if (round % 2 === 0) return [await measured(false), await measured(true)];
    const without = await measured(true);
    return [await measured(false), without];
  };
  await measureSmall(parts, target, connections, warmSeconds);
  const samples = {
    small: [] as number[],
    kasCpu: [] as number[],
    agentkCpu: [] as number[],
    down: [] as number[],
    up: [] as number[],
  };
  const rounds = Number(options.rounds);
  for (let round = 0; round < rounds; round++) {
    const [withIt, without] = await inTurns(round, () => measureSmall(parts, target, connections, seconds));
    samples.small.push(1 - withIt.rps / without.rps);
    for (const [hop, cpu] of [samples.kasCpu, samples.agentkCpu].entries()) {
      const [one, other] = [withIt.cpuMicrosPerRequest[hop], without.cpuMicrosPerRequest[hop]];
      if (one !== undefined && other !== undefined) cpu.push(one / other - 1);
    }
    console.error(`round ${round + 1}: ${withIt.rps.toFixed(0)} and ${without.rps.toFixed(0)} requests/s`);
  }
  for (let round = 0; round < rounds / 2; round++) {
    for (const direction of ['down', 'up'] as const) {
      const [withIt, without] = await inTurns(round, () => measureBody(parts, target, direction, bodyBytes));
      samples[direction].push(1 - withIt.mbPerSecond / without.mbPerSecond);
    }
  }
  add('small.throughput_cost', samples.small);
  add('small.kas_cpu_cost', samples.kasCpu);
  add('small.agentk_cpu_cost', samples.agentkCpu);
  add('down.throughput_cost', samples.down);
  add('up.throughput_cost', samples.up);
} finally {
  await parts.endAll();
  await stage.close();
}
const missed = figures.filter(({ name, value }) => name.endsWith('throughput_cost') && value > costMax);
console.log(
  missed.length === 0
    ? `holds   all at most ${costMax}`
    : `MISSED  ${missed.map(({ name }) => name).join(', ')}`,
);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(figures, undefined, 2)}\n`);

/** Somebody who looks on: takes what comes and forgets it. Answers what makes him leave. */
function watch(port: number, path: string): () => void {
  const asked = get({ host: '127.0.0.1', port, path, agent: false }, (answer) => answer.resume());
  asked.on('error', () => {});
  return () => asked.destroy();
}

function add(name: string, costs: readonly number[]): void {
  const sorted = costs.toSorted((one, other) => one - other);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  const value = Math.round(at(0.5) * 10_000) / 10_000;
  figures.push({ name: `recorder.${name}`, value, unit: 'ratio' });
  const percent = (ratio: number) => `${(ratio * 100).toFixed(1)} %`;
  console.log(
    `${what}.${name.padEnd(24)} ${percent(value)} (quartiles ${percent(at(0.25))} … ${percent(at(0.75))})`,
  );
}
