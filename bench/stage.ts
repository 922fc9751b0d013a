/**
 * What is measured: the same backend behind nothing, behind two bare proxies in a row (the yardstick: as many hops as kas
 * and agentk), and behind Kastor as a user runs it, once with the reuse of tunnels and once in the form of the originals.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dump, load } from 'js-yaml';
import { demoAgent, prepareDataFolder, type DemoData } from '../src/cli/demo/data-folder.ts';
import { findPort } from '../src/cli/demo/ports.ts';
import type { Part, Parts } from './processes.ts';

/** Where load is sent, and whose CPU and memory it costs. */
export interface Target {
  readonly name: 'direct' | 'proxy' | 'kastor' | 'original';
  readonly port: number;
  readonly headers: readonly string[];
  /** The two hops, nearest to the client first; none for `direct`. */
  readonly hops: readonly Part[];
}

/** A kas for itself. */
export interface KasStage {
  readonly kas: Part;
  readonly data: DemoData;
  readonly ports: { readonly agents: number; readonly kubernetesApi: number; readonly observability: number };
}

const servingMsMax = 30_000;
const native: Transport = { scheme: 'grpc' };

/** A way from agentk to kas. */
export interface Transport {
  readonly scheme: 'grpc' | 'grpcs' | 'ws' | 'wss';
  /** For both processes. */
  readonly env?: Readonly<Record<string, string>>;
  /** What both processes can be silenced of (`recorder-daemon.ts`): their flight recorders, or the dashboard with it. */
  readonly silenced?: 'recorder' | 'all';
}

export class Stage {
  readonly #parts: Parts;
  readonly #folder: string;
  readonly #observability = new Map<string, number>();

  private constructor(parts: Parts, folder: string) {
    this.#parts = parts;
    this.#folder = folder;
  }

  static async open(parts: Parts): Promise<Stage> {
    return new Stage(parts, await mkdtemp(join(tmpdir(), 'kastor-bench-')));
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async targets(): Promise<readonly Target[]> {
    const backend = await this.#listening('backend', './backend.ts', []);
    const inner = await this.#listening('proxy', './proxy.ts', [String(backend.port)]);
    const outer = await this.#listening('proxy', './proxy.ts', [String(inner.port)]);
    return [
      { name: 'direct', port: backend.port, headers: [], hops: [] },
      { name: 'proxy', port: outer.port, headers: [], hops: [outer.part, inner.part] },
      await this.#kastor('kastor', 'kastor', backend.port, true),
      await this.#kastor('original', 'original', backend.port, false),
    ];
  }

  /** The same backend behind Kastor, once for each way from agentk to kas. */
  async over(transports: Readonly<Record<string, Transport>>): Promise<ReadonlyMap<string, Target>> {
    const backend = await this.#listening('backend', './backend.ts', []);
    const targets = new Map<string, Target>();
    for (const [folder, transport] of Object.entries(transports)) {
      targets.set(folder, await this.#kastor('kastor', folder, backend.port, true, transport));
    }
    return targets;
  }

  /** Where the kas of that name is looked at. */
  observabilityOf(name: string): number {
    return this.#observability.get(name) ?? 0;
  }

  /** Starts a kas with a data folder of its own. */
  async kas(name: string, reuse: boolean, transport: Transport = native): Promise<KasStage> {
    const folder = join(this.#folder, name);
    const [agents, kubernetesApi, observability, agentObservability] = await freePorts();
    const ports = { agents, kubernetesApi, observability, agentObservability };
    const data = await prepareDataFolder(folder, ports);
    await adaptConfiguration(data.kasConfiguration, reuse, transport);
    const kas = this.#parts.start(
      `kas of ${name}`,
      ...program('kas', transport, ['--configuration-file', data.kasConfiguration]),
      transport.env,
    );
    this.#observability.set(name, observability);
    await answering([kas], `http://127.0.0.1:${observability}/readiness`);
    return { kas, data, ports };
  }

  async #kastor(
    name: 'kastor' | 'original',
    folder: string,
    backendPort: number,
    reuse: boolean,
    transport: Transport = native,
  ): Promise<Target> {
    const { kas, data, ports } = await this.kas(folder, reuse, transport);
    const kubeconfig = join(this.#folder, `${folder}.kubeconfig`);
    await writeFile(kubeconfig, kubeconfigOf(backendPort));
    const [observability] = await freePorts();
    const agentk = this.#parts.start(
      `agentk of ${folder}`,
      ...program('agentk', transport, [
        '--kas-address',
        `${transport.scheme}://127.0.0.1:${ports.agents}`,
        '--kas-insecure-skip-tls-verify',
        '--token-file',
        data.agentTokenFile,
        '--kubeconfig',
        kubeconfig,
        '--observability-listen-address',
        `127.0.0.1:${observability}`,
      ]),
      { POD_NAMESPACE: 'bench', POD_NAME: name, ...transport.env },
    );
    const token = `ci:${demoAgent.id}:${data.jobToken}`;
    await answering([kas, agentk], `http://127.0.0.1:${ports.kubernetesApi}/version`, {
      authorization: `Bearer ${token}`,
    });
    return {
      name,
      port: ports.kubernetesApi,
      headers: [`Authorization: Bearer ${token}`],
      hops: [kas, agentk],
    };
  }

  async #listening(
    name: string,
    script: string,
    args: readonly string[],
  ): Promise<{ readonly part: Part; readonly port: number }> {
    const part = this.#parts.start(name, script, args);
    return { part, port: (await part.answer<{ port: number }>()).port };
  }
}

