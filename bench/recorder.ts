/**
 * `node bench/recorder.ts [--what recorder|all] [--pairs N] [--json FILE]`: what the flight recorders of kas and agentk cost
 * requests through the tunnel; with `all` the dashboard too, and somebody who watches. One kas and one agentk under one load,
 * with the recorder and with the recorder silenced (`recorder-daemon.ts`) in turns of a fraction of a second: two processes of
 * one program differ by up to a fifth for as long as they live, and a machine by more from one second to the next.
 * A figure is the median over all pairs of turns, with the interval that it lies in. Goal: at most 5 %.
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Figure } from './figures.ts';
import { measureSmall } from './measure.ts';
import { Parts } from './processes.ts';
import { RecorderSwitch } from './recorder-switch.ts';
import { Stage, type Target } from './stage.ts';

const { values: options } = parseArgs({
  options: {
    pairs: { type: 'string', default: '400' },
    what: { type: 'string', default: 'recorder' },
    json: { type: 'string' },
  },
});
if (options.what !== 'recorder' && options.what !== 'all') {
  throw new Error(`--what is recorder or all, not ${options.what}`);
}
const { what } = options;
const pairs = Number(options.pairs);
const warmSeconds = 8;
const mebibyte = 1024 * 1024;
/** Small answers over many connections, and bodies of a mebibyte each way over a few. */
const loads = [
  { name: 'small', connections: 64, requests: {}, share: 1 },
  { name: 'down', connections: 4, requests: { path: `/body/${mebibyte}` }, share: 0.5 },
  { name: 'up', connections: 4, requests: { path: '/sink', uploadBytes: mebibyte }, share: 0.5 },
] as const;
const costMax = 0.05;
/** A turn; and before it, the time in which the signal is taken and a watcher's first picture drawn. */
const [turnMs, settleMs] = [150, 50] as const;

interface Turn {
  readonly perSecond: number;
  /** Of kas and of agentk, in microseconds a request. */
  readonly cpu: readonly number[];
}

const parts = new Parts();
process.once('exit', () => parts.killAll());
const stage = await Stage.open(parts);
const figures: Figure[] = [];
const intervals: { readonly name: string; readonly from: number; readonly to: number }[] = [];
try {
  const target = (await stage.over({ pair: { scheme: 'grpc', silenced: what } })).get('pair');
  if (target === undefined) throw new Error('the target is missing');
  await measure(target, stage.observabilityOf('pair'));
} finally {
  await parts.endAll();
  await stage.close();
}
const verdicts = { holds: [], 'not shown': [], MISSED: [] } as Record<string, string[]>;
for (const { name, from, to } of intervals.filter((one) => one.name.endsWith('throughput_cost'))) {
  verdicts[to <= costMax ? 'holds' : from <= costMax ? 'not shown' : 'MISSED']?.push(name);
}
for (const [verdict, names] of Object.entries(verdicts)) {
  if (names.length > 0) console.log(`${verdict}: at most ${costMax * 100} %: ${names.join(', ')}`);
}
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(figures, undefined, 2)}\n`);

async function measure(target: Target, observability: number): Promise<void> {
  const switches = new RecorderSwitch(target, what === 'all' ? observability : undefined);
  for (const { name, connections, requests, share } of loads) {
    const wanted = Math.round(pairs * share);
    const seconds = warmSeconds + (wanted * 2 * (turnMs + settleMs) * 1.2) / 1000;
    const load = measureSmall(parts, target, connections, seconds, requests);
    let isOver = false;
    const ended = load.then(() => (isOver = true));
    ended.catch(() => {}); // an error of ours is told first
    await sleep(warmSeconds * 1000);
    const [throughput, kasCpu, agentkCpu] = [[], [], []] as [number[], number[], number[]];
    for (let pair = 0; pair < wanted && !isOver; pair++) {
      const [withIt, without] = await inTurns(switches, pair, () => turn(target, observability));
      throughput.push(1 - withIt.perSecond / without.perSecond);
      for (const [hop, costs] of [kasCpu, agentkCpu].entries()) {
        costs.push((withIt.cpu[hop] ?? Number.NaN) / (without.cpu[hop] ?? Number.NaN) - 1);
      }
    }
    switches.turn(true);
    await ended;
    tell(`${name}.throughput_cost`, throughput);
    tell(`${name}.kas_cpu_cost`, kasCpu);
    tell(`${name}.agentk_cpu_cost`, agentkCpu);
  }
}

/** What is served in a turn, by kas's own count. */
async function turn({ hops }: Target, observability: number): Promise<Turn> {
  const look = async () => ({
    served: await served(observability),
    atMs: performance.now(),
    cpu: hops.map((hop) => hop.usage().cpuMicros ?? Number.NaN),
  });
  const before = await look();
  await sleep(turnMs);
  const after = await look();
  const requests = after.served - before.served;
  return {
    perSecond: (requests * 1000) / (after.atMs - before.atMs),
    cpu: after.cpu.map((micros, hop) => (micros - (before.cpu[hop] ?? Number.NaN)) / requests),
  };
}

/** Measures with and without, each first in every other pair. */
async function inTurns<T>(switches: RecorderSwitch, pair: number, take: () => Promise<T>): Promise<[T, T]> {
  const taken = async (silent: boolean) => {
    switches.turn(silent);
    await sleep(settleMs);
    return take();
  };
  if (pair % 2 === 0) return [await taken(false), await taken(true)];
  const without = await taken(true);
  return [await taken(false), without];
}

/** How many requests kas has ended so far. */
async function served(port: number): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  const counts = (await answer.text()).matchAll(/^k8s_api_proxy_requests_total\{.*\} (\d+)$/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** The median, and the interval that it lies in 19 times out of 20 (of the distribution's quartiles). */
function tell(name: string, costs: readonly number[]): void {
  const sorted = costs.toSorted((one, other) => one - other);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  const value = Math.round(at(0.5) * 10_000) / 10_000;
  const reach = (1.57 * (at(0.75) - at(0.25))) / Math.sqrt(sorted.length);
  figures.push({ name: `recorder.${name}`, value, unit: 'ratio' });
  intervals.push({ name, from: value - reach, to: value + reach });
  const percent = (ratio: number) => `${(ratio * 100).toFixed(1)} %`;
  console.log(
    `${what}.${name.padEnd(24)} ${percent(value)} (${percent(value - reach)} … ${percent(value + reach)}, ${sorted.length} pairs)`,
  );
}
