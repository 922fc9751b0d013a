/**
 * What an informer knows of one kind of objects: a copy of the cluster's state, indexed, that tells what changed in it.
 *
 * O1. The state of a key is the cluster's or was it before; it never goes back as long as one informer writes here.
 * O2. Handlers are told after the state and its indexes changed, one change after the other. One that throws is reported
 *     and disturbs nobody.
 * O3. Objects are shared: nobody changes them.
 * O4. At most `objectsMax` are kept; what would not fit is refused as a whole (a list) or counted as dropped (an event).
 * O5. A key whose uid changed is a deletion and a new object, also when nobody saw the deletion.
 */
import { objectKey, type KubeObject } from '../kube-object.ts';

export type ObjectChange =
  /** `initial`: it was there before anybody looked. */
  | { readonly kind: 'added'; readonly object: KubeObject; readonly initial: boolean }
  | { readonly kind: 'updated'; readonly object: KubeObject; readonly previous: KubeObject }
  /** `unseen`: the object is its last known state, its deletion was missed. */
  | { readonly kind: 'deleted'; readonly object: KubeObject; readonly unseen: boolean }
  /** Nothing happened: told from time to time, for those who mend what others broke. */
  | { readonly kind: 'resynced'; readonly object: KubeObject };

export type ChangeHandler = (change: ObjectChange) => void;
/** The values an object is found by in one index. */
export type Indexer = (object: KubeObject) => readonly string[];

export interface ObjectStoreOptions {
  readonly objectsMax: number;
  readonly indexers?: Readonly<Record<string, Indexer>>;
  /** Takes away what nobody needs, before it is kept. */
  readonly transform?: (object: KubeObject) => KubeObject;
  readonly onHandlerError: (error: unknown) => void;
  /** A whole list is in: what is not in it does not exist. */
  readonly onListed?: () => void;
}

/** What others may do with a store; its informer has the rest. */
export interface ObjectReader {
  /** The first list is in, and every handler has been told of it. */
  readonly synced: boolean;
  readonly size: number;
  get(key: string): KubeObject | undefined;
  list(): readonly KubeObject[];
  byIndex(index: string, value: string): readonly KubeObject[];
  indexValues(index: string): readonly string[];
  /** Tells of all objects now and of all changes from now on; answers how to end that. */
  subscribe(handler: ChangeHandler): () => void;
}

type Index = { readonly of: Indexer; readonly keys: Map<string, Set<string>> };

export class ObjectStore implements ObjectReader {
  readonly #options: ObjectStoreOptions;
  readonly #objects = new Map<string, KubeObject>();
  readonly #indexes: ReadonlyMap<string, Index>;
  readonly #handlers = new Set<ChangeHandler>();
  #resourceVersion = '';
  #synced = false;
  #dropped = 0;

  constructor(options: ObjectStoreOptions) {
    this.#options = options;
    const indexers = Object.entries(options.indexers ?? {});
    this.#indexes = new Map(indexers.map(([name, of]) => [name, { of, keys: new Map() }]));
  }

  /** The version of the newest list, event or bookmark; empty before the first list. Opaque, compared by nobody. */
  get resourceVersion(): string {
    return this.#resourceVersion;
  }

  get synced(): boolean {
    return this.#synced;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** Objects there was no room for since the last list (O4). */
  get dropped(): number {
    return this.#dropped;
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  list(): readonly KubeObject[] {
    return [...this.#objects.values()];
  }

  byIndex(index: string, value: string): readonly KubeObject[] {
    const keys = this.#index(index).keys.get(value) ?? [];
    return [...keys].flatMap((key) => this.#objects.get(key) ?? []);
  }

  indexValues(index: string): readonly string[] {
    return [...this.#index(index).keys.keys()];
  }

  subscribe(handler: ChangeHandler): () => void {
    for (const object of this.list()) this.#tell(handler, { kind: 'added', object, initial: true });
    this.#handlers.add(handler);
    return () => void this.#handlers.delete(handler);
  }

  /** Takes a whole list. False when there are more objects than may be kept; then nothing changes. */
  replace(objects: readonly KubeObject[], resourceVersion: string): boolean {
    if (objects.length > this.#options.objectsMax) return false; // O4
    this.#resourceVersion = resourceVersion;
    this.#dropped = 0;
    const listed = new Set(objects.map(objectKey));
    for (const [key, object] of this.#objects) {
      if (listed.has(key)) continue;
      this.#remove(key);
      this.#tellAll({ kind: 'deleted', object, unseen: true });
    }
    for (const object of objects) this.#put(object, !this.#synced);
    this.#synced = true;
    this.#options.onListed?.();
    return true;
  }

  /** Takes one event of a watch. */
  apply(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    this.note(object.metadata.resourceVersion);
    if (type !== 'DELETED') return this.#put(object, false);
    const key = objectKey(object);
    if (!this.#objects.has(key)) return;
    this.#remove(key);
    this.#tellAll({ kind: 'deleted', object: this.#kept(object), unseen: false });
  }

  /** The state is as new as this version, without a change. */
  note(resourceVersion: string | undefined): void {
    if (resourceVersion !== undefined && resourceVersion !== '') this.#resourceVersion = resourceVersion;
  }

  /** Tells of every object once more. */
  resync(): void {
    for (const object of this.list()) this.#tellAll({ kind: 'resynced', object });
  }

  #put(given: KubeObject, initial: boolean): void {
    const key = objectKey(given);
    let previous = this.#objects.get(key);
    if (previous === undefined && this.#objects.size >= this.#options.objectsMax) {
      this.#dropped += 1; // O4
      return;
    }
    if (previous !== undefined && previous.metadata.uid !== given.metadata.uid) {
      this.#remove(key); // O5
      this.#tellAll({ kind: 'deleted', object: previous, unseen: true });
      previous = undefined;
    }
    if (previous !== undefined && previous.metadata.resourceVersion === given.metadata.resourceVersion)
      return;
    const object = this.#kept(given);
    if (previous !== undefined) this.#unindex(key, previous);
    this.#objects.set(key, object);
    for (const { of, keys } of this.#indexes.values()) {
      for (const value of of(object)) {
        const found = keys.get(value) ?? new Set();
        keys.set(value, found.add(key));
      }
    }
    this.#tellAll(
      previous === undefined ? { kind: 'added', object, initial } : { kind: 'updated', object, previous },
    );
  }

  #remove(key: string): void {
    const object = this.#objects.get(key);
    if (object === undefined) return;
    this.#unindex(key, object);
    this.#objects.delete(key);
  }

  #unindex(key: string, object: KubeObject): void {
    for (const { of, keys } of this.#indexes.values()) {
      for (const value of of(object)) {
        const found = keys.get(value);
        found?.delete(key);
        if (found?.size === 0) keys.delete(value);
      }
    }
  }

  #index(name: string): Index {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new Error(`object store: no index ${name}`);
    return index;
  }

  #kept(object: KubeObject): KubeObject {
    return this.#options.transform?.(object) ?? object;
  }

  #tellAll(change: ObjectChange): void {
    for (const handler of this.#handlers) this.#tell(handler, change); // O2
  }

  #tell(handler: ChangeHandler, change: ObjectChange): void {
    try {
      handler(change);
    } catch (error) {
      this.#options.onHandlerError(error);
    }
  }
}

/** A transform for most uses: who manages which field is half of an object and nobody's business here. */
export function withoutManagedFields(object: KubeObject): KubeObject {
  if (object.metadata['managedFields'] === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