/** The script that runs a program, and its arguments. */
function program(
  name: 'kas' | 'agentk',
  { silenced }: Transport,
  args: readonly string[],
): [script: string, args: readonly string[]] {
  return silenced === undefined
    ? [`../src/cli/${name}.ts`, args]
    : ['./recorder-daemon.ts', [name, silenced, ...args]];
}

async function freePorts(): Promise<[number, number, number, number]> {
  // Asked at once, so that no two are the same.
  const [a, b, c, d] = await Promise.all([0, 0, 0, 0].map(async (any) => (await findPort(any)).port));
  return [a ?? 0, b ?? 0, c ?? 0, d ?? 0];
}

/**
 * The demonstration's configuration without TLS towards clients (the yardstick has none either), and with the poll period
 * of a real installation: idle agents are to be idle.
 */
async function adaptConfiguration(file: string, reuse: boolean, { scheme }: Transport): Promise<void> {
  const configuration = load(await readFile(file, 'utf8')) as {
    agent: {
      listen: {
        tunnel_reuse?: boolean;
        connections_per_token_per_minute?: number;
        websocket?: boolean;
        certificate_file?: string | undefined;
        key_file?: string | undefined;
      };
      configuration: { poll_period?: string };
      kubernetes_api: { listen: { certificate_file?: string; key_file?: string } };
    };
  };
  const { listen, kubernetes_api, configuration: watching } = configuration.agent;
  delete watching.poll_period;
  listen.tunnel_reuse = reuse;
  listen.connections_per_token_per_minute = 100_000_000; // without reuse every request is a call of the agent
  listen.websocket = scheme.startsWith('ws');
  if (scheme.endsWith('s') && scheme !== 'ws') {
    listen.certificate_file = kubernetes_api.listen.certificate_file;
    listen.key_file = kubernetes_api.listen.key_file;
  }
  delete kubernetes_api.listen.certificate_file;
  delete kubernetes_api.listen.key_file;
  await writeFile(file, dump(configuration));
}

/** Waits until `url` is answered with success. */
async function answering(
  parts: readonly Part[],
  url: string,
  headers: Record<string, string> = {},
): Promise<void> {
  const until = performance.now() + servingMsMax;
  while (parts.every((part) => part.alive) && performance.now() < until) {
    const answer = await fetch(url, { headers }).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer?.ok === true) return;
    await sleep(50);
  }
  const words = parts.map(({ name, lastWords }) => `${name}:\n${lastWords}`);
  throw new Error(`${url} is not answered\n${words.join('\n')}`);
}

function kubeconfigOf(port: number): string {
  return dump({
    apiVersion: 'v1',
    kind: 'Config',
    // Without TLS a cluster is only taken when its certificate does not matter.
    clusters: [
      {
        name: 'backend',
        cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true },
      },
    ],
    users: [{ name: 'nobody', user: { token: 'benchmark' } }],
    contexts: [{ name: 'backend', context: { cluster: 'backend', user: 'nobody' } }],
    'current-context': 'backend',
  });
}
