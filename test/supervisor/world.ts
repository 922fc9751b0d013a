/**
 * A small world for supervisors: a virtual clock, collected reports, and workers whose births and deaths are written into
 * one trace (`+a`, `-a`), so that order, leaks and double starts show. The death is written by the cleanup of a child of
 * the worker: what xstate forgets to stop is missing in the trace.
 */
import { assign, fromCallback, setup, type AnyActorRef } from 'xstate';
import {
  Registry,
  Supervisor,
  type BackoffPolicy,
  type ChildSpec,
  type Exit,
  type ObservedTransition,
  type SupervisorEnv,
  type SupervisorOptions,
  type SupervisorReport,
} from '../../src/supervisor/index.ts';
import { SeededRandom } from '../fakes/seeded-random.ts';
import { VirtualClock } from '../fakes/virtual-clock.ts';

export interface Behaviour {
  /** What it does when asked to stop; `slow` takes a second. */
  readonly onStop?: 'obey' | 'ignore' | 'slow' | 'crash';
  /** Gets the tag `ready` after this; never without. */
  readonly readyAfterMs?: number;
}

interface WorkerInput {
  readonly id: string;
  readonly behaviour: Behaviour;
}

export class World {
  readonly clock = new VirtualClock();
  readonly registry = new Registry();
  readonly trace: string[] = [];
  readonly reports: SupervisorReport[] = [];
  readonly transitions: ObservedTransition[] = [];
  readonly env: SupervisorEnv;
  /** How many of the next starts of a worker throw. */
  readonly failingStarts = new Map<string, number>();
  readonly #live = new Map<string, AnyActorRef>();
  readonly #logic = this.#makeLogic();

  constructor(seed = 1) {
    this.env = {
      clock: this.clock,
      random: new SeededRandom(seed),
      registry: this.registry,
      report: (report) => this.reports.push(report),
      observe: (transition) => this.transitions.push(transition),
    };
  }

  /** Workers alive, in the order of their births. */
  get live(): readonly string[] {
    return [...this.#live.keys()];
  }

  spec(id: string, overrides: Partial<ChildSpec> = {}, behaviour: Behaviour = {}): ChildSpec {
    const input: WorkerInput = { id, behaviour };
    return { id, logic: this.#logic, input, ...overrides };
  }

  send(id: string, type: 'finish' | 'crash'): void {
    const ref = this.#live.get(id);
    if (ref === undefined) throw new Error(`no live worker "${id}"`);
    ref.send({ type });
  }

  /** Sends and lets the supervisor serve what follows from it, at this instant. */
  async tell(id: string, type: 'finish' | 'crash'): Promise<void> {
    this.send(id, type);
    await this.clock.settle();
  }

  /** The trace since the last call. */
  takeTrace(): string {
    return this.trace.splice(0).join(' ');
  }

  kinds(): readonly string[] {
    return this.reports.map(({ kind, childId }) => `${kind} ${childId}`);
  }

  #makeLogic() {
    return setup({
      types: {
        context: {} as WorkerInput & { obeys: boolean },
        input: {} as WorkerInput,
        events: {} as { type: 'finish' | 'crash' | 'stop.requested' },
        tags: {} as 'ready',
      },
      actors: {
        body: fromCallback<{ type: 'none' }, { id: string }>(({ input: { id }, self }) => {
          const parent = self._parent;
          if (this.#live.has(id)) this.trace.push(`!two of ${id}`);
          if (parent !== undefined) this.#live.set(id, parent);
          this.trace.push(`+${id}`);
          return () => {
            this.trace.push(`-${id}`);
            if (this.#live.get(id) === parent) this.#live.delete(id);
          };
        }),
      },
      actions: {
        perhapsFail: ({ context: { id } }) => {
          const left = this.failingStarts.get(id) ?? 0;
          if (left === 0) return;
          this.failingStarts.set(id, left - 1);
          throw new Error(`${id} cannot start`);
        },
        crash: ({ context: { id } }) => {
          throw new Error(`${id} crashed`);
        },
      },
      guards: {
        obeys: ({ context }) => (context.behaviour.onStop ?? 'obey') === 'obey',
        crashes: ({ context }) => context.behaviour.onStop === 'crash',
        slow: ({ context }) => context.behaviour.onStop === 'slow',
        getsReady: ({ context }) => context.behaviour.readyAfterMs !== undefined,
      },
      delays: { ready: ({ context }) => context.behaviour.readyAfterMs ?? 0, second: 1000 },
    }).createMachine({
      id: 'worker',
      options: { maxIterations: 100 },
      context: ({ input }) => ({ ...input, obeys: false }),
      entry: 'perhapsFail',
      invoke: { id: 'body', src: 'body', input: ({ context }) => ({ id: context.id }) },
      initial: 'warming',
      on: {
        crash: { actions: 'crash' },
        finish: '.finished',
        'stop.requested': [
          { guard: 'obeys', target: '.finished' },
          { guard: 'crashes', actions: 'crash' },
          { guard: 'slow', target: '.slowly' },
          { actions: assign({ obeys: false }) },
        ],
      },
      states: {
        warming: { after: { ready: { guard: 'getsReady', target: 'warm' } } },
        warm: { tags: ['ready'] },
        slowly: { after: { second: 'finished' } },
        finished: { type: 'final' },
      },
    });
  }
}

/** A backoff without chance: 100, 200, 400, 800, 1000 ms. */
export const steady: BackoffPolicy = { initMs: 100, factor: 2, maxMs: 1000, jitter: 0, resetMs: 10_000 };

/** A supervisor whose children run; the trace starts after that. */
export async function running(world: World, options: Omit<SupervisorOptions, 'id'>): Promise<Supervisor> {
  const supervisor = new Supervisor({ id: 'top', ...options }, world.env);
  await supervisor.start();
  world.takeTrace();
  return supervisor;
}

/** How it ended, if it has. */
export function outcome(supervisor: { readonly exit: Promise<Exit> }): Promise<Exit | 'alive'> {
  return Promise.race([supervisor.exit, new Promise<'alive'>((resolve) => setImmediate(resolve, 'alive'))]);
}
