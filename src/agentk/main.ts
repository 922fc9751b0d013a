/**
 * The composition root of agentk: options in, a running agent out. Everything that can be wrong with the options is found
 * before anything listens or dials.
 *
 * M1. `exit` resolves once, after everything has been stopped.
 * M2. A stop has a deadline; a second `stop` ends at once (`statecharts/agentk.ts` A1).
 */
import { createActor, fromPromise } from 'xstate';
import type { MakeManifestWorkers } from '../actors/index.ts';
import { FlightRecorder } from '../inspect/index.ts';
import type { Observability, RecordingSource } from '../inspect/index.ts';
import { guarded, Registry, reportsToLog, watch } from '../supervisor/index.ts';
import type { ChildInfo, SupervisorEnv, TransitionObserver } from '../supervisor/index.ts';
import { agentkMachine, charts } from '../../statecharts/index.ts';
import { AgentLog } from './agent-log.ts';
import { buildAgentTree, type AgentTree } from './agent-tree.ts';
import { loadKubernetesAccess, openApiServer } from './kubernetes/index.ts';
import type { ApiServer } from './kubernetes/index.ts';
import { kasTarget } from './kas-target.ts';
import { agentkLimits } from './limits.ts';
import type { KasWay } from './link/index.ts';
import { openEndpoint, type Seen } from './observability-endpoint.ts';
import type { AgentkOptions } from './options.ts';

/** Actors that live as long as a request goes through them. */
const hotMachines = new Set(charts.flatMap(({ machine, hot }) => (hot === true ? [machine.id] : [])));

/** Why the process ends. `failed` means exit code 1. */
export type AgentkExit = { readonly kind: 'stopped' } | { readonly kind: 'failed'; readonly reason: string };

export interface Agentk {
  /** Asks for a graceful stop; asked again, ends at once. Resolves with the exit. */
  stop(): Promise<AgentkExit>;
  readonly exit: Promise<AgentkExit>;
  /** Where the observability endpoint listens. */
  readonly observabilityPort: number | undefined;
  /** A connection to kas is up and takes calls. */
  readonly connected: boolean;
  /** Tunnels now. */
  readonly tunnels: { readonly idle: number; readonly busy: number };
}

/**
 * Starts an agent. Resolves when its tree runs (not: when kas is reached). Rejects with an Error for the operator when
 * the options are wrong or something cannot be opened.
 */
export async function runAgentk(options: AgentkOptions): Promise<Agentk> {
  const { clock } = options.ports;
  kasTarget(options); // what is wrong with it is said before anything is read
  const access = await loadKubernetesAccess(options.kubernetes, { env: options.env, clock });
  return startAgentk(options, { server: openApiServer(access, clock) });
}

/** What an agent reaches outside its process, beyond its ports. */
export interface AgentkOutside {
  /** The API server of its cluster. */
  readonly server: ApiServer;
  /** How connections to kas come about; by the network of this machine unless told. */
  readonly way?: KasWay;
  /** How manifests are read; in threads of this process unless told. */
  readonly manifestWorkers?: MakeManifestWorkers | undefined;
  /** Sees every transition besides the recorder. */
  readonly observe?: TransitionObserver;
  /** Transitions the recorder keeps, of each of its two kinds; less than usual where many agents share a process. */
  readonly recordedTransitionsMax?: number;
}

