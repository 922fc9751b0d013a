/**
 * The largest world: many agents over several kas for an hour of virtual time, with a rolling restart in the middle. Says how fast
 * it runs, what it takes of memory, and how the agents come back: the most dials within 100 ms.
 *
 *   node --max-old-space-size=20000 bench/simulate.ts [agents] [kas] [minutes]
 */
import { drawPlan, World, type Plan } from '../src/sim/world/index.ts';

const [agentsText = '1000', kasText = '3', minutesText = '60'] = process.argv.slice(2);
const agents = Number(agentsText);
const kas = Number(kasText);
const minutes = Number(minutesText);
const minuteMs = 60_000;

const drawn = drawPlan(1, { agents, kas, faults: [], healMs: minutes * minuteMs });
const plan: Plan = {
  ...drawn,
  ageMs: 120 * minuteMs,
  pushes: [],
  pollMs: 5 * minuteMs,
  faults: [
    { atMs: (minutes * minuteMs) / 2, forMs: kas * minuteMs, kind: 'rolling-restart', agent: 0, kas: 0 },
  ],
};
const world = new World(plan);
// Without a configuration agents do not know who they are, and ask their clusters for no Lease: that would be nearly all there is to do.
world.gitlab.trouble('fails', 'git');
const startedMs = performance.now();
const mebibytes = (bytes: number) => Math.round(bytes / 1024 / 1024);
let rssMax = 0;

for (let minute = 1; minute <= minutes; minute++) {
  world.kernel.at(minute * minuteMs, () => {
    rssMax = Math.max(rssMax, process.memoryUsage().rss);
    const connected = world.agents.filter(({ agentk }) => agentk?.connected === true).length;
    const seconds = (performance.now() - startedMs) / 1000;
    console.log(
      `${minute} min: ${connected} connected, ${world.kernel.steps} steps, ${seconds.toFixed(0)} s, ${mebibytes(process.memoryUsage().rss)} MiB`,
    );
  });
}
await world.run();

const tookS = (performance.now() - startedMs) / 1000;
const { failure, steps, nowMs } = world.kernel;
console.log(failure === undefined ? 'all invariants held' : `${failure.id}: ${failure.text}`);
console.log(
  `${agents} agents, ${kas} kas, ${Math.round(nowMs / minuteMs)} min simulated in ${tookS.toFixed(0)} s`,
);
console.log(`${steps} steps, ${Math.round(steps / tookS)} a second; at most ${mebibytes(rssMax)} MiB`);
console.log(
  `most dials within 100 ms: ${peak(world.dialTimes, 100)}, after the restart ${peak(late(), 100)}`,
);

function late(): readonly number[] {
  return world.dialTimes.filter((atMs) => atMs >= (minutes * minuteMs) / 2);
}

function peak(times: readonly number[], withinMs: number): number {
  let most = 0;
  for (let from = 0, to = 0; to < times.length; to++) {
    while ((times[to] ?? 0) - (times[from] ?? 0) > withinMs) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}
