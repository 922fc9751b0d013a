/**
 * A whole kas in this process: configuration, directory file and repositories in a folder of its own, all listeners on
 * 127.0.0.1, time standing still until a test moves it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Agent, request, type Dispatcher } from 'undici';
import { makeBareRepository } from '../../src/cli/demo/sample-repositories.ts';
import { hashToken } from '../../src/gitlab/embedded/index.ts';
import { runKas, type RunningKas } from '../../src/kas/index.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { commitFile } from './commit-file.ts';
import type { FakeAgent, FakeTunnel } from './fake-agent.ts';
import { turn, until } from './waiting.ts';

export const tokens = {
  agent: 'agent-token-one-1234567890',
  spare: 'agent-token-two-1234567890',
  other: 'agent-token-six-1234567890',
  job: 'job-token-1234567890',
  person: 'person-token-1234567890',
} as const;

export const secrets = { api: Buffer.alloc(32, 1), privateApi: Buffer.alloc(32, 2) } as const;

const agentConfiguration = `ci_access:
  projects:
    - id: demo/agents
      access_as: ACCESS_AS
user_access:
  access_as: { user: {} }
  projects: [{ id: demo/agents }]
`;

export interface KasUnderTestOptions {
  /** `access_as` of the CI job, as YAML flow. */
  readonly accessAs?: string;
  /** The agent's configuration file instead of the default one. */
  readonly agentFile?: string;
  /** Lines added to sections of kas.yaml. */
  readonly agentListen?: string;
  readonly proxy?: string;
  readonly gitlab?: string;
  readonly observability?: string;
  /** With the listeners for GitLab and other kas. */
  readonly apis?: boolean;
  /** The job runs in this environment. */
  readonly environment?: string;
  /** Pushes are noticed without polling. */
  readonly watchRepositories?: boolean;
  /** Leaves the agent's repository without a commit. */
  readonly emptyRepository?: boolean;
}

export interface Counts {
  readonly connections: number;
  readonly sessions: number;
  readonly watches: number;
  readonly tunnels: number;
  readonly idle: number;
  readonly requests: number;
  readonly waiting: number;
}

const nothing: Counts = {
  connections: 0,
  sessions: 0,
  watches: 0,
  tunnels: 0,
  idle: 0,
  requests: 0,
  waiting: 0,
};

export class KasUnderTest {
  readonly clock = new VirtualClock(Date.now());
  readonly folder: string;
  readonly repository: string;
  readonly #options: KasUnderTestOptions;
  readonly #dispatcher = new Agent({ pipelining: 1, connections: 64 });
  #kas: RunningKas | undefined;
  #ended: Awaited<RunningKas['ended']> | undefined;

  constructor(folder: string, options: KasUnderTestOptions) {
    this.folder = folder;
    this.repository = join(folder, 'agents.git');
    this.#options = options;
  }

  static async start(
    options: KasUnderTestOptions = {},
    prepare: (folder: string) => void = () => {},
  ): Promise<KasUnderTest> {
    const folder = await mkdtemp(join(tmpdir(), 'kastor-kas-'));
    prepare(folder);
    const kas = new KasUnderTest(folder, options);
    try {
      await kas.#start();
    } catch (error) {
      await rm(folder, { recursive: true });
      throw error;
    }
    return kas;
  }

