/**
 * The supervisor of hot actors: tunnels and requests, born or stepped per request, run from a compiled chart without
 * an xstate system (`compile-actor.ts`). All are temporary: one that crashes is reported and gone, nobody restarts a request.
 *
 * H1. Never more than `maxChildren`.
 * H2. A crash is reported once and does not reach the others.
 * H3. Stopping asks all at once (`stop.requested`), waits, and ends what is left when the budget is spent.
 */
import type { ContextFrom, EventFrom, EventObject, OutputFrom, TagsFrom, AnyStateMachine } from 'xstate';
import { createHotActor, type HotActor } from './compile-actor.ts';
import type { CompiledSnapshot } from './compile-snapshot.ts';
import type { CompiledLogic } from './compile.ts';
import type { AnySupervisor, AutoShutdown, ChildInfo, SupervisorHealth } from './child-spec.ts';
import { safeEnvironment, type SafeEnv, type SupervisorEnv } from './environment.ts';
import { errorText, type Exit } from './exit.ts';
import { Life } from './life.ts';
import { Population } from './population.ts';

/** The hot actor of a machine. */
export type HotActorOf<M extends AnyStateMachine> = HotActor<
  ContextFrom<M>,
  EventFrom<M>,
  OutputFrom<M>,
  TagsFrom<M>
>;

export interface HotSupervisorOptions {
  readonly id: string;
  readonly maxChildren: number;
  /** What all members together get to end by themselves; default 5 s. */
  readonly shutdownMs?: number;
}

export interface HotChild<C, E extends EventObject, I, O, T extends string> {
  /** Unique among the living. */
  readonly id: string;
  readonly input: I;
  /** Told before the first step, so that actions find the actor. */
  readonly onCreated: (actor: HotActor<C, E, O, T>) => void;
  /** Told once when it ended by itself, well or by a crash; not when it was ended from here. */
  readonly onDone: (snapshot: CompiledSnapshot<C, O, T>) => void;
  /** Told instead when it was ended from here, because the budget was spent. */
  readonly onStopped?: () => void;
}

interface Stoppable {
  stop(): void;
  ask(): void;
}

export class HotSupervisor implements AnySupervisor {
  readonly id: string;
  readonly autoShutdown: AutoShutdown = 'never';
  readonly maxChildren: number;
  readonly exit: Promise<Exit>;
  readonly #env: SafeEnv;
  readonly #life: Life;
  readonly #shutdownMs: number;
  readonly #members = new Population<Stoppable>();

  constructor(options: HotSupervisorOptions, env: SupervisorEnv) {
    this.id = options.id;
    this.maxChildren = options.maxChildren;
    this.#shutdownMs = options.shutdownMs ?? 5_000;
    this.#env = safeEnvironment(env);
    this.#life = new Life(
      this.id,
      {
        startChildren: () => this.#life.send({ type: 'children.started' }),
        stopChildren: () => this.#stopAll(),
      },
      this.#env,
    );
    this.exit = this.#life.exit;
  }

  start(): Promise<void> {
    return this.#life.start();
  }

  stop(reason = 'stop requested'): Promise<void> {
    return this.#life.stop(reason);
  }

  count(): number {
    return this.#members.size;
  }

  /** Hot actors are too many to list; their fronts know them. */
  whichChildren(): readonly ChildInfo[] {
    return [];
  }

  health(): SupervisorHealth {
    return {
      state: this.#life.state,
      strategy: 'no restarts',
      restartsInWindow: 0,
      intensity: 0,
      periodMs: 0,
      population: { count: this.count(), max: this.maxChildren },
    };
  }

  /** Starts a member; undefined when there are as many as there may be, or when it is stopping. */
  startChild<C, E extends EventObject, I, O, T extends string>(
    logic: CompiledLogic<C, E, I, O, T>,
    { id, input, onCreated, onDone, onStopped }: HotChild<C, E, I, O, T>,
  ): HotActor<C, E, O, T> | undefined {
    if (!this.#life.ready || this.#members.size >= this.maxChildren) return undefined; // H1
    const actor = createHotActor(logic, {
      id,
      input,
      onDone: (snapshot) => {
        this.#members.delete(id);
        if (snapshot.status === 'error') this.#crashed(id, snapshot.error);
        onDone(snapshot);
        this.#settle();
      },
    });
    this.#members.add(id, {
      stop: () => {
        actor.stop();
        onStopped?.();
      },
      ask: () => void actor.send({ type: 'stop.requested' } as E),
    });
    onCreated(actor);
    return actor.start();
  }

  #stopAll(): void {
    const timer = this.#env.clock.setTimeout(() => {
      for (const member of this.#members.values()) member.stop(); // H3
      this.#members.clear();
      this.#settle();
    }, this.#shutdownMs);
    void this.exit.then(() => this.#env.clock.clearTimeout(timer));
    for (const member of this.#members.values()) member.ask();
    if (this.#members.size === 0) this.#life.send({ type: 'children.stopped' });
  }

  #settle(): void {
    if (this.#life.ending && this.#members.size === 0) this.#life.send({ type: 'children.stopped' });
  }

  #crashed(id: string, error: unknown): void {
    this.#env.report({
      kind: 'exited',
      at: this.#env.clock.now(),
      supervisor: this.id,
      childId: id,
      reason: errorText(error),
      attempt: 0,
      error,
    }); // H2
  }
}
