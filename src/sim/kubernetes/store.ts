/**
 * The objects of the cluster, with a versioned history per kind.
 *
 * S1. One counter numbers all changes; an object's resourceVersion is the number of its last change.
 * S2. History is bounded per kind: `oldest` is the first version a watch or snapshot may still start after.
 * S3. Listeners are told after the change is in place and cannot refuse it.
 */
import { limits } from './limits.ts';
import type { KubeObject } from './objects.ts';

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly collection: string;
  readonly key: string;
  readonly object: KubeObject;
  readonly previous: KubeObject | undefined;
  readonly revision: number;
}

interface Collection {
  readonly objects: Map<string, KubeObject>;
  /** Sorted keys; undefined after an addition or removal, until somebody lists. */
  keys: readonly string[] | undefined;
  history: Change[];
  oldest: number;
}

/** Objects sort by namespace, then name, as in the real server's store. */
export function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}
function keyOfObject(object: KubeObject): string {
  return keyOf(object.metadata.namespace, object.metadata.name);
}

/** Resource versions start here, so that version 1 is always "too old", as in a real cluster that has lived. */
const firstRevision = 1_000;

export class Store {
  private readonly collections = new Map<string, Collection>();
  private readonly listeners = new Set<(change: Change) => void>();
  private readonly dependents = new Map<string, Map<string, { collection: string; object: KubeObject }>>();
  private readonly uids = new Set<string>();
  private current = firstRevision;
  private count = 0;

  get revision(): number {
    return this.current;
  }
  get full(): boolean {
    return this.count >= limits.objectsMax;
  }

  private collection(id: string): Collection {
    let found = this.collections.get(id);
    if (found === undefined) {
      found = { objects: new Map(), keys: undefined, history: [], oldest: this.current };
      this.collections.set(id, found);
    }
    return found;
  }

  get(id: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.collections.get(id)?.objects.get(keyOf(namespace, name));
  }

  /** All objects of a kind in key order, of one namespace or of all. */
  list(id: string, namespace?: string): readonly KubeObject[] {
    const collection = this.collection(id);
    collection.keys ??= [...collection.objects.keys()].sort(byKey);
    const found: KubeObject[] = [];
    for (const key of collection.keys) {
      const object = collection.objects.get(key);
      if (object !== undefined && (namespace === undefined || object.metadata.namespace === namespace)) {
        found.push(object);
      }
    }
    return found;
  }

  /** The collection as it was at a revision, or undefined when history no longer reaches back (S2). */
  snapshot(id: string, revision: number): readonly KubeObject[] | undefined {
    const collection = this.collection(id);
    if (revision < collection.oldest) return undefined;
    const objects = new Map(collection.objects);
    for (let index = collection.history.length - 1; index >= 0; index -= 1) {
      const change = collection.history[index];
      if (change === undefined || change.revision <= revision) break;
      if (change.previous === undefined) objects.delete(change.key);
      else objects.set(change.key, change.previous);
    }
    return [...objects.entries()].sort(([a], [b]) => byKey(a, b)).map(([, object]) => object);
  }

  /** Changes of a kind after a revision, or undefined when they are no longer all known (S2). */
  since(id: string, revision: number): readonly Change[] | undefined {
    const collection = this.collection(id);
    if (revision < collection.oldest) return undefined;
    return collection.history.filter((change) => change.revision > revision);
  }

  oldest(id: string): number {
    return this.collection(id).oldest;
  }

  /** Forgets the past: nothing may start before now any more (S2). */
  compact(): void {
    for (const collection of this.collections.values()) {
      collection.history = [];
      collection.oldest = this.current;
    }
  }

  /** Writes an object and answers it with its new resourceVersion (S1). */
  put(id: string, object: KubeObject): KubeObject {
    const collection = this.collection(id);
    const key = keyOfObject(object);
    const previous = collection.objects.get(key);
    const revision = this.next();
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    collection.objects.set(key, stored);
    if (previous === undefined) {
      collection.keys = undefined;
      this.count += 1;
    } else {
      this.forget(id, key, previous);
    }
    this.remember(id, key, stored);
    const type = previous === undefined ? 'ADDED' : 'MODIFIED';
    this.record(collection, { type, collection: id, key, object: stored, previous, revision });
    return stored;
  }

  /** Removes an object and answers its last state, numbered with the removal's version. */
  remove(id: string, object: KubeObject): KubeObject {
    const collection = this.collection(id);
    const key = keyOfObject(object);
    const previous = collection.objects.get(key);
    if (previous === undefined) return object;
    const revision = this.next();
    const last = { ...previous, metadata: { ...previous.metadata, resourceVersion: String(revision) } };
    collection.objects.delete(key);
    collection.keys = undefined;
    this.count -= 1;
    this.forget(id, key, previous);
    this.record(collection, { type: 'DELETED', collection: id, key, object: last, previous, revision });
    return last;
  }

  private next(): number {
    this.current += 1;
    return this.current;
  }

  private record(collection: Collection, change: Change): void {
    collection.history.push(change);
    if (collection.history.length > limits.historyPerKindMax * 2) {
      const cut = collection.history.length - limits.historyPerKindMax;
      collection.oldest = collection.history[cut - 1]?.revision ?? collection.oldest;
      collection.history = collection.history.slice(cut);
    }
    for (const listener of this.listeners) listener(change);
  }

  private remember(collection: string, key: string, object: KubeObject): void {
    this.uids.add(object.metadata.uid);
    for (const owner of object.metadata.ownerReferences ?? []) {
      let owned = this.dependents.get(owner.uid);
      if (owned === undefined) this.dependents.set(owner.uid, (owned = new Map()));
      owned.set(`${collection} ${key}`, { collection, object });
    }
  }

  private forget(collection: string, key: string, object: KubeObject): void {
    this.uids.delete(object.metadata.uid);
    for (const owner of object.metadata.ownerReferences ?? []) {
      const owned = this.dependents.get(owner.uid);
      owned?.delete(`${collection} ${key}`);
      if (owned?.size === 0) this.dependents.delete(owner.uid);
    }
  }

  has(uid: string): boolean {
    return this.uids.has(uid);
  }

  /** The objects that name this uid as an owner. */
  ownedBy(uid: string): readonly { readonly collection: string; readonly object: KubeObject }[] {
    return [...(this.dependents.get(uid)?.values() ?? [])];
  }

  /** Ids of the collections that hold something. */
  collectionIds(): readonly string[] {
    return [...this.collections].filter(([, held]) => held.objects.size > 0).map(([id]) => id);
  }

  subscribe(listener: (change: Change) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

function byKey(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