  get ports(): RunningKas['ports'] {
    if (this.#kas === undefined) throw new Error('kas was not started');
    return this.#kas.ports;
  }

  get ended(): Awaited<RunningKas['ended']> | undefined {
    return this.#ended;
  }

  /** Writes the directory file; an agent without tokens is not in it. */
  async writeDirectory(agentTokens: readonly string[] = [tokens.agent, tokens.spare]): Promise<void> {
    await writeFile(join(this.folder, 'gitlab.yaml'), directoryFile(this.#options, agentTokens));
  }

  /** A request to the Kubernetes API proxy; as the CI job unless other headers say so. */
  call(
    path: string,
    options: Partial<
      Pick<Dispatcher.RequestOptions, 'method' | 'headers' | 'body' | 'signal' | 'reset'>
    > = {},
  ): Promise<Dispatcher.ResponseData> {
    const headers = options.headers ?? { authorization: `Bearer ci:1:${tokens.job}` };
    const origin = `http://127.0.0.1:${this.ports.kubernetesApi}`;
    return request(`${origin}${path}`, { method: 'GET', ...options, headers, dispatcher: this.#dispatcher });
  }

  async observe(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const origin = `http://127.0.0.1:${this.ports.observability}`;
    const { statusCode, body } = await request(`${origin}${path}`, { reset: true });
    return { status: statusCode, text: await body.text() };
  }

  async counts(): Promise<Counts> {
    const { text } = await this.observe('/metrics');
    const read = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    return {
      connections: read('kas_agent_connections'),
      sessions: read('kas_agent_sessions'),
      watches: read('kas_config_watches'),
      tunnels: read('kas_tunnels'),
      idle: read('kas_tunnels_idle'),
      requests: read('kas_requests_pending'),
      waiting: read('kas_requests_waiting'),
    };
  }

  /** Waits until the populations are of these sizes. */
  async reaches(sizes: Partial<Counts>): Promise<void> {
    const holds = (counts: Counts) =>
      Object.entries(sizes).every(([name, size]) => counts[name as keyof Counts] === size);
    await until(async () => holds(await this.counts()));
  }

  /** Waits until nothing is left; throws with what stays. */
  async becomesEmpty(): Promise<void> {
    let counts = await this.counts();
    for (let looks = 0; looks < 500 && !isDeepStrictEqual(counts, nothing); looks++)
      counts = await this.counts();
    if (!isDeepStrictEqual(counts, nothing)) throw new Error(`left over: ${JSON.stringify(counts)}`);
  }

  /** Lets time pass so that living peers can answer pings. */
  async live(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10_000) {
      await this.clock.advanceAsync(10_000);
      await this.observe('/liveness'); // turns of the event loop
    }
  }

  /** A tunnel of the agent that kas may lend. */
  async idleTunnel(agent: FakeAgent, options: { readonly reuse?: boolean } = {}): Promise<FakeTunnel> {
    const { idle } = await this.counts();
    const tunnel = agent.connect(options).describe();
    await this.reaches({ idle: idle + 1 });
    return tunnel;
  }

  /** The end of a test: agents go, nothing may be left, kas stops. */
  async finish(...agents: readonly FakeAgent[]): Promise<void> {
    for (const agent of agents) agent.close();
    try {
      if (this.#ended === undefined) await this.becomesEmpty();
    } finally {
      await this[Symbol.asyncDispose]();
    }
  }

  /** A new commit on main in which the agent's file says this; in which there is none, without a text. */
  commitFile(text: string | undefined): Promise<string> {
    return commitFile(this.repository, '.gitlab/agents/demo/config.yaml', text);
  }

  requestStop(): void {
    this.#kas?.stop('test');
  }

  /** Moves time on in steps until it has ended; sockets have turns in between, so that no deadline outruns a peer. */
  async end(): Promise<Awaited<RunningKas['ended']>> {
    while (this.#ended === undefined) {
      await this.clock.advanceAsync(100);
      for (let turns = 0; turns < 5; turns++) await turn();
    }
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher.destroy();
    if (this.#kas !== undefined) {
      this.requestStop();
      this.requestStop();
      await this.end();
    }
    await rm(this.folder, { recursive: true });
  }

  async #start(): Promise<void> {
    const { agentFile, accessAs = '{ agent: {} }', emptyRepository } = this.#options;
    const text = agentFile ?? agentConfiguration.replace('ACCESS_AS', accessAs);
    if (emptyRepository === true) await makeEmptyRepository(this.repository);
    else await makeBareRepository(this.repository, { '.gitlab/agents/demo/config.yaml': text });
    await this.writeDirectory();
    const configurationFile = join(this.folder, 'kas.yaml');
    await writeFile(configurationFile, kasFile(this.#options));
    const encoded = (secret: Buffer) => `${secret.toString('base64')}\n`;
    await writeFile(join(this.folder, 'api.secret'), encoded(secrets.api));
    await writeFile(join(this.folder, 'private-api.secret'), encoded(secrets.privateApi));
    const random = new SeededRandom(1);
    this.#kas = await runKas({ configurationFile, clock: this.clock, random, logLevel: 'error' });
    void this.#kas.ended.then((outcome) => (this.#ended = outcome));
  }
}

async function makeEmptyRepository(gitdir: string): Promise<void> {
  const { default: git } = await import('isomorphic-git');
  const { default: fs } = await import('node:fs');
  await git.init({ fs, gitdir, dir: gitdir, bare: true, defaultBranch: 'main' });
}

function kasFile({
  agentListen = '',
  proxy = '',
  gitlab = '',
  observability = '',
  apis,
  watchRepositories = false,
}: KasUnderTestOptions): string {
  return `standalone: { file: gitlab.yaml, watch_repositories: ${watchRepositories} }
gitlab: { ${gitlab} }
agent:
  listen: { address: "127.0.0.1:0", listen_grace_period: "1s", ${agentListen} }
  kubernetes_api:
    listen: { address: "127.0.0.1:0", listen_grace_period: "1s", shutdown_grace_period: "60s" }
    ${proxy}
observability:
  listen: { address: "127.0.0.1:0" }
  ${observability}
${apis === true ? apiSections : ''}`;
}

const apiSections = `api:
  listen: { address: "127.0.0.1:0", authentication_secret_file: api.secret, listen_grace_period: "1s" }
private_api:
  listen: { address: "127.0.0.1:0", authentication_secret_file: private-api.secret, listen_grace_period: "1s" }
`;

function directoryFile({ environment }: KasUnderTestOptions, agentTokens: readonly string[]): string {
  const hashes = agentTokens.map((token) => `"${hashToken(token)}"`).join(', ');
  const demo =
    agentTokens.length === 0
      ? ''
      : `- { id: 1, name: demo, project: demo/agents, token_hashes: [${hashes}] }`;
  return `agents:
  - { id: 2, name: other, project: demo/agents, token_hashes: ["${hashToken(tokens.other)}"] }
  ${demo}
projects:
  - { id: 1, path: demo/agents, repository: agents.git, groups: [10] }
groups:
  - { id: 10, path: demo }
users:
  - id: 1
    username: alice
    token_hashes: ["${hashToken(tokens.person)}"]
    projects: [{ id: 1, role: developer }]
jobs:
  - token_hash: "${hashToken(tokens.job)}"
    id: 100
    pipeline: 50
    project: demo/agents
    user: alice
    ${environment === undefined ? '' : `environment: ${environment}`}
`;
}
