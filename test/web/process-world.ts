/** kas and agents as processes of their own, and a simulated cluster behind each agent: what the pages say is then of real ends. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Duplex } from 'node:stream';
import { findPort } from '../../src/cli/demo/ports.ts';
import { makeBareRepository } from '../../src/cli/demo/sample-repositories.ts';
import { startCluster, type Cluster } from '../fakes/kube-apiserver.ts';
import { TestProcess } from '../system/world.ts';
import { directoryFile, jobTokenOf, tokenOf, type WorldAgent } from './dashboard-world.ts';

interface Ports {
  readonly agents: number;
  readonly clients: number;
  readonly observability: number;
}

export class ProcessWorld {
  readonly folder: string;
  readonly kas: TestProcess;
  readonly #agents: readonly WorldAgent[];
  readonly #ports: Ports;
  readonly #cluster: Cluster;
  readonly #switching: Server;
  readonly #agentks = new Map<number, TestProcess>();

  private constructor(
    folder: string,
    agents: readonly WorldAgent[],
    ports: Ports,
    cluster: Cluster,
    switching: Server,
  ) {
    this.folder = folder;
    this.#agents = agents;
    this.#ports = ports;
    this.#cluster = cluster;
    this.#switching = switching;
    this.kas = new TestProcess('kas', ['--configuration-file', join(folder, 'kas.yaml')], {});
  }

  static async start(agents: readonly WorldAgent[]): Promise<ProcessWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'kastor-pages-'));
    const [one, two, three] = await Promise.all([0, 0, 0].map(async (any) => (await findPort(any)).port));
    const ports = { agents: one ?? 0, clients: two ?? 0, observability: three ?? 0 };
    await makeBareRepository(join(folder, 'all.git'), { 'README.md': '' });
    await writeFile(join(folder, 'gitlab.yaml'), directoryFile(agents, agents));
    await writeFile(join(folder, 'kas.yaml'), configuration(ports));
    const switching = await startSwitching(join(folder, 'switching.kubeconfig'));
    const world = new ProcessWorld(folder, agents, ports, await startCluster(), switching);
    await world.kas.said(/Kubernetes API endpoint is up/);
    return world;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#ports.observability}`;
  }

  /** @param cluster of what kind the agent's is: one with objects, or one that knows nothing but shells */
  async startAgentk(agent: WorldAgent, cluster: 'objects' | 'shells' = 'objects'): Promise<void> {
    const tokenFile = join(this.folder, `token-${agent.id}`);
    await writeFile(tokenFile, tokenOf(agent));
    const { port } = await findPort(0);
    const agentk = new TestProcess(
      'agentk',
      [
        ['--kas-address', `grpc://127.0.0.1:${this.#ports.agents}`],
        ['--token-file', tokenFile],
        [
          '--kubeconfig',
          cluster === 'shells' ? join(this.folder, 'switching.kubeconfig') : this.#cluster.kubeconfigPath,
        ],
        ['--observability-listen-address', `127.0.0.1:${port}`],
      ].flat(),
      { POD_NAMESPACE: 'pages', POD_NAME: `agentk-${agent.name}` },
    );
    this.#agentks.set(agent.id, agentk);
  }

  agentk({ id }: WorldAgent): TestProcess {
    const found = this.#agentks.get(id);
    if (found === undefined) throw new Error(`agent ${id} was not started`);
    return found;
  }

  /** GitLab forgets the token; kas finds out with the next call of the agent. */
  async revoke(revoked: WorldAgent): Promise<void> {
    const left = this.#agents.filter((agent) => agent !== revoked);
    await writeFile(join(this.folder, 'gitlab.yaml'), directoryFile(this.#agents, left));
  }

  /** A request to the agent's cluster that goes on until somebody ends it; resolves when its answer has begun. */
  async watchCluster(agent: WorldAgent): Promise<void> {
    const url = `http://127.0.0.1:${this.#ports.clients}/api/v1/namespaces?watch=1`;
    const headers = { authorization: `Bearer ci:${agent.id}:${jobTokenOf(agent.project)}` };
    const { status, body } = await fetch(url, { headers });
    if (status !== 200) throw new Error(`the watch was answered with ${status}`);
    void body?.pipeTo(new WritableStream()).catch(() => {}); // broken off with the agent
  }

  /** A shell in the agent's cluster: kas that stops waits for it after all else. Resolves when it is open, with what closes it. */
  openShell(agent: WorldAgent): Promise<() => void> {
    const asked = request(`http://127.0.0.1:${this.#ports.clients}/api/v1/namespaces/one/pods/one/exec`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ci:${agent.id}:${jobTokenOf(agent.project)}`,
        connection: 'Upgrade',
        upgrade: 'SPDY/3.1',
      },
    });
    asked.end();
    return new Promise((opened, failed) => {
      asked.once('error', failed);
      asked.once('response', ({ statusCode }) =>
        failed(new Error(`the shell was answered with ${statusCode}`)),
      );
      asked.once('upgrade', (_response, socket) => opened(() => socket.destroy()));
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agentks.values(), this.kas].map((process) => process.stop()));
    await this.#cluster.stop();
    this.#switching.closeAllConnections();
    this.#switching.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** An API server that has nothing, and switches protocols. */
async function startSwitching(kubeconfigPath: string): Promise<Server> {
  const server = createServer((_asked, answer) => answer.writeHead(404).end('{}'));
  server.on('upgrade', (asked, socket: Duplex) => {
    socket
      .on('error', () => socket.destroy())
      .on('end', () => socket.end())
      .resume();
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${asked.headers.upgrade}\r\n\r\n`,
    );
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'shells', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } },
    ],
    users: [{ name: 'nobody', user: { token: 'any' } }],
    contexts: [{ name: 'shells', context: { cluster: 'shells', user: 'nobody' } }],
    'current-context': 'shells',
  };
  await writeFile(kubeconfigPath, JSON.stringify(kubeconfig));
  return server;
}

function configuration(ports: Ports): string {
  return `standalone: { file: gitlab.yaml }
agent:
  listen: { address: "127.0.0.1:${ports.agents}", listen_grace_period: "0.1s" }
  info_cache_ttl: "0s"
  configuration: { poll_period: "1s" }
  kubernetes_api:
    listen: { address: "127.0.0.1:${ports.clients}", listen_grace_period: "0.1s", shutdown_grace_period: "20s" }
observability:
  listen: { address: "127.0.0.1:${ports.observability}" }
  dashboard: { pages: ${JSON.stringify(resolve('dist/web'))} }
`;
}
