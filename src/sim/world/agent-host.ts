/**
 * One agent of a simulated world: the node of its pod, and the process, which is the product's own composition
 * (`startAgentk`) over this world's network and cluster. A pod whose process ended is started again, as Kubernetes does.
 */
import { startAgentk, unsetBuild, type Agentk, type KasWay } from '../../agentk/index.ts';
import type { LogLevel } from '../../ports/index.ts';
import type { ObservedTransition } from '../../supervisor/index.ts';
import type { Kernel } from '../kernel/index.ts';
import {
  asClientSession,
  SimulatedSession,
  type Http2Frame,
  type SimulatedNetwork,
} from '../network/index.ts';
import { judgedLog, noExposition, noMetrics } from './quiet.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';
import { agentToken } from './simulated-gitlab.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { threadlessWorkers } from './threadless-workers.ts';

export interface AgentHostDeps {
  readonly kernel: Kernel;
  readonly network: SimulatedNetwork<Http2Frame>;
  readonly cluster: SimulatedCluster;
  /** The hosts of kas a balancer would choose from now. */
  readonly kasHosts: () => readonly string[];
  readonly onTransition: (process: SimulatedProcess, transition: ObservedTransition) => void;
  readonly onDial: (host: AgentHost) => void;
  readonly onConfigured: (host: AgentHost) => void;
}

interface Life {
  readonly process: SimulatedProcess;
  readonly number: number;
  readonly startedMs: number;
  agentk: Agentk | undefined;
  stopping: boolean;
  level: LogLevel;
}

export class AgentHost {
  readonly agent: number;
  readonly name: string;
  skewMs = 0;
  /** Of the present life. */
  dials: number[] = [];
  readonly #deps: AgentHostDeps;
  #life: Life | undefined;
  #lives = 0;

  constructor(agent: number, deps: AgentHostDeps) {
    this.agent = agent;
    this.name = `agent${agent}`;
    this.#deps = deps;
  }

  get cluster(): SimulatedCluster {
    return this.#deps.cluster;
  }
  get running(): boolean {
    return this.#life !== undefined;
  }
  get stopping(): boolean {
    return this.#life?.stopping ?? false;
  }
  get agentk(): Agentk | undefined {
    return this.#life?.agentk;
  }
  get process(): SimulatedProcess | undefined {
    return this.#life?.process;
  }
  /** Counted from 1; 0 before the first. */
  get life(): number {
    return this.#lives;
  }
  /** Milliseconds this life has lasted. */
  get ageMs(): number {
    return this.#life === undefined ? 0 : this.#deps.kernel.nowMs - this.#life.startedMs;
  }
  /** The log level its configuration asked for. */
  get level(): LogLevel | undefined {
    return this.#life?.level;
  }

  start(): void {
    if (this.#life !== undefined || this.#deps.network.isDark(this.name)) return;
    const { kernel } = this.#deps;
    const number = ++this.#lives;
    const process = new SimulatedProcess(kernel, `${this.name}.${number}`, { skewMs: () => this.skewMs });
    const startedMs = kernel.nowMs;
    const life: Life = { process, number, startedMs, agentk: undefined, stopping: false, level: 'info' };
    this.#life = life;
    this.dials = [];
    process.log('starts');
    this.cluster.project?.begin();
    this.#run(life).catch((error: unknown) => {
      if (process.alive) kernel.fail('agent-starts', `${process.name}: ${String(error)}`);
    });
  }

  /** An orderly end, as a rolling update asks for. */
  stop(): void {
    const life = this.#life;
    if (life === undefined || life.stopping) return;
    life.stopping = true;
    life.process.log('is asked to stop');
    if (life.agentk === undefined) this.kill(false);
    else void life.agentk.stop();
  }

  kill(power: boolean): void {
    const life = this.#life;
    if (power) this.#deps.network.darken(this.name);
    else this.#deps.network.kill(this.name);
    if (life === undefined) return;
    life.process.log(power ? 'loses power' : 'is killed');
    life.process.die();
    this.#life = undefined;
  }

  async #run(life: Life): Promise<void> {
    const { process } = life;
    const { cluster, onTransition } = this.#deps;
    const { project } = cluster;
    const agentk = await startAgentk(
      {
        kasAddress: 'grpc://kas.simulated:8150',
        token: agentToken(this.agent),
        kasHeaders: [],
        pod: { namespace: 'gitlab-agent', name: `${this.name}-pod-${life.number}` },
        build: unsetBuild,
        kubernetes: {},
        env: {},
        ports: {
          clock: process.clock,
          random: process.random.fork('agentk'),
          log: judgedLog(process),
          setLogLevel: (level) => {
            life.level = level;
            process.log(`is configured: ${level}`);
            this.#deps.onConfigured(this);
          },
          metrics: noMetrics,
          expose: noExposition,
        },
      },
      {
        server: cluster.serverOf(process, life.number),
        manifestWorkers:
          project === undefined ? undefined : threadlessWorkers(process, (files) => project.read(files)),
        way: this.#way(process),
        observe: (transition) => onTransition(process, transition),
      },
    );
    if (!process.alive) return;
    life.agentk = agentk;
    void agentk.exit.then((exit) => this.#ended(life, exit.kind === 'failed' ? exit.reason : undefined));
  }

  #ended(life: Life, failure: string | undefined): void {
    const { process } = life;
    const { kernel, network } = this.#deps;
    if (!process.alive) return;
    process.log(`has ended${failure === undefined ? '' : `: ${failure}`}`);
    if (failure !== undefined) kernel.fail('no-give-up', `${process.name} ended: ${failure}`);
    process.end();
    network.kill(this.name);
    if (this.#life === life) this.#life = undefined;
  }

  #way(process: SimulatedProcess): KasWay {
    const { network, kasHosts, onDial, kernel } = this.#deps;
    const choice = process.random.fork('balancer');
    return (_target, signal) =>
      new Promise((resolve) => {
        this.dials.push(kernel.nowMs);
        onDial(this);
        const host = choice.pick(kasHosts());
        const failed = (message: string, code: string) =>
          resolve({ kind: 'failed', failure: { hop: 'tcp', whose: 'kas', message, code } });
        const giveUp = network.connect(this.name, host, (dialled) => {
          if (!process.alive) return;
          if (dialled.kind === 'refused') return failed('connection refused', 'ECONNREFUSED');
          if (dialled.kind === 'timedOut') return failed('connection timed out', 'ETIMEDOUT');
          const session = new SimulatedSession(network, dialled.endpoint, false);
          resolve({ kind: 'reached', value: { session: asClientSession(session), carrier: session } });
        });
        signal.addEventListener('abort', () => {
          giveUp();
          failed('given up', 'ABORT_ERR');
        });
      });
  }
}
