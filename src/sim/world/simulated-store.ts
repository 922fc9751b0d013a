/**
 * The store several kas share, in a simulated world: one memory store behind a network, which may be gone, slow, emptied,
 * or lose what was written last.
 *
 * S1. Who takes over from a store has all but the last writes of it: not an empty store, but one of a moment ago, with
 *     entries of the dead and without the newest of the living.
 * S2. News of pushes are not kept: what comes while the store is out of order is lost.
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
/** Writes remembered for who takes over; older ones have nearly always expired. */
const journalMax = 2_000;

/** A write that a store which takes over may have, for as long as it was meant to last. */
interface Written {
  readonly atMs: number;
  readonly ttlMs: number;
  readonly write: (store: Store, ttlMs: number) => Promise<unknown>;
}

/** What was written of a pod, and the incarnation the directory shows for it afterwards. */
interface EntryWrite {
  readonly kind: 'register' | 'farewell';
  readonly agentId: bigint;
  readonly connectionId: bigint;
  readonly incarnation: number;
  readonly shown: number | undefined;
}
/** What happens to the contents; those of a store that took over are known to nobody. */
export type StoreWrite = EntryWrite | { readonly kind: 'emptied' } | { readonly kind: 'tookOver' };

export class SimulatedStore {
  readonly #kernel: Kernel;
  readonly #onWritten: (write: StoreWrite) => void;
  readonly #troubles = new Map<StoreTrouble, number>();
  readonly #journal: Written[] = [];
  #store: Store;

  constructor(kernel: Kernel, onWritten: (write: StoreWrite) => void = () => {}) {
    this.#kernel = kernel;
    this.#onWritten = onWritten;
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
    this.#begin();
    this.#onWritten({ kind: 'emptied' });
  }

  /** Another one takes its place, which has not heard of the writes of the last milliseconds (S1). Quotas count anew. */
  failOver(lostMs: number): void {
    const { nowMs } = this.#kernel;
    const known = this.#journal.filter(({ atMs }) => atMs <= nowMs - lostMs);
    this.#begin();
    this.#onWritten({ kind: 'tookOver' });
    for (const written of known) {
      const leftMs = written.atMs + written.ttlMs - nowMs;
      if (leftMs <= 0) continue;
      this.#journal.push(written);
      void written.write(this.#store, leftMs);
    }
  }

  /** The store as one process reaches it. */
  of(process: SimulatedProcess): { readonly store: Store; readonly pushEvents: PushEvents } {
    const ask = <T>(question: (store: Store) => Promise<T>): Promise<T> => this.#ask(process, question);
    const store: Store = {
      registerAgent: (agent, ttlMs) =>
        ask(() => {
          const done = this.#write(ttlMs, (to, ms) => to.registerAgent(agent, ms));
          return this.#looked(done, { kind: 'register', ...agent });
        }),
      unregisterAgent: (agentId, connectionId, incarnation) =>
        ask(() => {
          const done = this.#write(Infinity, (to) => to.unregisterAgent(agentId, connectionId, incarnation));
          return this.#looked(done, { kind: 'farewell', agentId, connectionId, incarnation });
        }),
      agentsById: (agentId) => ask((to) => to.agentsById(agentId)),
      agentsByProject: (projectId) => ask((to) => to.agentsByProject(projectId)),
      connectedAgents: () => ask((to) => to.connectedAgents()),
      takeTokenQuota: (key, limit) => ask((to) => to.takeTokenQuota(key, limit)),
      sharedErrors: {
        get: (key) => ask((to) => to.sharedErrors.get(key)),
        set: (key, error, ttlMs) =>
          ask(() => this.#write(ttlMs, (to, ms) => to.sharedErrors.set(key, error, ms))),
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

  /** Answers whether they were told. */
  push(event: PushEvent): boolean {
    if (this.#outOfOrder) return false; // S2
    void this.pushEvents.publish(event);
    return true;
  }

  get #outOfOrder(): boolean {
    return this.#has('gone') || this.#has('hangs');
  }

  #has(trouble: StoreTrouble): boolean {
    return (this.#troubles.get(trouble) ?? 0) > 0;
  }

  #begin(): void {
    this.#store = memoryStore({ clock: this.#kernel.clock });
    this.#journal.length = 0;
  }

  #write<T>(ttlMs: number, write: (store: Store, ttlMs: number) => Promise<T>): Promise<T> {
    if (this.#journal.length >= journalMax) this.#journal.splice(0, journalMax / 2);
    this.#journal.push({ atMs: this.#kernel.nowMs, ttlMs, write });
    return write(this.#store, ttlMs);
  }

  /** Looks at what a write has made of the entry; the store decides at once, so nothing comes between. */
  async #looked<T>(
    done: Promise<T>,
    { kind, agentId, connectionId, incarnation }: Omit<EntryWrite, 'shown'>,
  ): Promise<T> {
    const entries = await this.#store.agentsById(agentId);
    const shown = entries.find((entry) => entry.connectionId === connectionId)?.incarnation;
    this.#onWritten({ kind, agentId, connectionId, incarnation, shown });
    return done;
  }

  async #ask<T>(process: SimulatedProcess, question: (store: Store) => Promise<T>): Promise<T> {
    const random = process.ways;
    const slow = this.#has('slow') ? Math.min(random.around(slowMeanMs), answerMsMax) : 0;
    const there = random.between(wayMs.min, wayMs.max) + slow;
    const way = {
      there: this.#has('hangs') ? answerMsMax : there,
      back: random.between(wayMs.min, wayMs.max),
    };
    const answered = await process.ask(way, () => {
      if (this.#outOfOrder) throw new Error('the store is out of order');
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
