/**
 * All tunnels together: their population, the pool that decides how many, and the news of the link for those that wait
 * for it.
 *
 * H1. Every tunnel that ends, however it ends, is cleaned up here and reported to the pool once.
 */
import { fromCallback } from 'xstate';
import type { AnyActorLogic } from 'xstate';
import type { Metrics, Random } from '../../ports/index.ts';
import { compileMachine, HotSupervisor } from '../../supervisor/index.ts';
import type {
  CompiledLogicFrom,
  DeadlineWheel,
  HotActorOf,
  SomeChildSpec,
  SupervisorEnv,
} from '../../supervisor/index.ts';
import {
  tunnelPoolDefaults,
  tunnelPoolMachine,
  type tunnelClientMachine,
} from '../../../statecharts/index.ts';
import type { LinkBoard } from '../link/index.ts';
import { createTunnelClientLogic, tunnelPoolName } from './tunnel-client.actor.ts';
import { TunnelStreams } from './tunnel-streams.ts';
import type { TunnelStreamsDeps } from './tunnel-streams.ts';

export interface TunnelHerdDeps extends TunnelStreamsDeps {
  readonly random: Random;
  readonly metrics: Metrics;
  /** What a tunnel with a request gets to finish it. */
  readonly drainMs: number;
  readonly env: SupervisorEnv;
  readonly wheel: DeadlineWheel;
}

type TunnelClient = HotActorOf<typeof tunnelClientMachine>;

export class TunnelHerd {
  readonly #board: LinkBoard;
  readonly #env: SupervisorEnv;
  readonly #wheel: DeadlineWheel;
  readonly #drainMs: number;
  readonly #streams: TunnelStreams;
  readonly #clientLogic: CompiledLogicFrom<typeof tunnelClientMachine>;
  readonly #tunnels = new Map<string, TunnelClient>();
  readonly #waiting = new Set<string>();
  #population: HotSupervisor | undefined;
  #opened = 0;

  constructor(deps: TunnelHerdDeps) {
    this.#board = deps.board;
    this.#env = deps.env;
    this.#wheel = deps.wheel;
    this.#drainMs = deps.drainMs;
    this.#streams = new TunnelStreams(deps);
    this.#clientLogic = createTunnelClientLogic({
      board: deps.board,
      streams: this.#streams,
      awaitLink: (tunnelId) => void this.#waiting.add(tunnelId),
      registry: deps.env.registry,
      random: deps.random,
      wheel: deps.wheel,
      observe: deps.env.observe,
    });
    this.#measure(deps.metrics);
  }

  /** Tunnels of any state. */
  get size(): number {
    return this.#tunnels.size;
  }

  /** The state of each tunnel, for people. */
  states(): readonly { readonly tunnel: string; readonly state: string }[] {
    return [...this.#tunnels].map(([tunnel, { snapshot }]) => ({ tunnel, state: snapshot.value }));
  }

  get busy(): number {
    return this.#streams.busy;
  }

  /**
   * The population first, then what wakes it whenever a connection comes up, then the pool that fills it: to be supervised
   * together, all or none.
   */
  children(): readonly SomeChildSpec[] {
    return [
      {
        id: 'tunnel-population',
        supervisor: () => {
          const { sizeMax } = tunnelPoolDefaults;
          this.#population = new HotSupervisor(
            { id: 'tunnels', maxChildren: sizeMax, shutdownMs: this.#drainMs },
            this.#env,
          );
          return this.#population;
        },
      },
      {
        id: 'tunnel-wakes',
        shutdown: 'brutal', // it only listens
        logic: fromCallback(() => this.#board.subscribe((incarnation) => this.#linkRestored(incarnation))),
      },
      { id: tunnelPoolName, name: tunnelPoolName, logic: this.#poolLogic(), input: tunnelPoolDefaults },
    ];
  }

  #poolLogic(): AnyActorLogic {
    const { observe } = this.#env;
    return compileMachine<typeof tunnelPoolMachine>(tunnelPoolMachine, {
      wheel: this.#wheel,
      ...(observe === undefined ? {} : { observe }),
      actions: {
        // Off the pool's stack: an actor must not be made inside another's action.
        openTunnels: (_, { count }) => queueMicrotask(() => this.#openTunnels(count)),
        retireTunnel: (_, { tunnelId }) => this.#tunnels.get(tunnelId)?.send({ type: 'retire.requested' }),
      },
    });
  }

  #openTunnels(count: number): void {
    for (let opened = 0; opened < count; opened++) {
      const tunnelId = `tunnel:${++this.#opened}`;
      const started = this.#population?.startChild(this.#clientLogic, {
        id: tunnelId,
        input: { tunnelId },
        onCreated: (tunnel) => void this.#tunnels.set(tunnelId, tunnel),
        onDone: ({ output }) => this.#ended(tunnelId, output?.kind === 'retired'),
        onStopped: () => this.#ended(tunnelId, false),
      });
      if (started === undefined) this.#report(false, false);
    }
  }

  #ended(tunnelId: string, planned: boolean): void {
    const busy = this.#streams.isBusy(tunnelId);
    this.#tunnels.delete(tunnelId);
    this.#waiting.delete(tunnelId);
    this.#streams.forget(tunnelId);
    this.#report(busy, planned); // H1
  }

  #report(busy: boolean, planned: boolean): void {
    const event = { type: 'tunnel.exited', busy, planned };
    if (this.#env.registry.whereis(tunnelPoolName) !== undefined)
      this.#env.registry.send(tunnelPoolName, event);
  }

  #linkRestored(incarnation: number): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    const event = { type: 'link.restored', incarnation } as const;
    for (const tunnelId of waiting) this.#tunnels.get(tunnelId)?.send(event);
  }

  #measure(metrics: Metrics): void {
    metrics.observed({ name: 'agentk_tunnels_busy', help: 'Tunnels that carry a request.' }, () => this.busy);
    metrics.observed(
      { name: 'agentk_tunnels_idle', help: 'Tunnels that wait for a request or for kas.' },
      () => this.size - this.busy,
    );
    metrics.observed(
      { name: 'agentk_tunnels_max', help: 'Tunnels agentk may have; above it requests wait in kas.' },
      () => tunnelPoolDefaults.sizeMax,
    );
  }
}
