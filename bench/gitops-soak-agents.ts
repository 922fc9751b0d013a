/**
 * Many whole agents in one process, for `gitops-soak.ts`: each is what `agentk` runs, with its own connection to kas, election,
 * modules and worker thread. Only the process is shared: 200 of them would need some 30 GB. Answers through `soak` to whoever looks
 * at the process from outside.
 *
 * The record each agent keeps of its last steps is short here. With the usual 2,000 it would go on filling for an hour of pushes, in a
 * hundred agents at once, and look like growth; a short one is full before the first sample that is compared.
 */
import { startAgentk, unsetBuild, type AgentkOptions } from '../src/agentk/index.ts';
import { loadKubernetesAccess, openApiServer } from '../src/agentk/kubernetes/index.ts';
import { createMetrics, systemClock, systemRandom, type MetricsRegistry } from '../src/host/index.ts';
import type { Log, LogFields } from '../src/ports/index.ts';

const plan = JSON.parse(process.argv[2] ?? '{}') as {
  kasPort: number;
  server: string;
  serverToken: string;
  agents: readonly { readonly n: number; readonly token: string }[];
};
const recordedTransitionsMax = 50;
/** Commits that reached the cluster since they were asked for last, with the time. */
let arrivals: [commitId: string, atMs: number][] = [];
const said = new Map<string, number>();

function listening(synchronized: () => void): Log {
  const heed = (message: string, fields: LogFields = {}) => {
    if (message !== 'Objects synchronized') return;
    arrivals.push([String(fields['commit_id']), Date.now()]);
    synchronized();
  };
  const complain = (message: string, fields: LogFields = {}) => {
    const text = `${message} ${String(fields['reason'] ?? '')}`.slice(0, 200);
    if (said.size < 100 || said.has(text)) said.set(text, (said.get(text) ?? 0) + 1);
  };
  const log: Log = { debug: () => {}, info: heed, warn: complain, error: complain, child: () => log };
  return log;
}

const registries: MetricsRegistry[] = [];
const counted = [
  'agentk_gitops_projects',
  'agentk_gitops_cluster_watches',
  'agentk_tunnels_idle',
  'agentk_leader',
];

async function counts(): Promise<string> {
  const sums: Record<string, number> = {};
  for (const { expose } of registries) {
    const { body } = await expose();
    for (const name of counted) {
      const value = Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(body)?.[1] ?? 0);
      sums[name] = (sums[name] ?? 0) + value;
    }
  }
  return JSON.stringify(sums);
}

function news(): string {
  const told = JSON.stringify({ arrivals, said: [...said] });
  arrivals = [];
  said.clear();
  return told;
}

Object.assign(globalThis, { soak: { counts, news } });

/** Starts an agent; resolves when its first commit is in the cluster. */
async function start({ n, token }: (typeof plan.agents)[number]): Promise<void> {
  const registry = createMetrics({ processMetrics: false });
  registries.push(registry);
  const { promise: synchronized, resolve } = Promise.withResolvers<void>();
  const kubernetes = { server: plan.server, token: plan.serverToken };
  const env = { HOME: '/nonexistent' };
  const options: AgentkOptions = {
    kasAddress: `grpc://127.0.0.1:${plan.kasPort}`,
    token,
    kasHeaders: [],
    pod: { namespace: `agent-${n}`, name: 'agentk' },
    build: unsetBuild,
    kubernetes,
    env,
    startDelayMsMax: 0,
    ports: {
      clock: systemClock,
      random: systemRandom,
      log: listening(resolve),
      setLogLevel: () => {},
      metrics: registry.metrics,
      expose: registry.expose,
    },
  };
  const access = await loadKubernetesAccess(kubernetes, { env, clock: systemClock });
  await startAgentk(options, { server: openApiServer(access, systemClock), recordedTransitionsMax });
  await synchronized;
}

// A few at a time: what starts is what costs, and a machine that starts a hundred at once measures nothing else for minutes.
const startedAtOnce = 4;
const todo = plan.agents.values();
await Promise.all(
  Array.from({ length: startedAtOnce }, async () => {
    for (const agent of todo) await start(agent);
  }),
);
process.stdout.write('{}\n');
