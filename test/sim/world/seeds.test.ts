/**
 * Seeds through the simulated world: some that are always the same, some that change with every commit, so that each change
 * is also tried with what nobody has tried before. A seed that fails is told with the command that shows it.
 */
import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  edgesTaken,
  faultKinds,
  runSeeds,
  type ChartEdges,
  type SeedResult,
} from '../../../src/sim/world/index.ts';
import { manifestChanges } from '../../../src/sim/world/manifest-repository.ts';

const fixedSeeds = 300;
const freshSeeds = 300;
const repeatedSeeds = 100;
const freshFrom = 1_000_000;

const fixed = Array.from({ length: fixedSeeds }, (_, index) => index + 1);

/** Drawn from the commit; without a repository, as in a package, from its version. */
function fresh(): number[] {
  let commit = '0';
  try {
    commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' });
  } catch {
    // fixed ones then
  }
  const first = freshFrom + (Number.parseInt(commit.slice(0, 7), 16) % 100_000_000);
  return Array.from({ length: freshSeeds }, (_, index) => first + index);
}

function sum(results: readonly SeedResult[], of: 'counts' | 'edges'): ReadonlyMap<string, number> {
  const all = new Map<string, number>();
  for (const result of results) {
    for (const [key, count] of result[of]) all.set(key, (all.get(key) ?? 0) + count);
  }
  return all;
}

let results: readonly SeedResult[] = [];

beforeAll(async () => {
  results = await runSeeds({ seeds: [...fixed, ...fresh()] });
}, 3_600_000);

describe('the simulated world', () => {
  it('breaks no invariant', () => {
    const failed = results.flatMap(({ seed, failure }) =>
      failure === undefined ? [] : [`${failure.id}: ${failure.text}: kastor simulate --seed ${seed}`],
    );
    expect(failed).toEqual([]);
  });

  it('repeats every seed to the last line', { timeout: 1_800_000 }, async () => {
    const again = await runSeeds({ seeds: fixed.slice(0, repeatedSeeds) });
    const line = ({ seed, hash, steps }: SeedResult) => `${seed} ${hash} ${steps}`;
    expect(again.map(line)).toEqual(results.slice(0, repeatedSeeds).map(line));
  });

  it('knows every fault, and every end of a request', () => {
    const counts = sum(results, 'counts');
    const wanted = [
      ...faultKinds.map((kind) => `fault ${kind}`),
      'request 200',
      'request 500',
      'request 502',
      'request left',
      'request orphaned',
      'no agent was there',
      ...manifestChanges.map((change) => `manifests ${change}`),
      'object pruned',
    ];
    expect(wanted.filter((what) => !counts.has(what))).toEqual([]);
  });

  it('takes most transitions of the charts it is about', () => {
    const taken = new Map(edgesTaken(sum(results, 'edges')).map((chart) => [chart.chart, chart]));
    const share = ({ taken: some, all }: ChartEdges) => some / all;
    const bars = {
      'agent-link': 0.6,
      'agent-connection': 0.55,
      'agent-session': 0.55,
      tunnel: 0.45,
      'tunnel-client': 0.6,
      request: 0.55,
      registration: 0.75,
      'configuration-watch': 0.65,
      'config-watch': 0.5,
      'leader-election': 0.55,
      kas: 0.35,
      'repository-poller': 0.7,
      'gitops-stream': 0.4,
      'manifest-watch': 0.6,
      'gitops-sync': 0.4,
      'drift-watch': 0.7,
      informer: 0.25,
      'sync-reporter': 0.6,
    };
    const low = Object.entries(bars).flatMap(([name, bar]) => {
      const chart = taken.get(name);
      return chart !== undefined && share(chart) >= bar
        ? []
        : [`${name}: ${chart?.taken}/${chart?.all}, never ${chart?.never.join('; ')}`];
    });
    expect(low).toEqual([]);
  });
});
