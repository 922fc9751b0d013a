/**
 * `node bench/gitops.ts [--quick] [--kills N] [--pushes N] [--seed N] [--objects N] [--soak [minutes] [--agents N]]`: GitOps from a push to the cluster with real processes. Prints how many of so many kills of
 * agentk in the middle of a synchronisation ended well, how long a push takes to be applied, and how often repositories are polled.
 * What reading manifests costs: `node bench/manifests.ts`.
 */
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killRounds } from './gitops-kills.ts';
import { manyObjects } from './gitops-many.ts';
import { countPolls } from './gitops-polls.ts';
import { configMap, GitopsScene } from './gitops-scene.ts';
import { soak } from './gitops-soak.ts';

const { values: options, positionals } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    kills: { type: 'string' },
    pushes: { type: 'string' },
    seed: { type: 'string', default: '20261' },
    objects: { type: 'string' },
    soak: { type: 'boolean', default: false },
    agents: { type: 'string', default: '200' },
  },
  allowPositionals: true,
});
const kills = Number(options.kills ?? (options.quick ? 5 : 200));
const objects = Number(options.objects ?? (options.quick ? 0 : 5_000));
const pushes = Number(options.pushes ?? (options.quick ? 20 : 200));

// Hundreds of processes are started; what they are compiled to is kept, so that starting them is not what is measured.
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), 'kastor-bench-compiled');

const tell = (what: string) => process.stderr.write(`${what}\n`);
const say = (what: string) => process.stdout.write(`${what}\n`);

/** Milliseconds from the end of each push to its object in the cluster. */
async function pushToApplied(scene: GitopsScene): Promise<number[]> {
  const took: number[] = [];
  for (let n = 1; n <= pushes; n += 1) {
    const done = scene.synchronisations;
    const seen = scene.view.seen(1, `round=push-${n}`);
    await scene.repository.commit({ 'pushed.yaml': configMap('pushed', n).replace(`"${n}"`, `"push-${n}"`) });
    const pushedAt = performance.now();
    await seen;
    took.push(performance.now() - pushedAt);
    await scene.synchronized(done + 1);
  }
  return took.sort((a, b) => a - b);
}

const at = (sorted: readonly number[], share: number) =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(0);

say(`Node ${process.version}, ${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)}`);
if (options.soak) {
  process.exitCode = (await soak(
    { minutes: Number(positionals[0] ?? 10), agents: Number(options.agents) },
    say,
  ))
    ? 0
    : 1;
} else {
  process.exitCode = (await measure()) ? 0 : 1;
}

/** Whether all that must hold did; how long things take is only told. */
async function measure(): Promise<boolean> {
  const polls = await countPolls(1_000, 10, 20);
  say(
    `${polls.streams} streams of ${polls.repositories} repositories: ${polls.perPeriod.toFixed(2)} polls per period; ` +
      `one per repository ${polls.holds ? 'holds' : 'does NOT hold'}`,
  );
  let holds = polls.holds;
  const scene = await GitopsScene.start();
  try {
    say(`cluster: ${scene.cluster.kind}`);
    const took = await pushToApplied(scene);
    say(`push to applied, ${took.length} pushes: p50 ${at(took, 0.5)} ms, p99 ${at(took, 0.99)} ms`);
    if (objects > 0) {
      const { appliedMs, prunedMs, holds: agrees } = await manyObjects(scene, objects);
      holds &&= agrees;
      const took = `applied in ${(appliedMs / 1_000).toFixed(1)} s, pruned in ${(prunedMs / 1_000).toFixed(1)} s`;
      say(`a commit of ${objects} objects: ${took}; inventory and cluster ${agrees ? 'agree' : 'DIFFER'}`);
    }
    const { converged, failures } = await killRounds(scene, { kills, seed: Number(options.seed) }, tell);
    for (const failure of failures) say(failure);
    holds &&= failures.length === 0;
    say(
      `kill -9 in the middle of 500 objects: ${converged}/${kills} converged; load ${loadavg()[0]?.toFixed(1)}`,
    );
  } finally {
    await scene.stop();
  }
  return holds;
}
