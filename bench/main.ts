/**
 * `npm run bench [-- --quick] [--json FILE]`: one run on one machine. The same backend is asked directly, through two bare
 * proxies in a row (the yardstick), and through Kastor, with tunnels reused and in the form of the originals. Rounds are
 * interleaved and medians taken, because other work on the machine comes and goes.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureIdle } from './idle.ts';
import { measureBody, measureSlow, measureSmall, type BodyResult, type SmallResult } from './measure.ts';
import { Parts } from './processes.ts';
import { median, Report } from './report.ts';
import { Stage, type Target } from './stage.ts';

const { values: options } = parseArgs({ options: { json: { type: 'string' }, quick: { type: 'boolean' } } });
const quick = options.quick === true;
const plan = quick
  ? {
      rounds: 2,
      seconds: 1,
      warmSeconds: 1,
      bodyBytes: 64 * 2 ** 20,
      slowSeconds: 3,
      agents: 200,
      settleMs: 2_000,
    }
  : {
      rounds: 5,
      seconds: 3,
      warmSeconds: 3,
      bodyBytes: 256 * 2 ** 20,
      slowSeconds: 15,
      agents: 2_000,
      settleMs: 10_000,
    };
const slowBytes = 2 ** 30;
const connectionCounts = [1, 16, 64] as const;

const parts = new Parts();
process.on('exit', () => parts.killAll());
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const stage = await Stage.open(parts);
const report = new Report();
try {
  const targets = await stage.targets();
  for (const target of targets) await measureSmall(parts, target, 64, plan.warmSeconds);
  await smallRequests(targets);
  await bodies(targets);
  await slowReaders(targets);
  await idleAgents();
} finally {
  await parts.endAll();
  await stage.close();
}
console.log(`\n${report.table()}`);
if (options.json !== undefined)
  writeFileSync(options.json, `${JSON.stringify(report.figures, undefined, 2)}\n`);

/** `get1k.c64.rps` for Kastor as it is, `get1k.original.…` without reuse, `get1k.proxy.…`, `get1k.direct.…`. */
function prefix(kind: string, { name }: Target): string {
  return name === 'kastor' ? kind : `${kind}.${name}`;
}

async function smallRequests(targets: readonly Target[]): Promise<void> {
  for (const connections of connectionCounts) {
    const rounds = new Map<Target, SmallResult[]>(targets.map((target) => [target, []]));
    for (let round = 0; round < plan.rounds; round++) {
      for (const target of targets) {
        progress(`GET 1 KB, ${connections} connections, round ${round + 1}: ${target.name}`);
        rounds.get(target)?.push(await measureSmall(parts, target, connections, plan.seconds));
      }
    }
    const proxied = [...rounds].find(([{ name }]) => name === 'proxy')?.[1] ?? [];
    for (const [target, results] of rounds) {
      const name = `${prefix('get1k', target)}.c${connections}`;
      report.add(`${name}.rps`, median(results.map(({ rps }) => rps)), '1/s');
      report.add(`${name}.p50_ms`, median(results.map(({ p50Ms }) => p50Ms)), 'ms');
      report.add(`${name}.p99_ms`, median(results.map(({ p99Ms }) => p99Ms)), 'ms');
      hops(target).forEach((hop, index) => {
        report.add(`${name}.${hop}_cpu_us`, median(results.map((r) => r.cpuMicrosPerRequest[index])), 'µs');
      });
      if (target.name !== 'kastor' && target.name !== 'original') continue;
      report.add(
        `${name}.ratio_to_proxy`,
        ratio(
          results.map(({ rps }) => rps),
          proxied.map(({ rps }) => rps),
        ),
        '',
      );
    }
  }
}

async function bodies(targets: readonly Target[]): Promise<void> {
  for (const mode of ['down', 'up'] as const) {
    const rounds = new Map<Target, BodyResult[]>(targets.map((target) => [target, []]));
    for (let round = 0; round < plan.rounds; round++) {
      for (const target of targets) {
        progress(`body ${mode}, round ${round + 1}: ${target.name}`);
        rounds.get(target)?.push(await measureBody(parts, target, mode, plan.bodyBytes));
      }
    }
    const proxied = [...rounds].find(([{ name }]) => name === 'proxy')?.[1] ?? [];
    for (const [target, results] of rounds) {
      const name = `${prefix('body', target)}.${mode}`;
      report.add(`${name}.mb_s`, median(results.map(({ mbPerSecond }) => mbPerSecond)), 'MB/s');
      hops(target).forEach((hop, index) => {
        report.add(`${name}.${hop}_cpu_ms_per_mb`, median(results.map((r) => r.cpuMsPerMb[index])), 'ms/MB');
        report.add(`${name}.${hop}_peak_mb`, median(results.map((r) => r.peakMb[index])), 'MB');
      });
      if (target.name !== 'kastor' && target.name !== 'original') continue;
      const share = ratio(
        results.map((r) => r.mbPerSecond),
        proxied.map((r) => r.mbPerSecond),
      );
      report.add(
        mode === 'down' ? `${prefix('body', target)}.ratio_to_proxy` : `${name}.ratio_to_proxy`,
        share,
        '',
      );
    }
  }
}

async function slowReaders(targets: readonly Target[]): Promise<void> {
  for (const target of targets) {
    if (target.name === 'direct') continue;
    progress(`1 GB body with a slow reader: ${target.name}`);
    const { growthMb, peakMb } = await measureSlow(parts, target, slowBytes, plan.slowSeconds);
    report.add(`${prefix('slow', target)}.growth_mb`, growthMb, 'MB');
    hops(target).forEach((hop, index) =>
      report.add(`${prefix('slow', target)}.${hop}_peak_mb`, peakMb[index], 'MB'),
    );
  }
}

async function idleAgents(): Promise<void> {
  progress(`${plan.agents} idle agents`);
  const idle = await measureIdle(parts, stage, plan.agents, plan.settleMs);
  report.add('idle.agents', idle.agents, '');
  report.add('idle.rss_per_agent_kb', idle.rssPerAgentKb, 'KB');
  report.add('idle.connected_per_second', idle.connectedPerSecond, '1/s');
  report.add('idle.connect_loop_p99_ms', idle.connectLoopP99Ms, 'ms');
  report.add('idle.loop_p99_ms', idle.idleLoopP99Ms, 'ms');
}

/** Names of the processes between client and backend. */
function hops({ name }: Target): readonly string[] {
  if (name === 'direct') return [];
  return name === 'proxy' ? ['outer', 'inner'] : ['kas', 'agentk'];
}

/** Median of the ratios of neighbouring rounds: what slows one round slows its neighbour. */
function ratio(ours: readonly number[], theirs: readonly number[]): number | undefined {
  return median(ours.map((value, index) => value / (theirs[index] ?? Number.NaN)));
}

function progress(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K${text}`);
  else console.log(text);
}
