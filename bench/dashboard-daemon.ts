/**
 * The daemon of `bench/dashboard.ts`: as many agents as asked for, each a real session actor under its supervisor, watched
 * by the real flight recorder and the real dashboard. No sockets but that of the dashboard: what befalls the agents is told
 * to their charts. Says where it listens; each line on its input begins a measurement: a rate of transitions and seconds.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fromPromise } from 'xstate';
import { FlightRecorder, inspectLimits, openObservability } from '../src/inspect/index.ts';
import { createLog, systemClock, systemRandom } from '../src/host/index.ts';
import type { AgentSession } from '../src/actors/index.ts';
import { Dashboard, dashboardLimits, liveFeedName, supervisorTree } from '../src/kas/dashboard/index.ts';
import type { AgentInfo } from '../src/ports/index.ts';
import {
  DynamicSupervisor,
  guarded,
  Registry,
  Supervisor,
  type SupervisorEnv,
} from '../src/supervisor/index.ts';
import { agentSessionMachine, type AgentVerdict } from '../statecharts/index.ts';

export interface Measured {
  readonly transitions: number;
  readonly seconds: number;
  readonly loopP50Ms: number;
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
  readonly cpuShare: number;
}

type Seen = {
  -readonly [Key in 'sessionId' | 'agent' | 'pod' | 'connectedAt' | 'refusal' | 'ref']: AgentSession[Key];
} & { readonly connection: { readonly connectionId: string; readonly peer: string }; tunnels: number };

const count = Number(process.argv[2] ?? 5_000);
const clock = systemClock;
const sessions = new Map<string, Seen>();
const recorder = new FlightRecorder({ clock, entriesMax: inspectLimits.recordedMax });
const watched: { dashboard?: Dashboard } = {};
const env: SupervisorEnv = {
  clock,
  random: systemRandom,
  registry: new Registry(),
  report: () => {},
  observe: (transition) => {
    const { actorId, machine, from, to, event } = transition;
    recorder.record(actorId, machine, from, to, event);
    watched.dashboard?.observe(transition);
  },
};
const population = new DynamicSupervisor({ id: 'sessions', maxChildren: 20_000 }, env);
const dashboard: Dashboard = new Dashboard({
  clock,
  registry: env.registry,
  recorder,
  find: (id) => sessions.get(id),
  tunnels: { idleOf: () => 1 },
  requests: () => ({ count: 0, living: () => [] }),
  projects: () => [],
  objects: () => undefined,
  pollers: { manifests: nobody(), configuration: nobody() },
  tree: () => supervisorTree(tree.id, tree.health(), tree.whichChildren()),
  token: undefined,
  pagesFolder: 'dist/web',
  kasName: 'bench',
});
watched.dashboard = dashboard;
const tree: Supervisor = new Supervisor(
  {
    id: 'kas',
    strategy: 'one_for_one',
    children: [
      {
        id: liveFeedName,
        name: liveFeedName,
        logic: dashboard.feed.logic,
        input: { pulseMs: dashboardLimits.pulseMs },
      },
      { id: 'sessions', supervisor: () => population },
    ],
  },
  env,
);
const logic = guarded(
  agentSessionMachine.provide({
    actors: {
      lookup: fromPromise<AgentVerdict, { readonly sessionId: string }>(async ({ input }) => {
        const agent = sessions.get(input.sessionId)?.agent;
        if (agent === undefined) return { kind: 'unavailable', reason: 'the session is gone' };
        const { agentId, agentName, projectId } = agent;
        return { kind: 'granted', agentId, agentName, projectId };
      }),
    },
  }),
);

await tree.start();
let made = 0;
const living: Seen[] = Array.from({ length: count }, (_, agent) => begin(agent));
const endpoint = await openObservability({
  network: 'tcp',
  host: '127.0.0.1',
  port: 0,
  paths: { metrics: '/metrics', liveness: '/liveness', readiness: '/readiness' },
  readinessProbes: {},
  exposeMetrics: async () => ({ contentType: 'text/plain', body: '' }),
  others: (path, request, response) => dashboard.answer(path, request, response),
  serverName: 'bench',
  log: createLog({ level: 'error' }).log,
  clock,
});
process.stdout.write(`${JSON.stringify({ port: endpoint.port })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  const { perSecond, seconds } = JSON.parse(line) as { perSecond: number; seconds: number };
  process.stdout.write(`${JSON.stringify(await measure(perSecond, seconds))}\n`);
}
process.exit(0);

function nobody() {
  return { count: 0, seen: () => [] };
}

/** One agent connects; it has tunnels as soon as it is known. */
function begin(agent: number): Seen {
  const sessionId = `session:${++made}`;
  const session: Seen = {
    sessionId,
    agent: agentOf(agent),
    pod: undefined,
    connectedAt: clock.now(),
    refusal: undefined,
    ref: undefined,
    connection: {
      connectionId: `connection:${made}`,
      peer: `10.${agent % 7}.${agent % 250}.${(agent % 200) + 1}:40000`,
    },
    tunnels: 0,
  };
  sessions.set(sessionId, session);
  const input = {
    sessionId,
    peer: session.connection.peer,
    lookupBackoffMs: { init: 1_000, max: 10_000 },
    refreshMs: 3_600_000,
    lastCallMs: 10_000,
  };
  const started = population.startChild({ id: sessionId, logic, input, restart: 'temporary' });
  if (started.kind === 'refused') throw new Error(`session refused: ${started.reason}`);
  session.ref = started.ref;
  started.ref.subscribe({ complete: () => sessions.delete(sessionId) });
  return session;
}

