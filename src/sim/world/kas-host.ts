/**
 * One kas of a simulated world: its host, and the process that runs on it, started, drained, killed and started again. The
 * process is the product's own composition (`buildServer`, `runServer`) in this world's outside.
 */
import type { Server as HttpServer } from 'node:http';
import {
  buildServer,
  parseConfiguration,
  runServer,
  type KasConfiguration,
  type ListeningFront,
  type Outside,
  type Server,
  type ServerDeps,
  type ServerProcess,
} from '../../kas/index.ts';
import type { ObservedTransition } from '../../supervisor/index.ts';
import {
  asHttp2Server,
  SimulatedHttp2Server,
  type Http2Frame,
  type SimulatedNetwork,
} from '../network/index.ts';
import type { Kernel } from '../kernel/index.ts';
import { judgedLog, noExposition, noMetrics } from './quiet.ts';
import type { SimulatedGitLab } from './simulated-gitlab.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { idleWorkers, type SimulatedStore } from './simulated-store.ts';
import { threadlessWorkers } from './threadless-workers.ts';

export interface KasHostDeps {
  readonly kernel: Kernel;
  readonly network: SimulatedNetwork<Http2Frame>;
  readonly gitlab: SimulatedGitLab;
  readonly store: SimulatedStore;
  readonly ageMs: number;
  readonly pollMs: number;
  readonly reuse: boolean;
  /** Agents have manifest projects. */
  readonly gitops: boolean;
  readonly onTransition: (process: SimulatedProcess, transition: ObservedTransition) => void;
}

/** One life of a kas. */
interface Life {
  readonly process: SimulatedProcess;
  server: Server | undefined;
  daemon: ServerProcess | undefined;
  http: HttpServer | undefined;
  ready: boolean;
  stopping: boolean;
}

export class KasHost {
  readonly name: string;
  /** How wrong its clock is. */
  skewMs = 0;
  readonly #deps: KasHostDeps;
  readonly #configuration: KasConfiguration;
  #life: Life | undefined;
  #lives = 0;

  constructor(name: string, deps: KasHostDeps) {
    this.name = name;
    this.#deps = deps;
    this.#configuration = configurationOf(deps);
  }

  /** A process runs here, in whatever state. */
  get running(): boolean {
    return this.#life !== undefined;
  }

  get ready(): boolean {
    return this.#life?.ready === true && !this.#life.stopping;
  }

  get server(): Server | undefined {
    return this.#life?.server;
  }

  get process(): SimulatedProcess | undefined {
    return this.#life?.process;
  }

  /** Where requests to clusters come in; undefined while nobody listens. */
  get http(): HttpServer | undefined {
    return this.#life?.http;
  }

