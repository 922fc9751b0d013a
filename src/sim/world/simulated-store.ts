/**
 * The store several kas share, in a simulated world: one memory store behind a network, which may be gone, slow, emptied,
 * or lose what was written last.
 */
import type { MakeManifestWorkers } from '../../actors/index.ts';
import type { PushEvent, PushEvents, Store } from '../../ports/index.ts';
import { memoryPushEvents, memoryStore } from '../../store/memory/index.ts';
import type { Kernel } from '../kernel/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export const storeTroubles = ['gone', 'hangs', 'slow'] as const;
export type StoreTrouble = (typeof storeTroubles)[number];

const wayMs = { min: 0.1, max: 2 } as const;
const slowMeanMs = 1_500;
/** An adapter gives up on a store that says nothing. */
const answerMsMax = 5_000;

export class SimulatedStore {
  readonly #kernel: Kernel;
  readonly #troubles = new Map<StoreTrouble, number>();
  #store: Store;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    this.#store = memoryStore({ clock: kernel.clock });
  }

  /** As it is, for judges. */
  get contents(): Store {
    return this.#store;
  }

  trouble(kind: StoreTrouble): () => void {
    this.#troubles.set(kind, (this.#troubles.get(kind) ?? 0) + 1);
    return () => void this.#troubles.set(kind, (this.#troubles.get(kind) ?? 1) - 1);
  }

  /** Everything in it is lost. */
  empty(): void {
    this.#store = memoryStore({ clock: this.#kernel.clock });
  }

  /** The store as one process reaches it. */
  of(process: SimulatedProcess): { readonly store: Store; readonly pushEvents: PushEvents } {
    const ask = <T>(question: (store: Store) => Promise<T>): Promise<T> => this.#ask(process, question);
    const store: Store = {
      registerAgent: (agent, ttlMs) => ask((to) => to.registerAgent(agent, ttlMs)),
      unregisterAgent: (agentId, connectionId, incarnation) =>
        ask((to) => to.unregisterAgent(agentId, connectionId, incarnation)),
      agentsById: (agentId) => ask((to) => to.agentsById(agentId)),
      agentsByProject: (projectId) => ask((to) => to.agentsByProject(projectId)),
      connectedAgents: () => ask((to) => to.connectedAgents()),
      takeTokenQuota: (key, limit) => ask((to) => to.takeTokenQuota(key, limit)),
      sharedErrors: {
        get: (key) => ask((to) => to.sharedErrors.get(key)),
        set: (key, error, ttlMs) => ask((to) => to.sharedErrors.set(key, error, ttlMs)),
      },
      close: () => Promise.resolve(),
    };
    const pushEvents: PushEvents = {
      publish: (event) => this.pushEvents.publish(event),
      subscribe: (listener) => this.pushEvents.subscribe((event) => process.alive && listener(event)),
    };
    return { store, pushEvents };
  }

  /** News of pushes reach every kas. */
  readonly pushEvents = memoryPushEvents();

  push(event: PushEvent): void {
    void this.pushEvents.publish(event);
  }

  async #ask<T>(process: SimulatedProcess, question: (store: Store) => Promise<T>): Promise<T> {
    const random = process.ways;
    const has = (trouble: StoreTrouble) => (this.#troubles.get(trouble) ?? 0) > 0;
    const slow = has('slow') ? Math.min(random.around(slowMeanMs), answerMsMax) : 0;
    const there = random.between(wayMs.min, wayMs.max) + slow;
    const way = { there: has('hangs') ? answerMsMax : there, back: random.between(wayMs.min, wayMs.max) };
    const answered = await process.ask(way, () => {
      if (has('gone') || has('hangs')) throw new Error('the store is out of order');
      return { answer: question(this.#store) };
    });
    return answered.answer;
  }
}

const nothingRead = { kind: 'ok', manifests: [], warnings: [] } as const;

/** Manifest workers for worlds without manifests: always there, nothing to read. */
export const idleWorkers: MakeManifestWorkers = () => ({
  read: () => Promise.resolve(nothingRead),
  check: () => Promise.resolve(nothingRead),
  stop: () => Promise.resolve(),
});
