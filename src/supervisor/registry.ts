/**
 * Names of actors. A restarted actor is a new reference, so nobody keeps references: they keep a name, and it is looked
 * up when something is sent.
 *
 * R1. The newest registration of a name wins; a late farewell of an older one removes nothing.
 * R2. An actor that has ended is not found, and its name goes away by itself.
 * R3. What cannot be delivered is counted and told, never silently lost.
 */
import type { AnyActorRef, EventObject, Snapshot } from 'xstate';
import { watch } from './watch.ts';

export interface DeadLetter {
  readonly name: string;
  readonly eventType: string;
}

/** A held name; `incarnation` grows with every registration in this registry. */
export interface Registration {
  readonly name: string;
  readonly incarnation: number;
  /** Gives the name back if this registration still holds it; answers whether it did. */
  unregister(): boolean;
}

interface Entry {
  readonly ref: AnyActorRef;
  readonly incarnation: number;
}

export class Registry {
  readonly #entries = new Map<string, Entry>();
  readonly #onDeadLetter: (letter: DeadLetter) => void;
  #incarnation = 0;
  #deadLetters = 0;

  /** `onDeadLetter` is told of each event that found nobody; it must not throw. */
  constructor(onDeadLetter: (letter: DeadLetter) => void = () => {}) {
    this.#onDeadLetter = onDeadLetter;
  }

  /** Events sent to names nobody held. */
  get deadLetters(): number {
    return this.#deadLetters;
  }

  /** Names held now. Bounded by the populations of the supervisors that register their children. */
  get size(): number {
    return this.#entries.size;
  }

  /** Gives `name` to `ref`, taking it from an older holder. */
  register(name: string, ref: AnyActorRef): Registration {
    const incarnation = ++this.#incarnation;
    this.#entries.set(name, { ref, incarnation }); // R1
    const unregister = () => {
      unwatch();
      return this.#entries.get(name)?.incarnation === incarnation && this.#entries.delete(name); // R1
    };
    const unwatch = watch(ref, unregister); // R2
    return { name, incarnation, unregister };
  }

  /** The live holder of a name. Ask each time; do not keep the answer. */
  whereis(name: string): AnyActorRef | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    return (entry.ref.getSnapshot() as Snapshot<unknown>).status === 'active' ? entry.ref : undefined;
  }

  /** The incarnation that holds a name now. */
  incarnation(name: string): number | undefined {
    return this.#entries.get(name)?.incarnation;
  }

  names(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** Sends to whoever holds the name now. False means a dead letter. */
  send(name: string, event: EventObject): boolean {
    const ref = this.whereis(name);
    if (ref === undefined) {
      this.#deadLetters++; // R3
      this.#onDeadLetter({ name, eventType: event.type });
      return false;
    }
    ref.send(event);
    return true;
  }
}