  start(): void {
    if (this.#life !== undefined || this.#deps.network.isDark(this.name)) return;
    const { kernel } = this.#deps;
    const process = new SimulatedProcess(kernel, `${this.name}.${++this.#lives}`, {
      skewMs: () => this.skewMs,
    });
    const life: Life = {
      process,
      server: undefined,
      daemon: undefined,
      http: undefined,
      ready: false,
      stopping: false,
    };
    this.#life = life;
    process.log('starts');
    this.#run(life).catch((error: unknown) => {
      if (process.alive && !life.stopping) kernel.fail('kas-starts', `${process.name}: ${String(error)}`);
    });
  }

  async #run(life: Life): Promise<void> {
    const { process } = life;
    const server = await buildServer(this.#serverDeps(life));
    if (!process.alive) return;
    life.server = server;
    const daemon = runServer(server, this.#configuration, process.clock);
    life.daemon = daemon;
    void daemon.ended.then((end) => this.#ended(life, end.kind === 'failed' ? end.reason : undefined));
    await daemon.started;
    life.ready = true;
    process.log('is ready');
  }

  /** Asks it to stop; asked again, it cuts what it waits for. */
  drain(): void {
    const life = this.#life;
    if (life === undefined) return;
    life.process.log('is asked to stop');
    life.stopping = true;
    if (life.daemon === undefined) this.kill(false);
    else life.daemon.stop('the plan says so');
  }

  /** The process dies; with the host's power or without. */
  kill(power: boolean): void {
    const life = this.#life;
    if (power) this.#deps.network.darken(this.name);
    else this.#deps.network.kill(this.name);
    if (life === undefined) return;
    life.process.log(power ? 'loses power' : 'is killed');
    life.process.die();
    this.#life = undefined;
  }

  #ended(life: Life, failure: string | undefined): void {
    const { process } = life;
    if (!process.alive) return;
    process.log('has ended');
    if (failure !== undefined) this.#deps.kernel.fail('no-give-up', `${process.name} ended: ${failure}`);
    process.end();
    this.#deps.network.kill(this.name);
    if (this.#life === life) this.#life = undefined;
  }

  #serverDeps(life: Life): ServerDeps {
    const { process } = life;
    const log = judgedLog(process);
    const none = undefined;
    return {
      configuration: this.#configuration,
      folder: '/simulated',
      credentials: {
        tls: { agents: none, kubernetesApi: none, observability: none, api: none, privateApi: none },
        secrets: { gitlab: none, api: none, privateApi: none, dashboard: none },
        authorities: { gitlab: none, privateApi: none },
        files: new Map(),
      },
      ownUrl: undefined,
      environment: {},
      clock: process.clock,
      random: process.random.fork('kas'),
      log,
      grpcLog: log,
      registry: { metrics: noMetrics, expose: noExposition },
      serving: () => life.ready,
      outside: this.#outside(life),
    };
  }

  #outside(life: Life): Outside {
    const { process } = life;
    const { gitlab, store, network, onTransition } = this.#deps;
    return {
      git: gitlab.gitOf(process),
      gitlab: gitlab.gitlabOf(process),
      store: { ...store.of(process), probes: {}, children: () => [] },
      manifestWorkers: this.#deps.gitops ? threadlessWorkers(process) : idleWorkers,
      agentFront: ({ grpc, connections }) => {
        const server = new SimulatedHttp2Server(network);
        grpc.attach(asHttp2Server(server));
        let close: (() => void) | undefined;
        const front: ListeningFront = {
          port: 8150,
          open: () => {
            close = network.listen(this.name, (endpoint) => server.accept(endpoint));
            return Promise.resolve();
          },
          drain: async () => {
            close?.();
            connections.sendAway();
            await connections.allGone();
          },
          cut: () => {
            connections.cutAll('kas is stopping');
            return front.drain();
          },
        };
        return front;
      },
      observabilityFront: silentFront,
      listen: (server) => {
        life.http = server as HttpServer;
        return Promise.resolve(8154);
      },
      observe: (transition) => onTransition(process, transition),
    };
  }
}

const silentFront: ListeningFront = {
  port: 8151,
  open: () => Promise.resolve(),
  drain: () => Promise.resolve(),
  cut: () => Promise.resolve(),
};

const known = new Map<string, KasConfiguration>();

function configurationOf({ ageMs, pollMs, reuse }: KasHostDeps): KasConfiguration {
  const text = `
standalone: { file: none }
agent:
  listen: { address: "127.0.0.1:8150", max_connection_age: ${Math.round(ageMs / 1000)}s, tunnel_reuse: ${reuse} }
  configuration: { poll_period: ${Math.round(pollMs / 1000)}s }
  gitops: { poll_period: ${Math.round(pollMs / 1000)}s }
  kubernetes_api: { listen: { address: "127.0.0.1:8154" } }
`;
  let configuration = known.get(text);
  if (configuration === undefined) {
    const parsed = parseConfiguration(text);
    if (parsed.kind === 'invalid') throw new Error(parsed.reason);
    ({ configuration } = parsed);
    known.set(text, configuration);
  }
  return configuration;
}
