/**
 * `node bench/gitops.ts --soak [minutes] [--agents N]`: agents, 200 unless told otherwise, with a repository each on one kas, a steady stream of pushes, and nothing may
 * grow. Every 30 s, in short runs more often, kas and the agents are looked at after a collection: heap, memory outside it, resident
 * memory, files and sockets, what keeps the event loop busy, actors by kind. In the end every cluster must have what was pushed last.
 *
 * S1. No growth: `growth.ts` says how two fifths of the samples are compared, `tolerances` what is still none. The first fifth is the
 *     warm-up: what is filled once and never again has to be full by its end, or is left short (`gitops-soak-agents.ts`).
 * S2. The agents are whole agents, half of them in one process, half in another; the cluster is the simulated one and is not judged.
 */
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { growthOf, type Growth, type Tolerance } from './growth.ts';
import { openSoakWorld, type SoakWorld, type Watched } from './gitops-soak-world.ts';

const agentProcesses = 2;
/** Each agent gets a commit so often. */
const pushEveryMs = 50_000;
const sampleMsMax = 30_000;
/** Five of these are a fifth, of which the median is taken. */
const samplesMin = 25;
/** For a machine that is busy with much else. */
const arriveMsMax = 600_000;

type Sample = Readonly<Record<string, number>>;
interface Arrivals {
  readonly arrivals: readonly (readonly [commitId: string, atMs: number])[];
  readonly said: readonly (readonly [text: string, times: number])[];
}

const kasActors = [
  'kas_agent_connections',
  'kas_agent_sessions',
  'kas_config_watches',
  'kas_repository_pollers',
  'kas_gitops_streams',
  'kas_tunnels',
  'kas_push_subscriptions',
  'kas_dead_letters',
] as const;

/** Bytes in MiB; kas goes on filling its own record of 30,000 steps, some 4 of them. What is counted may differ by what is under way in the moment of the sample. */
const tolerances: readonly (readonly [RegExp, Tolerance])[] = [
  [/heap|external/, { share: 0.05, few: 4 }],
  [/rss/, { share: 0.1, few: 16 }],
  [/resource/, { share: 0.02, few: 12, isUnderWay: true }],
  [/./, { share: 0.02, few: 12 }],
];

/** Runs it, tells on the way, and answers whether everything held. */
export async function soak(
  { minutes, agents }: { readonly minutes: number; readonly agents: number },
  say: (text: string) => void,
): Promise<boolean> {
  const world = await openSoakWorld(agents, agentProcesses);
  try {
    const stream = new PushStream(world, agents);
    say(`${agents} agents synchronized; load ${loadavg()[0]?.toFixed(1)}`);
    const pushing = stream.run();
    const samples: Sample[] = [];
    const [from, lengthMs] = [performance.now(), minutes * 60_000];
    const count = Math.max(samplesMin, Math.round(lengthMs / sampleMsMax));
    for (let nth = 1; nth <= count; nth += 1) {
      await sleep(Math.max(0, from + (nth * lengthMs) / count - performance.now()));
      samples.push(await sampleOf(world));
      await stream.hear();
      const passed = (performance.now() - from) / 1_000;
      say(`${passed.toFixed(0)} s: ${shown(samples.at(-1) ?? {})}; ${stream.pushed} pushes`);
    }
    stream.stop();
    await pushing;
    await stream.everyAgent();
    const grown = judge(samples);
    say(table(grown));
    say(stream.report());
    const names = grown.flatMap(({ name, holds }) => (holds ? [] : [name]));
    for (const name of names) {
      say(`${name}: ${samples.map((sample) => (sample[name] ?? 0).toFixed(0)).join(' ')}`);
    }
    say(names.length === 0 ? 'nothing grew: holds' : `GROWN: ${names.join(', ')}`);
    return names.length === 0;
  } finally {
    await world.close();
  }
}

/** Pushes to one repository after the other, and knows when each commit was in its cluster. */
class PushStream {
  readonly #world: SoakWorld;
  readonly #agents: number;
  readonly #pushedAt = new Map<string, number>();
  readonly #newest = new Map<number, string>();
  readonly #arrived = new Set<string>();
  readonly #took: number[] = [];
  readonly #said = new Map<string, number>();
  #stopped = false;
  pushed = 0;

  constructor(world: SoakWorld, agents: number) {
    this.#world = world;
    this.#agents = agents;
  }

