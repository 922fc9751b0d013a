/**
 * One life of one child. A restart makes a new object, so an event of an older life is told from the present one by
 * identity, and an old life can never move a newer one.
 *
 * C1. `onExit` is called exactly once for each life whose start was tried.
 * C2. Every root actor has an error observer from before it starts (else xstate ends the process on a crash).
 * C3. Stopping is asking, waiting within the budget, then killing; asked twice it is done once.
 */
import { createActor, type AnyActorRef } from 'xstate';
import type { TimerHandle } from '../ports/index.ts';
import {
  isSupervisorSpec,
  type AnySupervisor,
  type ChildSpec,
  type SomeChildSpec,
  type SupervisorSpec,
} from './child-spec.ts';
import { isCompiled } from './compile.ts';
import type { SafeEnv } from './environment.ts';
import { errorText, exitReason, type Exit } from './exit.ts';
import { guarded } from './guarded.ts';
import { supervisorLimits } from './limits.ts';
import { watch } from './watch.ts';

export interface Child {
  readonly ref: AnyActorRef | undefined;
  readonly supervisor: AnySupervisor | undefined;
  /** Set once this life is over. */
  readonly exit: Exit | undefined;
  /** Its supervisor has asked it to stop. */
  readonly asked: boolean;
  /** Starts it; answers what went wrong once it is ready or has failed to become so. */
  start(): Promise<string | undefined>;
  /** Resolves when this life is over. */
  stop(): Promise<void>;
}

type OnExit<C> = (child: C, exit: Exit) => void;

/** Makes (but does not start) a life of `spec`. Throws what a nested supervisor's factory throws. */
export function openChild(spec: SomeChildSpec, env: SafeEnv, onExit: OnExit<Child>): Child {
  return isSupervisorSpec(spec) ? new SupervisorChild(spec, onExit) : new ActorChild(spec, env, onExit);
}

export class ActorChild implements Child {
  readonly ref: AnyActorRef;
  readonly supervisor = undefined;
  exit: Exit | undefined;
  asked = false;
  readonly #spec: ChildSpec;
  readonly #env: SafeEnv;
  readonly #onExit: OnExit<ActorChild>;
  #stopping: Promise<void> | undefined;
  /** Called at the end of this life, after `onExit`; few, and only while somebody waits. */
  #waiters: readonly (() => void)[] = [];

  constructor(spec: ChildSpec, env: SafeEnv, onExit: OnExit<ActorChild>) {
    this.#spec = spec;
    this.#env = env;
    this.#onExit = onExit;
    this.ref = createActor(guarded(spec.logic), {
      id: spec.id,
      input: spec.input,
      clock: env.clock,
      // Compiled logic tells of its transitions itself; xstate need not make an event of every step of it.
      ...(env.inspect === undefined || isCompiled(spec.logic) ? {} : { inspect: env.inspect }),
    });
    watch(this.ref, (exit) => this.#end(exit)); // C2
  }

  /** Starts the actor without waiting for readiness. A crash in its first step shows in `exit` at once. */
  launch(): void {
    const { name } = this.#spec;
    if (name !== undefined) this.#env.registry.register(name, this.ref); // goes away with this life
    this.ref.start();
  }

  async start(): Promise<string | undefined> {
    this.launch();
    if (this.#spec.ready === 'tag') return this.#untilReady();
    return this.exit?.kind === 'crashed' ? exitReason(this.exit) : undefined;
  }

  /** Asks once; the actor decides when it ends. */
  ask(): void {
    if (this.asked || this.exit !== undefined) return;
    this.asked = true;
    this.ref.send({ type: 'stop.requested' });
  }

  /** Ends the actor now. Its cleanup runs, nothing waits for it. */
  kill(): void {
    this.asked = true;
    if (this.exit === undefined) this.ref.stop();
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stopWithin(this.#spec.shutdown ?? supervisorLimits.shutdownMs)); // C3
  }

  async #stopWithin(budget: ChildSpec['shutdown']): Promise<void> {
    if (budget === 'brutal') this.kill();
    else this.ask();
    if (this.exit !== undefined) return;
    await new Promise<void>((resolve) => {
      let timer: TimerHandle;
      if (typeof budget === 'number') timer = this.#env.clock.setTimeout(() => this.kill(), budget);
      this.#atEnd(() => {
        if (timer !== undefined) this.#env.clock.clearTimeout(timer);
        resolve();
      });
    });
  }

  #untilReady(): Promise<string | undefined> {
    const readyMs = this.#spec.readyMs ?? supervisorLimits.readyMs;
    return new Promise((resolve) => {
      const verdict = () => {
        if (this.exit !== undefined) return `ended before it was ready: ${exitReason(this.exit)}`;
        return hasReadyTag(this.ref.getSnapshot()) ? 'ready' : undefined;
      };
      const look = () => {
        const found = verdict();
        if (found === undefined) return;
        this.#env.clock.clearTimeout(timer);
        subscription.unsubscribe();
        resolve(found === 'ready' ? undefined : found);
      };
      const timer = this.#env.clock.setTimeout(() => {
        subscription.unsubscribe();
        resolve(`not ready within ${readyMs} ms`);
        this.kill();
      }, readyMs);
      const subscription = this.ref.subscribe({ next: look, error: () => {} });
      this.#atEnd(look);
      look();
    });
  }

  #atEnd(waiter: () => void): void {
    this.#waiters = [...this.#waiters, waiter];
  }

  #end(exit: Exit): void {
    this.exit = exit;
    this.#onExit(this, exit); // C1
    for (const waiter of this.#waiters) waiter();
    this.#waiters = [];
  }
}

class SupervisorChild implements Child {
  readonly ref = undefined;
  readonly supervisor: AnySupervisor;
  exit: Exit | undefined;
  asked = false;
  #stopping: Promise<void> | undefined;

  constructor(spec: SupervisorSpec, onExit: OnExit<SupervisorChild>) {
    this.supervisor = spec.supervisor();
    const restart = spec.restart ?? 'permanent';
    if (restart !== 'permanent' && this.supervisor.autoShutdown === 'never') {
      // A supervisor that gives up exits with `shutdown`, which a transient child would pass off as a normal end.
      throw new Error(`supervisor "${this.supervisor.id}" must be permanent, not ${restart}`);
    }
    void this.supervisor.exit.then((exit) => {
      this.exit = exit;
      onExit(this, exit); // C1
    });
  }

  async start(): Promise<string | undefined> {
    try {
      await this.supervisor.start();
      return undefined;
    } catch (error) {
      return errorText(error);
    }
  }

  stop(): Promise<void> {
    this.asked = true;
    return (this.#stopping ??= this.supervisor.stop('its supervisor stops')); // C3
  }
}

function hasReadyTag(snapshot: unknown): boolean {
  return (snapshot as { readonly hasTag?: (tag: string) => boolean }).hasTag?.('ready') === true;
}