function agentOf(agent: number): AgentInfo {
  const project = Math.floor(agent / 200);
  return {
    agentId: BigInt(agent + 1),
    agentName: `agent-${String(agent).padStart(5, '0')}`,
    projectId: BigInt(project),
    repository: {
      projectPath: `group-${project % 5}/project-${project}`,
      location: { kind: 'local', gitDir: '/nowhere' },
    },
    defaultBranch: 'main',
  };
}

/**
 * Every agent loses its last tunnel and gets one again, in turns; one event in fifty is a lost connection, and the agent is
 * back with the next: so nearly each transition changes what is on the screen.
 */
async function measure(perSecond: number, seconds: number): Promise<Measured> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const cpu = process.cpuUsage();
  const started = performance.now();
  const before = recorder.recorded;
  delay.enable();
  let gone: number | undefined;
  while (performance.now() - started < seconds * 1_000) {
    const due = Math.floor(((performance.now() - started) / 1_000) * perSecond);
    while (recorder.recorded - before < due) {
      const agent = Math.floor(systemRandom.next() * living.length);
      const session = living[agent];
      if (gone !== undefined) {
        living[gone] = begin(gone);
        gone = undefined;
      } else if (session !== undefined && systemRandom.next() < 0.02) {
        gone = agent;
        session.ref?.send({ type: 'connection.closed', reason: 'closed by the peer or the network' });
      } else if (session !== undefined) {
        session.tunnels = session.tunnels === 0 ? 2 : 0;
        const ref = session.ref;
        const at = recorder.recorded;
        ref?.send({ type: 'tunnels.changed', count: session.tunnels });
        // Not known to GitLab yet: an event that moves nothing must not keep this loop.
        if (recorder.recorded === at) break;
      }
    }
    await new Promise((turn) => setTimeout(turn, 5));
  }
  delay.disable();
  if (gone !== undefined) living[gone] = begin(gone);
  const { user, system } = process.cpuUsage(cpu);
  const tookMs = performance.now() - started;
  const ms = (nanoseconds: number) => nanoseconds / 1e6;
  return {
    transitions: recorder.recorded - before,
    seconds: tookMs / 1_000,
    loopP50Ms: ms(delay.percentile(50)),
    loopP99Ms: ms(delay.percentile(99)),
    loopMaxMs: ms(delay.max),
    cpuShare: (user + system) / 1_000 / tookMs,
  };
}
