/** A kas with its dashboard, by the real clock, and agents of several projects that are told what to do. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { makeBareRepository } from '../../src/cli/demo/sample-repositories.ts';
import { hashToken } from '../../src/gitlab/embedded/index.ts';
import { runKas, type RunningKas } from '../../src/kas/index.ts';
import { FakeAgent } from '../kas/fake-agent.ts';

export interface WorldAgent {
  readonly id: number;
  readonly name: string;
  readonly project: string;
}

export const jobTokenOf = (project: string) => `job-token-of-${project}`;
export const tokenOf = ({ id }: WorldAgent) => `agent-token-${String(id).padStart(20, '0')}`;

export class DashboardWorld {
  readonly folder: string;
  readonly agents: readonly WorldAgent[];
  readonly #kas: RunningKas;
  readonly #connected = new Map<number, { readonly fake: FakeAgent; readonly wire: Wire | undefined }>();

  private constructor(folder: string, agents: readonly WorldAgent[], kas: RunningKas) {
    this.folder = folder;
    this.agents = agents;
    this.#kas = kas;
  }

  static async start(
    agents: readonly WorldAgent[],
    options: { readonly tokenFile?: string; readonly connectionAge?: string } = {},
  ): Promise<DashboardWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'kastor-dashboard-'));
    await makeBareRepository(join(folder, 'all.git'), { 'README.md': '' });
    await writeFile(join(folder, 'gitlab.yaml'), directoryFile(agents, agents));
    if (options.tokenFile !== undefined) await writeFile(join(folder, 'dashboard.token'), options.tokenFile);
    const configurationFile = join(folder, 'kas.yaml');
    const token = options.tokenFile === undefined ? '' : 'token_file: dashboard.token, ';
    await writeFile(
      configurationFile,
      `standalone: { file: gitlab.yaml }
agent:
  listen: { address: "127.0.0.1:0", listen_grace_period: "0.1s", max_connection_age: ${JSON.stringify(options.connectionAge ?? '7200s')} }
  info_cache_ttl: "0s"
  kubernetes_api: { listen: { address: "127.0.0.1:0", listen_grace_period: "0.1s", shutdown_grace_period: "1s" } }
observability:
  listen: { address: "127.0.0.1:0" }
  dashboard: { ${token}pages: ${JSON.stringify(resolve('dist/web'))} }
`,
    );
    const kas = await runKas({ configurationFile, logLevel: 'error' });
    return new DashboardWorld(folder, agents, kas);
  }

  /** Of the API and the pages. */
  get origin(): string {
    return `http://127.0.0.1:${this.#kas.ports.observability}`;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#kas.ports.observability}/dashboard/`;
  }

  /** Connects an agent with a tunnel and a pod; through a wire that can be cut, if asked. */
  async connect(agent: WorldAgent, pod: Pod = {}, isCuttable = false): Promise<FakeAgent> {
    const wire = isCuttable ? await Wire.to(this.#kas.ports.agents) : undefined;
    const fake = new FakeAgent(wire?.port ?? this.#kas.ports.agents, tokenOf(agent));
    this.#connected.set(agent.id, { fake, wire });
    fake.configuration();
    if (pod.tunnel !== false) fake.connect().describe();
    await fake.register(
      BigInt(agent.id),
      pod.podName ?? `agentk-${agent.name}-0`,
      fake.metadata(),
      pod.version,
      pod.kubernetes,
    );
    return fake;
  }

  /** The agent goes in good order. */
  async disconnect(agent: WorldAgent): Promise<void> {
    const found = this.#connected.get(agent.id);
    this.#connected.delete(agent.id);
    found?.fake.close();
    await found?.wire?.close();
  }

  /** An agent that is connected calls once more. */
  callAgain(agent: WorldAgent): void {
    this.#connected.get(agent.id)?.fake.configuration();
  }

  /** Its network breaks in the middle of everything. */
  cut(agent: WorldAgent): void {
    this.#connected.get(agent.id)?.wire?.cut();
  }

  /** GitLab forgets the token; the agent's next call finds out. */
  async revoke(...revoked: readonly WorldAgent[]): Promise<void> {
    const left = this.agents.filter((agent) => !revoked.includes(agent));
    await writeFile(join(this.folder, 'gitlab.yaml'), directoryFile(this.agents, left));
  }

  /** Somebody asks the cluster of an agent for something that nobody answers. */
  ask(agent: WorldAgent): void {
    const url = `http://127.0.0.1:${this.#kas.ports.kubernetesApi}/api/v1/pods`;
    fetch(url, { headers: { authorization: `Bearer ci:${agent.id}:${jobTokenOf(agent.project)}` } }).catch(
      () => {},
    );
  }

  stopKas(): void {
    this.#kas.stop('test');
  }

  async close(): Promise<void> {
    this.#kas.stop('test');
    for (const { fake, wire } of this.#connected.values()) {
      fake.close();
      await wire?.close();
    }
    this.#kas.stop('test');
    await this.#kas.ended;
    await rm(this.folder, { recursive: true });
  }
}

export interface Pod {
  readonly podName?: string;
  readonly version?: string;
  readonly kubernetes?: string;
  readonly tunnel?: boolean;
}

/** A relay of TCP that can be cut. */
class Wire {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, sockets: Set<Socket>) {
    this.#server = server;
    this.#sockets = sockets;
    this.port = (server.address() as AddressInfo).port;
  }

  static async to(port: number): Promise<Wire> {
    const sockets = new Set<Socket>();
    const server = createServer((near) => {
      const far = createConnection(port, '127.0.0.1');
      for (const socket of [near, far]) {
        sockets.add(socket);
        socket.on('error', () => {});
      }
      near.pipe(far).pipe(near);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return new Wire(server, sockets);
  }

  cut(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }
}

/** What stands for GitLab: its agents, and jobs that may use them. */
export function directoryFile(agents: readonly WorldAgent[], accepted: readonly WorldAgent[]): string {
  const projects = [...new Set(agents.map(({ project }) => project))];
  return JSON.stringify({
    agents: accepted.map((agent) => ({
      id: agent.id,
      name: agent.name,
      project: agent.project,
      token_hashes: [hashToken(tokenOf(agent))],
    })),
    projects: projects.map((path, at) => ({ id: at + 1, path, repository: 'all.git', groups: [] })),
    users: [
      {
        id: 1,
        username: 'alice',
        token_hashes: [hashToken('token-of-a-person-000')],
        projects: projects.map((_, at) => ({ id: at + 1, role: 'developer' })),
      },
    ],
    groups: [],
    jobs: projects.map((project, at) => ({
      token_hash: hashToken(jobTokenOf(project)),
      id: at + 1,
      pipeline: 1,
      project,
      user: 'alice',
    })),
  });
}
