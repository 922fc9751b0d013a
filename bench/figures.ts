/**
 * From what was measured to named figures, and the goals some of them have. Names are stable: they are compared over time.
 * The form of the originals (one request per tunnel) has `.original.` in the names.
 */
import { connectionCounts, type RunResults, type TargetResults } from './run.ts';
import type { BodyResult, SmallResult } from './measure.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** What a figure should be. */
interface Goal {
  readonly name: string;
  readonly sense: 'atLeast' | 'atMost';
  readonly value: number;
}

/** Issue and `design/data-plane.md`: throughput against the yardstick of the same run, bounded memory. */
const goals: readonly Goal[] = [
  { name: 'get1k.c64.ratio_to_proxy', sense: 'atLeast', value: 0.9 },
  { name: 'get1k.original.c64.ratio_to_proxy', sense: 'atLeast', value: 0.5 },
  { name: 'body.ratio_to_proxy', sense: 'atLeast', value: 0.6 },
  { name: 'slow.growth_mb', sense: 'atMost', value: 64 },
  { name: 'slow.original.growth_mb', sense: 'atMost', value: 64 },
  { name: 'idle.rss_per_agent_kb', sense: 'atMost', value: 90 },
  { name: 'idle.loop_p99_ms', sense: 'atMost', value: 50 },
];

export interface Verdict extends Goal {
  readonly measured: number | undefined;
  readonly holds: boolean;
}

export function verdictsOn(figures: readonly Figure[]): readonly Verdict[] {
  return goals.map((goal) => {
    const measured = figures.find(({ name }) => name === goal.name)?.value;
    const holds =
      measured !== undefined && (goal.sense === 'atLeast' ? measured >= goal.value : measured <= goal.value);
    return { ...goal, measured, holds };
  });
}

/** All figures of a run; what this system could not measure is left out. */
export function figuresOf({ targets, idle }: RunResults): readonly Figure[] {
  const figures: Figure[] = [];
  const add = (name: string, value: number | undefined, unit: string) => {
    if (value !== undefined && Number.isFinite(value)) figures.push({ name, value: rounded(value), unit });
  };
  for (const [target, infix] of [
    ['direct', '.direct'],
    ['proxy', '.proxy'],
    ['kastor', ''],
    ['original', '.original'],
  ] as const) {
    const results = targets[target];
    const ours = target === 'kastor' || target === 'original';
    for (const connections of connectionCounts) {
      const prefix = `get1k${infix}.c${connections}`;
      const rounds = results.small[connections] ?? [];
      addSmall(prefix, rounds, add);
      if (!ours) continue;
      const yardstick = targets.proxy.small[connections] ?? [];
      add(
        `${prefix}.ratio_to_proxy`,
        ratio(rounds, yardstick, ({ rps }) => rps),
        'ratio',
      );
    }
    addBodies(`body${infix}`, results, add);
    if (ours) addBodyRatios(`body${infix}`, results, targets.proxy, add);
    add(`slow${infix}.growth_mb`, median(results.slow.map(({ growthMb }) => growthMb)), 'MB');
  }
  add('idle.agents', idle.agents, 'agents');
  add('idle.rss_per_agent_kb', idle.rssPerAgentKb, 'KB');
  add('idle.connects_per_s', idle.connectedPerSecond, 'agents/s');
  add('idle.connect_loop_p99_ms', idle.connectLoopP99Ms, 'ms');
  add('idle.loop_p99_ms', idle.idleLoopP99Ms, 'ms');
  return figures;
}

type Add = (name: string, value: number | undefined, unit: string) => void;

function addSmall(prefix: string, rounds: readonly SmallResult[], add: Add): void {
  add(`${prefix}.rps`, median(rounds.map(({ rps }) => rps)), 'requests/s');
  add(`${prefix}.p50_ms`, median(rounds.map(({ p50Ms }) => p50Ms)), 'ms');
  add(`${prefix}.p99_ms`, median(rounds.map(({ p99Ms }) => p99Ms)), 'ms');
  for (const [hop, name] of ['hop1', 'hop2'].entries()) {
    add(`${prefix}.${name}.cpu_us`, median(rounds.map((round) => round.cpuMicrosPerRequest[hop])), 'µs');
  }
}

function addBodies(prefix: string, results: TargetResults, add: Add): void {
  for (const direction of ['down', 'up'] as const) {
    const rounds = results[direction];
    add(`${prefix}.${direction}.mb_s`, median(rounds.map(({ mbPerSecond }) => mbPerSecond)), 'MB/s');
    for (const [hop, name] of ['hop1', 'hop2'].entries()) {
      const at = `${prefix}.${direction}.${name}`;
      add(`${at}.cpu_ms_per_mb`, median(rounds.map((round) => round.cpuMsPerMb[hop])), 'ms/MB');
      add(`${at}.peak_mb`, median(rounds.map((round) => round.peakMb[hop])), 'MB');
    }
  }
}

/** `body.ratio_to_proxy` is the worse of the two directions. */
function addBodyRatios(prefix: string, ours: TargetResults, yardstick: TargetResults, add: Add): void {
  const speed = ({ mbPerSecond }: BodyResult) => mbPerSecond;
  const down = ratio(ours.down, yardstick.down, speed);
  const up = ratio(ours.up, yardstick.up, speed);
  add(`${prefix}.down.ratio_to_proxy`, down, 'ratio');
  add(`${prefix}.up.ratio_to_proxy`, up, 'ratio');
  if (down !== undefined && up !== undefined) add(`${prefix}.ratio_to_proxy`, Math.min(down, up), 'ratio');
}

/** Median of the ratios of rounds that were measured next to each other. */
function ratio<R>(ours: readonly R[], yardstick: readonly R[], of: (round: R) => number): number | undefined {
  return median(
    ours.map((round, i) => {
      const other = yardstick[i];
      return other === undefined ? undefined : of(round) / of(other);
    }),
  );
}

/** Undefined when any value is. */
function median(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  if (known.length === 0 || known.length < values.length) return undefined;
  const sorted = known.sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
