/**
 * `node bench/recorder.ts [--rounds N] [--json FILE]`: what the flight recorder and the dashboard cost requests through the tunnel.
 * Two pairs of kas and agentk, one with both and with somebody who watches, one with neither, measured in turns, so that a
 * machine that is busy for a while is busy for both; a ratio is the median of the rounds'. Goal: at most 5 %.
 * On a busy machine, as root: `setsid sh -c 'echo -20 > /proc/self/autogroup; exec node bench/recorder.ts'`.
 */
import { writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { parseArgs } from 'node:util';
import type { Figure } from './figures.ts';
import { measureBody, measureSmall } from './measure.ts';
import { Parts } from './processes.ts';
import { Stage, type Target } from './stage.ts';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '40' }, json: { type: 'string' } },
});
const [connections, seconds, warmSeconds, bodyBytes] = [64, 0.4, 8, 48 * 1024 * 1024] as const;
const costMax = 0.05;

const parts = new Parts();
process.once('exit', () => parts.killAll());
const stage = await Stage.open(parts);
const figures: Figure[] = [];
try {
  const targets = await stage.over({
    recorded: { scheme: 'grpc', isRecorded: true },
    bare: { scheme: 'grpc', isRecorded: false },
  });
  const [recorded, bare] = [targets.get('recorded'), targets.get('bare')];
  if (recorded === undefined || bare === undefined) throw new Error('a target is missing');
  for (const path of ['/api/stream', '/api/requests/stream']) watch(stage.observabilityOf('recorded'), path);
  for (const target of [recorded, bare]) await measureSmall(parts, target, connections, warmSeconds);
  const samples = {
    small: [] as number[],
    cpu: [] as number[],
    down: [] as number[],
    up: [] as number[],
  };
  const rounds = Number(options.rounds);
  for (let round = 0; round < rounds; round++) {
    const [withIt, without] = await inTurns(round, (target) =>
      measureSmall(parts, target, connections, seconds),
    );
    samples.small.push(1 - withIt.rps / without.rps);
    const [cpu, bareCpu] = [withIt.cpuMicrosPerRequest[0], without.cpuMicrosPerRequest[0]];
    if (cpu !== undefined && bareCpu !== undefined) samples.cpu.push(cpu / bareCpu - 1);
    console.error(`round ${round + 1}: ${withIt.rps.toFixed(0)} and ${without.rps.toFixed(0)} requests/s`);
  }
  for (let round = 0; round < rounds / 2; round++) {
    for (const direction of ['down', 'up'] as const) {
      const [withIt, without] = await inTurns(round, (target) =>
        measureBody(parts, target, direction, bodyBytes),
      );
      samples[direction].push(1 - withIt.mbPerSecond / without.mbPerSecond);
    }
  }

  /** Measures both, each first in every other round. */
  async function inTurns<T>(round: number, measure: (target: Target) => Promise<T>): Promise<[T, T]> {
    if (recorded === undefined || bare === undefined) throw new Error('a target is missing');
    if (round % 2 === 0) return [await measure(recorded), await measure(bare)];
    const without = await measure(bare);
    return [await measure(recorded), without];
  }
  add('small.throughput_cost', samples.small);
  add('small.kas_cpu_cost', samples.cpu);
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

/** Somebody who looks on: takes what comes and forgets it. */
function watch(port: number, path: string): void {
  get({ host: '127.0.0.1', port, path, agent: false }, (answer) => answer.resume()).on('error', () => {});
}

function add(name: string, costs: readonly number[]): void {
  const sorted = costs.toSorted((one, other) => one - other);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  const value = Math.round(at(0.5) * 10_000) / 10_000;
  figures.push({ name: `recorder.${name}`, value, unit: 'ratio' });
  const percent = (ratio: number) => `${(ratio * 100).toFixed(1)} %`;
  console.log(
    `recorder.${name.padEnd(24)} ${percent(value)} (quartiles ${percent(at(0.25))} … ${percent(at(0.75))})`,
  );
}
