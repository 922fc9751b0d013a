/**
 * A supervisor's life: an actor of `statecharts/supervisor.ts`. Everything a supervisor knows about its own state it asks
 * here; there is no flag beside the chart. The chart's actions reach their supervisor through the life's own actor
 * system, so the machine is given its implementations once per process.
 */
import { createActor, type SnapshotFrom, type StateValueFrom } from 'xstate';
import {
  supervisorMachine,
  type SupervisorEvent,
  type SupervisorLifeActor,
  type SupervisorOutput,
} from '../../statecharts/supervisor.ts';
import type { SafeEnv } from './environment.ts';
import { exitReason, type Exit } from './exit.ts';
import { guarded } from './guarded.ts';
import { watch } from './watch.ts';

/** What the chart has done by the supervisor it belongs to. */
export interface LifeHands {
  startChildren(): void;
  stopChildren(): void;
}

const handsOf = new WeakMap<WeakKey, LifeHands>();

const lifeLogic = guarded(
  supervisorMachine.provide({
    actions: {
      startChildren: ({ system }) => handsOf.get(system)?.startChildren(),
      stopChildren: ({ system }) => handsOf.get(system)?.stopChildren(),
    },
  }),
);

type LifeState = StateValueFrom<typeof supervisorMachine>;

export class Life {
  readonly #supervisorId: string;
  readonly #actor: SupervisorLifeActor;
  /** Resolves when the life is over; never rejects. */
  readonly exit: Promise<Exit>;

  constructor(supervisorId: string, hands: LifeHands, env: SafeEnv) {
    this.#supervisorId = supervisorId;
    const actor = createActor(lifeLogic, {
      id: supervisorId,
      input: { supervisorId },
      clock: env.clock,
      ...(env.inspect === undefined ? {} : { inspect: env.inspect }),
    });
    handsOf.set(actor.system, hands);
    this.exit = new Promise((resolve) => {
      watch(actor, (exit) =>
        resolve(exit.kind === 'normal' ? exitOf(exit.output as SupervisorOutput) : exit),
      );
    });
    this.#actor = actor.start();
  }

  get state(): LifeState {
    return this.#snapshot.value;
  }

  is(state: LifeState): boolean {
    return this.#snapshot.matches(state);
  }

  /** Running or restarting: exits are served, children may be added. */
  get ready(): boolean {
    return this.#snapshot.hasTag('ready');
  }

  /** Stopping or giving up: children only leave. */
  get ending(): boolean {
    return this.#snapshot.hasTag('ending');
  }

  /** Tells the chart; news that come after the end are nobody's any more. */
  send(event: SupervisorEvent): void {
    if (this.#snapshot.status === 'active') this.#actor.send(event);
  }

  /** Starts the children; resolves when all run, rejects naming the child that did not. */
  start(): Promise<void> {
    if (!this.is('created')) {
      return Promise.reject(new Error(`supervisor "${this.#supervisorId}" was started or stopped before`));
    }
    return new Promise((resolve, reject) => {
      const subscription = this.#actor.subscribe({
        next: (snapshot) => {
          if (!snapshot.hasTag('ready')) return;
          subscription.unsubscribe();
          resolve();
        },
        error: reject,
        complete: () => void this.exit.then((exit) => reject(this.#startFailure(exit))),
      });
      this.send({ type: 'start.requested' });
    });
  }

  /** Asks for the end and resolves when it is reached. */
  async stop(reason: string): Promise<void> {
    this.send({ type: 'stop.requested', reason });
    await this.exit;
  }

  get #snapshot(): SnapshotFrom<typeof supervisorMachine> {
    return this.#actor.getSnapshot();
  }

  #startFailure(exit: Exit): Error {
    return new Error(`supervisor "${this.#supervisorId}" did not start: ${exitReason(exit)}`);
  }
}

function exitOf(output: SupervisorOutput): Exit {
  switch (output.kind) {
    case 'stopped':
      return { kind: 'shutdown', reason: output.reason };
    case 'startFailed':
      return { kind: 'shutdown', reason: `child "${output.childId}" failed to start: ${output.reason}` };
    case 'gaveUp':
      return { kind: 'shutdown', reason: output.reason };
    case 'autoShutdown':
      return { kind: 'shutdown', reason: `significant child "${output.childId}" ended` };
  }
}
