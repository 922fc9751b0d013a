/**
 * What a run waits for after it applied or deleted something (`spec/agentk.md §5.12`): each object's state, judged by what is seen of
 * it. Pure: whoever watches the cluster tells it here.
 *
 * W1. Only the very object counts: one with another uid is a stranger of the same name.
 * W2. What was seen before the write says nothing: an older generation is still pending.
 */
import type { KubeObject, ResourceType } from '../kubernetes/index.ts';
import { statusOf, type ObjectStatus } from './kstatus.ts';
import type { ObjectId } from './object-id.ts';
import type { SyncEvent } from './sync.ts';

export type Goal = 'Current' | 'NotFound';
export type AwaitedState = 'Pending' | 'Successful' | 'Failed' | 'Timeout';

export interface Awaited {
  readonly id: ObjectId;
  readonly key: string;
  readonly type: ResourceType;
  readonly uid: string;
  readonly generation: number | undefined;
}

interface Waiting {
  readonly item: Awaited;
  state: AwaitedState | undefined;
  error: string | undefined;
  told: ObjectStatus | undefined;
}

export class Reconciliation {
  readonly #goal: Goal;
  readonly #tell: (event: SyncEvent) => void;
  readonly #objects = new Map<string, Waiting>();
  #pending = 0;
  #begun = false;

  constructor(goal: Goal, tell: (event: SyncEvent) => void) {
    this.#goal = goal;
    this.#tell = tell;
  }

  get goal(): Goal {
    return this.#goal;
  }

  /** Nothing is pending. */
  get settled(): boolean {
    return this.#pending === 0;
  }

  pending(): readonly Awaited[] {
    return [...this.#objects.values()].filter(({ state }) => state === 'Pending').map(({ item }) => item);
  }

  awaits(key: string): boolean {
    return this.#objects.get(key)?.state === 'Pending';
  }

  states(): readonly { readonly key: string; readonly state: AwaitedState; readonly error?: string }[] {
    return [...this.#objects].map(([key, { state = 'Pending', error, told }]) => ({
      key,
      state,
      error: error ?? `${told?.status ?? 'Unknown'}: ${told?.message ?? 'nothing is known of it'}`,
    }));
  }

  /** From now on it is told what becomes of the objects; first, what was seen of them already. */
  begin(): void {
    this.#begun = true;
    for (const { item, told, state, error } of this.#objects.values()) {
      if (told !== undefined) this.#tell({ type: 'status', id: item.id, ...told });
      if (state !== undefined) this.#tell({ type: 'wait', id: item.id, status: state, error });
    }
  }

  /** Awaits one more object, seen as its write left it. */
  add(item: Awaited, seen: KubeObject | undefined, nowMs: number): void {
    const waiting: Waiting = { item, state: undefined, error: undefined, told: undefined };
    this.#objects.set(item.key, waiting);
    if (this.#goal === 'NotFound') this.#move(waiting, 'Pending');
    else this.#judge(waiting, seen, nowMs);
  }

  /**
   * An object as it is now; undefined when there is none. Unknown keys are nobody's business.
   *
   * @param told its status, when more than the object itself tells it
   */
  observe(key: string, live: KubeObject | undefined, nowMs: number, told?: ObjectStatus): void {
    const waiting = this.#objects.get(key);
    if (waiting !== undefined) this.#judge(waiting, live, nowMs, told);
  }

  /** The object cannot be waited for. */
  fail(key: string, reason: string): void {
    const waiting = this.#objects.get(key);
    if (waiting?.state === 'Pending') this.#move(waiting, 'Failed', reason);
  }

  /** Time is up for what is pending. */
  giveUp(): void {
    for (const waiting of this.#objects.values()) {
      if (waiting.state === 'Pending') this.#move(waiting, 'Timeout');
    }
  }

  #judge(waiting: Waiting, live: KubeObject | undefined, nowMs: number, given?: ObjectStatus): void {
    const { item } = waiting;
    const stranger = live !== undefined && live.metadata.uid !== item.uid; // W1
    const status = given ?? statusOf(this.#goal === 'NotFound' && stranger ? undefined : live, nowMs);
    this.#tellStatus(waiting, status);
    if (this.#goal === 'NotFound') {
      return this.#move(waiting, status.status === 'NotFound' ? 'Successful' : 'Pending');
    }
    if (stranger) return this.#move(waiting, 'Failed', 'it was deleted and created anew by somebody else');
    const seen = live?.metadata.generation;
    const old = item.generation !== undefined && seen !== undefined && seen < item.generation; // W2
    if (old || (status.status !== 'Current' && status.status !== 'Failed')) {
      return this.#move(waiting, 'Pending');
    }
    if (status.status === 'Failed') return this.#move(waiting, 'Failed', status.message);
    this.#move(waiting, 'Successful');
  }

  #tellStatus(waiting: Waiting, status: ObjectStatus): void {
    const { told, item } = waiting;
    if (told?.status === status.status && told.message === status.message) return;
    waiting.told = status;
    if (this.#begun) this.#tell({ type: 'status', id: item.id, ...status });
  }

  #move(waiting: Waiting, state: AwaitedState, error?: string): void {
    waiting.error = error;
    if (waiting.state === state) return;
    this.#pending += Number(state === 'Pending') - Number(waiting.state === 'Pending');
    waiting.state = state;
    if (this.#begun) this.#tell({ type: 'wait', id: waiting.item.id, status: state, error });
  }
}