  async run(): Promise<void> {
    const started = performance.now();
    for (let round = 1; !this.#stopped; round += 1) {
      for (let agent = 1; agent <= this.#agents && !this.#stopped; agent += 1) {
        const begunAt = Date.now();
        const commitId = await this.#world.push(agent, round);
        this.#pushedAt.set(commitId, begunAt);
        this.#newest.set(agent, commitId);
        this.pushed += 1;
        await sleep(Math.max(0, started + (this.pushed * pushEveryMs) / this.#agents - performance.now()));
      }
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Takes in what the agents have to tell. */
  async hear(): Promise<void> {
    for (const { inspected } of this.#world.agents) {
      const { arrivals, said } = await inspected.evaluate<Arrivals>('soak.news()');
      for (const [commitId, atMs] of arrivals) {
        const pushedAt = this.#pushedAt.get(commitId);
        if (pushedAt !== undefined && !this.#arrived.has(commitId)) this.#took.push(atMs - pushedAt);
        this.#arrived.add(commitId);
      }
      for (const [text, times] of said) this.#said.set(text, (this.#said.get(text) ?? 0) + times);
    }
  }

  /** Waits until every agent has its newest commit. */
  async everyAgent(): Promise<void> {
    const until = performance.now() + arriveMsMax;
    for (;;) {
      await this.hear();
      const missing = [...this.#newest.values()].filter((commitId) => !this.#arrived.has(commitId));
      if (missing.length === 0) return;
      if (performance.now() > until) {
        throw new Error(`${missing.length} commits did not arrive\n${this.report()}`);
      }
      await sleep(500);
    }
  }

  report(): string {
    const sorted = this.#took.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
    const complaints = [...this.#said].map(([text, times]) => `\n  ${times}x ${text}`);
    const words = complaints.length === 0 ? 'no warnings of agents' : `agents said:${complaints.join('')}`;
    return (
      `${this.pushed} pushes, ${sorted.length} of them applied before the next, the newest of each agent arrived; ` +
      `from the begin of a push to its end in the cluster p50 ${at(0.5)} ms, p99 ${at(0.99)} ms; ${words}`
    );
  }
}

async function sampleOf(world: SoakWorld): Promise<Sample> {
  const sample: Record<string, number> = {};
  for (const watched of [world.kas, ...world.agents]) Object.assign(sample, await heldBy(watched));
  const metrics = await (await fetch(`http://127.0.0.1:${world.observability}/metrics`)).text();
  for (const name of kasActors) {
    sample[`kas ${name}`] = Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)?.[1] ?? Number.NaN);
  }
  for (const { name, inspected } of world.agents) {
    const counts = await inspected.evaluate<Record<string, number>>('soak.counts()');
    for (const [metric, value] of Object.entries(counts)) sample[`${name} ${metric}`] = value;
  }
  return sample;
}

async function heldBy({ name, inspected }: Watched): Promise<Sample> {
  const { heapMb, externalMb, rssMb, files, resources } = await inspected.held();
  const busy = Object.entries(resources).map(([kind, count]) => [`${name} resource ${kind}`, count] as const);
  return {
    [`${name} heap`]: heapMb,
    [`${name} external`]: externalMb,
    [`${name} rss`]: rssMb,
    ...(files === undefined ? {} : { [`${name} files`]: files }),
    ...Object.fromEntries(busy),
  };
}

function judge(samples: readonly Sample[]): readonly Growth[] {
  const names = new Set(samples.flatMap((sample) => Object.keys(sample)));
  return [...names].map((name) => {
    const values = samples.map((sample) => sample[name] ?? 0);
    const [, tolerance] = tolerances.find(([pattern]) => pattern.test(name)) ?? [
      undefined,
      { share: 0, few: 0 },
    ];
    return growthOf(name, values, tolerance);
  });
}

function shown(sample: Sample): string {
  return Object.entries(sample)
    .filter(([name]) => /heap|rss|files|streams|pollers|watches$/.test(name))
    .map(([name, value]) => `${name} ${value.toFixed(0)}`)
    .join(', ');
}

function table(grown: readonly Growth[]): string {
  const lines = grown.map(({ name, before, after, allowed, holds }) => {
    const values = [before, after, allowed].map((value) => value.toFixed(1).padStart(10));
    return `${name.padEnd(52)}${values.join('')}  ${holds ? 'holds' : 'GROWN'}`;
  });
  const head = `${''.padEnd(52)}${['2nd fifth', 'last', 'allowed'].map((word) => word.padStart(10)).join('')}`;
  return [head, ...lines].join('\n');
}
