/**
 * The order of a run. Everything that is compared is measured in turns, round by round, so that a machine that is busy for
 * a while is busy for all; a value is the median of its rounds, a ratio the median of the rounds' ratios.
 */
import { measureIdle, type IdleResult } from './idle.ts';
import { measureBody, measureSlow, measureSmall } from './measure.ts';
import type { BodyResult, SlowResult, SmallResult } from './measure.ts';
import type { Parts } from './processes.ts';
import { Stage, type Target } from './stage.ts';

export interface Scale {
  readonly rounds: number;
  readonly warmSeconds: number;
  readonly smallSeconds: number;
  readonly bodyBytes: number;
  readonly slowBytes: number;
  readonly slowSeconds: number;
  readonly agents: number;
  readonly settleMs: number;
}

const mb = 1024 * 1024;
export const scales: Readonly<Record<'full' | 'quick', Scale>> = {
  full: {
    rounds: 3,
    warmSeconds: 12,
    smallSeconds: 2,
    bodyBytes: 256 * mb,
    slowBytes: 1024 * mb,
    slowSeconds: 8,
    agents: 2_000,
    settleMs: 6_000,
  },
  quick: {
    rounds: 1,
    warmSeconds: 3,
    smallSeconds: 0.8,
    bodyBytes: 64 * mb,
    slowBytes: 1024 * mb,
    slowSeconds: 2,
    agents: 300,
    settleMs: 2_000,
  },
};

export const connectionCounts = [1, 16, 64] as const;
export type TargetName = Target['name'];

/** What was measured of one target, round by round. */
export interface TargetResults {
  readonly small: Record<number, SmallResult[]>;
  readonly down: BodyResult[];
  readonly up: BodyResult[];
  readonly slow: SlowResult[];
}

export interface RunResults {
  readonly scale: Scale;
  readonly targets: Readonly<Record<TargetName, TargetResults>>;
  readonly idle: IdleResult;
}

/** Runs everything; `tell` hears what is being measured. */
export async function runBenchmark(
  parts: Parts,
  scale: Scale,
  tell: (what: string) => void,
): Promise<RunResults> {
  const stage = await Stage.open(parts);
  try {
    tell('starting');
    const targets = await stage.targets();
    const results: Record<TargetName, TargetResults> = {
      direct: nothingYet(),
      proxy: nothingYet(),
      kastor: nothingYet(),
      original: nothingYet(),
    };
    tell('warming up');
    // The engine compiles for the first tens of thousands of requests; what is measured is a server that has run a while.
    for (const target of targets) {
      if (target.hops.length > 0) await measureSmall(parts, target, 64, scale.warmSeconds);
    }
    // Before the bodies, whose buffers the processes keep.
    tell(`a slow reader of ${scale.slowBytes / mb} MB, ${scale.slowSeconds} s each`);
    for (const target of targets) {
      if (target.name === 'direct') continue;
      results[target.name].slow.push(await measureSlow(parts, target, scale.slowBytes, scale.slowSeconds));
    }
    for (let round = 1; round <= scale.rounds; round++) {
      for (const connections of connectionCounts) {
        tell(`round ${round} of ${scale.rounds}: GET of 1 KB, ${connections} connections`);
        for (const target of targets) {
          const result = await measureSmall(parts, target, connections, scale.smallSeconds);
          (results[target.name].small[connections] ??= []).push(result);
        }
      }
      for (const direction of ['down', 'up'] as const) {
        tell(`round ${round} of ${scale.rounds}: ${scale.bodyBytes / mb} MB ${direction}`);
        for (const target of targets) {
          const result = await measureBody(parts, target, direction, scale.bodyBytes);
          results[target.name][direction].push(result);
        }
      }
    }
    for (const { hops } of targets) await Promise.all(hops.map((hop) => hop.end()));
    tell(`${scale.agents} idle agents`);
    const idle = await measureIdle(parts, stage, scale.agents, scale.settleMs);
    return { scale, targets: results, idle };
  } finally {
    await parts.endAll();
    await stage.close();
  }
}

function nothingYet(): TargetResults {
  return { small: {}, down: [], up: [], slow: [] };
}
