/**
 * kas and agentk as real processes for the system tests: their own data folder, free ports, logs kept in memory for the
 * assertions. Everything is ended by process id in `close`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { prepareDataFolder, type DemoData, type DemoPorts } from '../../src/cli/demo/data-folder.ts';
import { findPort } from '../../src/cli/demo/ports.ts';
import { makeBareRepository } from '../../src/cli/demo/sample-repositories.ts';

const root = new URL('../../', import.meta.url).pathname;

/** A process under test with its log lines. */
export class TestProcess {
  readonly name: string;
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;

  constructor(name: string, args: readonly string[], environment: Readonly<Record<string, string>>) {
    this.name = name;
    this.child = spawn(process.execPath, [join(root, `src/cli/${name}.ts`), ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let rest = '';
    this.child.stderr?.on('data', (data: Buffer) => {
      const parts = (rest + data.toString()).split('\n');
      rest = parts.pop() ?? '';
      this.lines.push(...parts);
    });
    this.exited = new Promise((resolve) =>
      this.child.once('close', (code, signal) => resolve({ code, signal })),
    );
  }

  /** The log as one text, for messages of failed assertions. */
  get log(): string {
    return this.lines.join('\n');
  }

  /** Resolves when a line matches; rejects when the process ends or the deadline passes first. */
  async said(pattern: RegExp, msMax = 30_000): Promise<string> {
    return until(`${this.name} to say ${pattern}`, msMax, () => {
      const line = this.lines.find((candidate) => pattern.test(candidate));
      if (line === undefined && this.child.exitCode !== null) {
        throw new Error(`${this.name} ended before it said ${pattern}:\n${this.log}`);
      }
      return line;
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.exited;
  }
}

/** Asks again every few milliseconds until there is an answer. */
export async function until<T>(
  what: string,
  msMax: number,
  ask: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + msMax;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${msMax} ms for ${what}`);
    await sleep(10);
  }
}

export interface WorldOptions {
  /** Kubeconfig agentk uses. */
  readonly kubeconfig: string;
  /** In place of the agent's own token. */
  readonly agentToken?: string;
  /** In place of the sample `config.yaml` of the agent. */
  readonly configuration?: string;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly ms: number;
}

export class World {
  readonly folder: string;
  readonly data: DemoData;
  readonly ports: DemoPorts;
  readonly #options: WorldOptions;
  readonly dispatcher: Agent;
  readonly #processes: TestProcess[] = [];

  private constructor(folder: string, data: DemoData, ports: DemoPorts, options: WorldOptions) {
    this.folder = folder;
    this.data = data;
    this.ports = ports;
    this.#options = options;
    this.dispatcher = new Agent({ connect: { ca: data.certificate }, connections: 256 });
  }

  /** A data folder with free ports; nothing runs yet. */
  static async prepare(options: WorldOptions): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'kastor-system-'));
    const port = async () => (await findPort(0)).port;
    const ports: DemoPorts = {
      agents: await port(),
      kubernetesApi: await port(),
      observability: await port(),
      agentObservability: await port(),
    };
    if (options.configuration !== undefined) {
      await makeBareRepository(join(folder, 'repositories/agents.git'), {
        '.gitlab/agents/demo/config.yaml': options.configuration,
      });
    }
    const data = await prepareDataFolder(folder, ports);
    if (options.agentToken !== undefined) await writeFile(data.agentTokenFile, options.agentToken);
    return new World(folder, data, ports, options);
  }

  async startKas(): Promise<TestProcess> {
    const kas = new TestProcess('kas', ['--configuration-file', this.data.kasConfiguration], {});
    this.#processes.push(kas);
    await kas.said(/Kubernetes API endpoint is up/);
    return kas;
  }

  startAgentk(
    extra: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): TestProcess {
    const agentk = new TestProcess(
      'agentk',
      [
        '--kas-address',
        `grpc://127.0.0.1:${this.ports.agents}`,
        '--token-file',
        this.data.agentTokenFile,
        '--kubeconfig',
        this.#options.kubeconfig,
        '--observability-listen-address',
        `127.0.0.1:${this.ports.agentObservability}`,
        ...extra,
      ],
      { POD_NAMESPACE: 'demo', POD_NAME: 'agentk-under-test', ...environment },
    );
    this.#processes.push(agentk);
    return agentk;
  }

  /** kas and agentk, connected and serving. */
  async startBoth(): Promise<{ readonly kas: TestProcess; readonly agentk: TestProcess }> {
    const kas = await this.startKas();
    const agentk = this.startAgentk();
    await this.serving();
    return { kas, agentk };
  }

  /** Resolves when a request reaches the cluster. */
  async serving(msMax = 30_000): Promise<void> {
    await until('a request to be answered by the cluster', msMax, async () => {
      const { status } = await this.get('/version').catch(() => ({ status: 0 }));
      return status === 200 ? true : undefined;
    });
  }

  get authorization(): string {
    return `Bearer ci:1:${this.data.jobToken}`;
  }

  /** A GET whose answer has begun and whose body is read by the caller. */
  open(path: string): ReturnType<typeof request> {
    return request(`https://127.0.0.1:${this.ports.kubernetesApi}${path}`, {
      dispatcher: this.dispatcher,
      headers: { authorization: this.authorization },
    });
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.send('GET', path, undefined, headers);
  }

  async send(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body: string | undefined,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const started = performance.now();
    const response = await request(`https://127.0.0.1:${this.ports.kubernetesApi}${path}`, {
      dispatcher: this.dispatcher,
      method,
      headers: { authorization: this.authorization, ...headers },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.body.text();
    return { status: response.statusCode, text, headers: response.headers, ms: performance.now() - started };
  }

  /** What kas's `/state` shows. */
  async state(): Promise<{
    readonly agents: readonly { readonly agentId?: string; readonly state: unknown }[];
    readonly tunnels: { readonly open: number; readonly idle: number };
    readonly requests: { readonly pending: number; readonly waiting: number };
    readonly transitions: readonly {
      readonly machine: string;
      readonly to: string;
      readonly actorId: string;
    }[];
  }> {
    const { body } = await request(`http://127.0.0.1:${this.ports.observability}/state`);
    return (await body.json()) as Awaited<ReturnType<World['state']>>;
  }

  kubectl(
    args: readonly string[],
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
    return run('kubectl', [
      '--kubeconfig',
      this.data.kubeconfig,
      '--cache-dir',
      join(this.folder, 'cache'),
      ...args,
    ]);
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
    await this.dispatcher.destroy();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** The agent's token as it was made. */
  async agentToken(): Promise<string> {
    return (await readFile(this.data.agentTokenFile, 'utf8')).trim();
  }
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}