/** {@link runAgentk} in a given outside: also that of a simulation. */
export async function startAgentk(options: AgentkOptions, outside: AgentkOutside): Promise<Agentk> {
  const { clock } = options.ports;
  const {
    server,
    way,
    manifestWorkers,
    recordedTransitionsMax = agentkLimits.recordedTransitionsMax,
  } = outside;
  const { target, metadata } = kasTarget(options);
  const log = new AgentLog(options.ports.log);
  const recorder = new FlightRecorder({
    clock,
    entriesMax: recordedTransitionsMax,
    hotEntriesMax: recordedTransitionsMax,
    hotMachines,
  });
  const env: SupervisorEnv = {
    clock,
    random: options.ports.random,
    registry: new Registry(),
    report: reportsToLog(log),
    observe: (transition) => {
      const { actorId, machine, from, to, event } = transition;
      outside.observe?.(transition);
      recorder.record(actorId, machine, from, to, event);
      log.debug('State changed', { actor: actorId, machine, from, to, event });
    },
  };
  let restart: (reason: string) => void = () => {};
  const onIdentityChanged = (reason: string) => restart(reason);
  const tree = buildAgentTree({
    options,
    target,
    headers: metadata,
    server,
    log,
    env,
    onIdentityChanged,
    way,
    manifestWorkers,
  });
  const state = () => ({
    children: tree.root.whichChildren().map(shown),
    tunnels: tree.herd.states(),
    transitions: recorder.latest(agentkLimits.shownTransitionsMax),
  });
  const recording = (): RecordingSource => ({
    recorder,
    program: 'agentk',
    version: options.build.version,
    at: clock.now(),
    machines: charts.map(({ machine }) => machine),
  });
  const daemon = new Daemon(options, tree, server, { state, recording });
  restart = (reason) => daemon.restart(reason);
  await daemon.started;
  return daemon;
}

/** The process as an actor of `statecharts/agentk.ts`. */
class Daemon implements Agentk {
  readonly exit: Promise<AgentkExit>;
  /** Resolves when the tree runs; rejects when it could not be started. */
  readonly started: Promise<void>;
  readonly #tree: AgentTree;
  readonly #actor;
  #endpoint: Observability | undefined;

  constructor(options: AgentkOptions, tree: AgentTree, server: ApiServer, seen: Seen) {
    this.#tree = tree;
    const { clock } = options.ports;
    const close = async () => {
      await this.#endpoint?.close();
      await server.close();
    };
    const logic = agentkMachine.provide({
      actors: {
        startTree: fromPromise(async () => {
          if (options.observability !== undefined) {
            this.#endpoint = await openEndpoint(options.observability, options, seen);
          }
          await tree.root.start();
          void tree.root.exit.then(() =>
            this.#actor.send({ type: 'tree.failed', reason: 'the tree gave up' }),
          );
        }),
        drainTree: fromPromise(async () => {
          await tree.root.stop();
          await close();
        }),
        killTree: fromPromise(async () => {
          tree.sockets.closeAll();
          await Promise.race([
            tree.root.stop(),
            new Promise<void>((done) => clock.setTimeout(done, agentkLimits.killMs)),
          ]);
          await close();
        }),
      },
    });
    const input = { drainMsMax: options.drainMs ?? agentkLimits.drainMs };
    const actor = createActor(guarded(logic), { id: 'agentk', input, clock });
    this.#actor = actor;
    this.exit = new Promise((resolve) => {
      watch(actor, (exit) => {
        if (exit.kind === 'normal') resolve(exit.output as AgentkExit);
        else resolve({ kind: 'failed', reason: exit.kind === 'crashed' ? String(exit.error) : exit.reason });
      });
    });
    this.started = new Promise((resolve, reject) => {
      actor.subscribe({
        next: (snapshot) => {
          if (snapshot.hasTag('ready')) resolve();
        },
        error: () => {}, // told by exit
      });
      void this.exit.then((exit) =>
        reject(new Error(exit.kind === 'failed' ? exit.reason : 'stopped while starting')),
      );
    });
    actor.start();
  }

  get observabilityPort(): number | undefined {
    return this.#endpoint?.port;
  }

  get connected(): boolean {
    return this.#tree.board.current !== undefined;
  }

  get tunnels(): { readonly idle: number; readonly busy: number } {
    const { size, busy } = this.#tree.herd;
    return { idle: size - busy, busy };
  }

  stop(): Promise<AgentkExit> {
    if (this.#actor.getSnapshot().status === 'active') this.#actor.send({ type: 'stop.requested' });
    return this.exit;
  }

  restart(reason: string): void {
    this.#actor.send({ type: 'restart.requested', reason });
  }
}

/** A child as `/state` shows it. */
function shown({ id, kind, status, restarts, ref, children }: ChildInfo): unknown {
  const snapshot: { readonly value?: unknown } | undefined = ref?.getSnapshot();
  return { id, kind, status, restarts, state: snapshot?.value, children: children?.map(shown) };
}
