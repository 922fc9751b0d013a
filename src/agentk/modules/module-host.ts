/**
 * The modules of one agentk: it hands each new configuration to all of them or to none, and runs each under its own chart.
 *
 * H1. Every module checks a configuration before any gets it; the first objection keeps all on the old one
 *     (`spec/agentk.md §3.1`).
 * H2. Each module is offered the newest configuration only; none queues up.
 * H3. What only the leader may do runs while this replica leads; `idle` tells when nothing of it runs any more.
 */
import { fromPromise } from 'xstate';
import type { AnyActorLogic } from 'xstate';
import type { Log, Random } from '../../ports/index.ts';
import type { AgentConfiguration } from '../../protocol/index.ts';
import { guarded } from '../../supervisor/index.ts';
import type { ChildSpec, Registry } from '../../supervisor/index.ts';
import { moduleBackoffMs, moduleDelays, moduleMachine } from '../../../statecharts/index.ts';
import type { AgentModule, RunningModule } from './module.ts';

export interface ModuleHostDeps {
  readonly modules: readonly AgentModule[];
  readonly registry: Registry;
  readonly random: Random;
  readonly log: Log;
}

/** What became of a configuration. */
export type Applied = { readonly kind: 'applied' } | { readonly kind: 'refused'; readonly reason: string };

export class ModuleHost {
  readonly #deps: ModuleHostDeps;
  readonly #modules: ReadonlyMap<string, AgentModule>;
  readonly #running = new Map<string, RunningModule>();
  /** Leaders' modules between the begin of their start and the end of their stop (H3). */
  readonly #busy = new Set<string>();
  #idle: Array<() => void> = [];
  #leads = false;
  #configuration: AgentConfiguration | undefined;

  constructor(deps: ModuleHostDeps) {
    this.#deps = deps;
    this.#modules = new Map(deps.modules.map((module) => [module.name, module]));
  }

  /** Gives a configuration to all modules, or to none (H1). */
  apply(configuration: AgentConfiguration): Applied {
    for (const module of this.#modules.values()) {
      const objection = module.check(configuration);
      if (objection !== undefined) return { kind: 'refused', reason: `${module.name}: ${objection}` };
    }
    this.#configuration = configuration;
    for (const module of this.#modules.values()) this.#tell(module);
    return { kind: 'applied' };
  }

  get leads(): boolean {
    return this.#leads;
  }

  /** This replica leads from now on, or does not any more (H3). */
  lead(leads: boolean): void {
    this.#leads = leads;
    for (const module of this.#modules.values()) if (module.leaderOnly === true) this.#tell(module);
  }

  /** Resolves when no module of the leader runs. */
  idle(): Promise<void> {
    return this.#busy.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  /** A child spec per module. */
  children(): readonly ChildSpec[] {
    const logic = this.#logic();
    return [...this.#modules.values()].map((module) => ({
      id: nameOf(module.name),
      name: nameOf(module.name),
      logic,
      input: { name: module.name, wanted: this.#wanted(module) },
      shutdown: moduleDelays.stopMs,
    }));
  }

  #wanted(module: AgentModule): boolean {
    return module.wanted(this.#configuration) && (module.leaderOnly !== true || this.#leads);
  }

  #tell(module: AgentModule): void {
    const event = { type: 'configuration.changed', wanted: this.#wanted(module) };
    this.#deps.registry.send(nameOf(module.name), event);
  }

  #logic(): AnyActorLogic {
    const { log, random } = this.#deps;
    const logic = moduleMachine.provide({
      actors: {
        startModule: fromPromise(({ input, signal }) => this.#start(input.name, signal)),
        stopModule: fromPromise(({ input }) => this.#stop(input.name)),
      },
      actions: {
        configure: (_, { name }) => this.#running.get(name)?.configure(this.#configuration),
        reportFailure: (_, { name, reason }) => log.error('Module failed', { mod_name: name, reason }),
      },
      delays: {
        backoff: ({ context }) =>
          moduleBackoffMs(context.failures) * (1 + random.next() * moduleDelays.backoffJitter),
      },
    });
    return guarded(logic);
  }

  async #start(name: string, signal: AbortSignal): Promise<void> {
    const module = this.#modules.get(name);
    if (module === undefined) throw new Error(`no module ${name}`);
    const failed = (reason: string) =>
      void this.#deps.registry.send(nameOf(name), { type: 'module.failed', reason } as {
        type: 'module.failed';
      });
    await this.#stop(name);
    if (module.leaderOnly === true) this.#busy.add(name);
    try {
      const running = await module.start(failed, signal, this.#configuration);
      if (signal.aborted) return await running.stop();
      this.#running.set(name, running);
    } finally {
      if (!this.#running.has(name)) this.#rest(name);
    }
  }

  async #stop(name: string): Promise<void> {
    const running = this.#running.get(name);
    this.#running.delete(name);
    try {
      await running?.stop();
    } finally {
      if (running !== undefined) this.#rest(name);
    }
  }

  #rest(name: string): void {
    this.#busy.delete(name);
    if (this.#busy.size > 0) return;
    const told = this.#idle;
    this.#idle = [];
    for (const tell of told) tell();
  }
}

function nameOf(module: string): string {
  return `module:${module}`;
}
