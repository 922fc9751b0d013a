/**
 * `kastor start`: the whole path on one machine, for a first look. kas and agentk run as processes of their own under a
 * supervisor, so that either can be killed to watch the other recover; the cluster is a simulated one unless a kubeconfig
 * is given.
 */
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { createLog, systemClock, systemRandom } from '../../host/index.ts';
import type { Log } from '../../ports/index.ts';
import { Registry, reportsToLog, Supervisor, type SupervisorEnv } from '../../supervisor/index.ts';
import { createChildProcessLogic } from './child-process.actor.ts';
import { useCluster, type DemoCluster } from './cluster.ts';
import { demoAgent, prepareDataFolder, type DemoData, type DemoPorts } from './data-folder.ts';
import { preparePages } from './pages.ts';
import { findPort } from './ports.ts';
import { Screen } from './screen.ts';
import { waitUntilServing } from './serving.ts';

export interface StartOptions {
  readonly data: string;
  /** Written as JSON once the agent serves requests. */
  readonly readyFile?: string | undefined;
  /** Kubeconfig of a real cluster. */
  readonly cluster?: string | undefined;
}

const preferredPorts = { agents: 8150, kubernetesApi: 8154, observability: 8151, agentObservability: 8080 };
const servingMsMax = 60_000;

/** Runs until a signal. Answers the process's exit code. */
export async function start(options: StartOptions): Promise<number> {
  const screen = new Screen(process.stdout);
  const stop = stopRequested();
  const folder = resolve(options.data);
  await mkdir(folder, { recursive: true });
  if (options.readyFile !== undefined) await rm(options.readyFile, { force: true });
  const ports = await choosePorts(screen);
  const pages = await preparePages(join(folder, 'web'));
  if (pages.kind === 'missing') screen.note(`the dashboard has no pages: ${pages.reason}`);
  const data = await prepareDataFolder(folder, ports, pages);
  const logFile = join(folder, 'kastor.log');
  const output = createWriteStream(logFile, { flags: 'a' });
  const { log } = createLog({ level: 'info', destination: { write: (line) => void output.write(line) } });
  const cluster = await useCluster(options.cluster, folder, log);
  const { logic, pidOf } = createChildProcessLogic({
    output,
    tell: (name, reason) => screen.problem(`${name} could not be started: ${reason}`),
  });
  const tree = new Supervisor(
    {
      id: 'kastor',
      strategy: 'one_for_one',
      intensity: 10,
      periodMs: 60_000,
      children: children(logic, data, ports, cluster.kubeconfig),
    },
    environment(log),
  );
  await tree.start();
  try {
    await waitUntilServing({
      port: ports.kubernetesApi,
      certificate: data.certificate,
      token: `ci:${demoAgent.id}:${data.jobToken}`,
      msMax: servingMsMax,
      stop: stop.signal,
    });
    screen.ready({ data, ports, pidOf, cluster, logFile, kubectl: onPath('kubectl') });
    if (options.readyFile !== undefined)
      await writeReadyFile(options.readyFile, { data, ports, pidOf, cluster, logFile });
    await Promise.race([stop.asked, tree.exit]);
    return 0;
  } catch (error) {
    if (stop.signal.aborted) return 0;
    screen.problem(`${(error as Error).message}\nThe log says more: ${logFile}`);
    return 1;
  } finally {
    screen.stopping();
    await tree.stop('the user asked');
    await cluster.stop();
    output.end();
    screen.stopped();
  }
}

async function choosePorts(screen: Screen): Promise<DemoPorts> {
  const choose = async (preferred: number) => {
    const { port, taken } = await findPort(preferred);
    if (taken) screen.note(`port ${preferred} is taken, using ${port} instead`);
    return port;
  };
  return {
    agents: await choose(preferredPorts.agents),
    kubernetesApi: await choose(preferredPorts.kubernetesApi),
    observability: await choose(preferredPorts.observability),
    agentObservability: await choose(preferredPorts.agentObservability),
  };
}

function children(
  logic: ReturnType<typeof createChildProcessLogic>['logic'],
  data: DemoData,
  ports: DemoPorts,
  kubeconfig: string,
) {
  const executable = (name: string) => {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    return new URL(`../${name}.${extension}`, import.meta.url).pathname;
  };
  const child = (name: string, args: readonly string[], environment: Readonly<Record<string, string>>) => ({
    id: `process:${name}`,
    logic,
    input: {
      name,
      command: process.execPath,
      args: [executable(name), ...args],
      environment,
      stopGraceMs: 20_000,
    },
    ready: 'tag' as const,
    shutdown: 30_000,
    backoff: { initMs: 200, factor: 2, maxMs: 5_000, jitter: 0.2, resetMs: 30_000 },
  });
  return [
    child('kas', ['--configuration-file', data.kasConfiguration], {}),
    child(
      'agentk',
      [
        '--kas-address',
        `grpc://127.0.0.1:${ports.agents}`,
        '--token-file',
        data.agentTokenFile,
        '--kubeconfig',
        kubeconfig,
        '--observability-listen-address',
        `127.0.0.1:${ports.agentObservability}`,
      ],
      { POD_NAMESPACE: 'demo', POD_NAME: 'agentk-demo' },
    ),
  ];
}

function environment(log: Log): SupervisorEnv {
  return { clock: systemClock, random: systemRandom, registry: new Registry(), report: reportsToLog(log) };
}

interface World {
  readonly data: DemoData;
  readonly ports: DemoPorts;
  readonly pidOf: (name: string) => number | undefined;
  readonly cluster: DemoCluster;
  readonly logFile: string;
}

async function writeReadyFile(path: string, { data, ports, pidOf, cluster, logFile }: World): Promise<void> {
  const ready = {
    pids: { kastor: process.pid, kas: pidOf('kas'), agentk: pidOf('agentk') },
    addresses: {
      agents: `grpc://127.0.0.1:${ports.agents}`,
      kubernetesApi: `https://127.0.0.1:${ports.kubernetesApi}`,
      observability: `http://127.0.0.1:${ports.observability}`,
      agentObservability: `http://127.0.0.1:${ports.agentObservability}`,
    },
    agent: { id: demoAgent.id, name: demoAgent.name, project: demoAgent.project },
    cluster: { kind: cluster.kind, url: cluster.url },
    kubeconfig: data.kubeconfig,
    repositories: data.repositories,
    log: logFile,
  };
  // Scripts wait for the file to appear, so it must appear whole.
  await writeFile(`${path}.tmp`, `${JSON.stringify(ready, undefined, 2)}\n`);
  await rename(`${path}.tmp`, path);
}

function stopRequested(): { readonly signal: AbortSignal; readonly asked: Promise<void> } {
  const controller = new AbortController();
  const asked = new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (controller.signal.aborted) process.exit(130);
        controller.abort();
        done();
      });
    }
  });
  return { signal: controller.signal, asked };
}

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}
