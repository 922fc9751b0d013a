/**
 * What disappears because something else did: dependents of deleted owners, contents of deleted namespaces, resources
 * of deleted definitions. Runs a little after each deletion, as the real controllers do.
 *
 * G1. A dependent goes when none of its owners exists any more; of those that went while others stay it is cut loose.
 * G2. Foreground deletion begins with the dependents; the owner goes when none is left that holds it back (`blockOwnerDeletion`).
 *     Orphaning cuts the dependents loose.
 * G3. The resources of a definition end with it, at once: whoever defines it again finds none.
 */
import type { Clock, TimerHandle } from '../../ports/index.ts';
import { textAt } from './json.ts';
import type { Kind, KindRegistry } from './kinds.ts';
import { paces } from './limits.ts';
import type { KubeObject, OwnerReference } from './objects.ts';
import { Refusal } from './refusal.ts';
import type { DeleteOptions, Resources } from './resources.ts';
import type { Change, Store } from './store.ts';

export interface GarbageDeps {
  readonly store: Store;
  readonly kinds: KindRegistry;
  readonly resources: Resources;
  readonly clock: Clock;
}

const definitions = 'apiextensions.k8s.io/customresourcedefinitions';
const quietly: DeleteOptions = {
  dryRun: false,
  gracePeriodSeconds: undefined,
  propagationPolicy: 'Background',
  uid: '',
  resourceVersion: '',
};
const written = { dryRun: false, fieldManager: 'kube-controller-manager', subresource: '' };

type Dependent = ReturnType<Store['ownedBy']>[number];

function isDying({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function holdsBack({ metadata }: KubeObject, uid: string): boolean {
  return (metadata.ownerReferences ?? []).some((one) => one.uid === uid && one.blockOwnerDeletion === true);
}

/** Collects until stopped. */
export class GarbageCollector {
  private readonly deps: GarbageDeps;
  /** The newest change of each object that died or is dying, by uid. */
  private readonly queue = new Map<string, Change>();
  /** Namespaces that lost something in this run. */
  private readonly touched = new Set<string>();
  private readonly unsubscribe: () => void;
  private timer: TimerHandle;

  constructor(deps: GarbageDeps) {
    this.deps = deps;
    this.unsubscribe = deps.store.subscribe((change) => {
      if (change.type === 'DELETED' && change.collection === definitions) this.dropResourcesOf(change.object);
      if (change.type !== 'DELETED' && change.object.metadata.deletionTimestamp === undefined) return;
      this.queue.set(change.object.metadata.uid, change);
      this.timer ??= deps.clock.setTimeout(() => this.run(), paces.garbageMs);
    });
  }

  stop(): void {
    this.unsubscribe();
    if (this.timer !== undefined) this.deps.clock.clearTimeout(this.timer);
  }

  private run(): void {
    this.timer = undefined;
    const due = [...this.queue.values()];
    this.queue.clear();
    for (const change of due) this.collect(change);
    for (const name of this.touched) {
      const namespace = this.deps.store.get('/namespaces', undefined, name);
      if (namespace?.metadata.deletionTimestamp !== undefined) this.emptyNamespace(name);
    }
    this.touched.clear();
  }

  private collect({ type, collection, object }: Change): void {
    if (type !== 'DELETED') {
      const { finalizers = [], name } = object.metadata;
      if (collection === '/namespaces') this.touched.add(name);
      if (finalizers.includes('orphan')) this.orphan(collection, object);
      if (finalizers.includes('foregroundDeletion')) this.deleteInForeground(collection, object);
      return;
    }
    this.collectDependents(object.metadata.uid);
    this.unblock(object);
  }

  /** G3. */
  private dropResourcesOf(definition: KubeObject): void {
    const { store } = this.deps;
    const custom = `${textAt(definition, 'spec', 'group')}/${textAt(definition, 'spec', 'names', 'plural')}`;
    for (const resource of store.list(custom)) store.remove(custom, resource);
  }

  private kindOf(collection: string): Kind | undefined {
    return this.deps.kinds.all().find((kind) => kind.id === collection);
  }

  private kindOfOwner({ apiVersion, kind }: Pick<OwnerReference, 'apiVersion' | 'kind'>): Kind | undefined {
    const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
    return this.deps.kinds.all().find((one) => one.group === group && one.kind === kind);
  }

  private remove(collection: string, object: KubeObject, propagationPolicy = 'Background'): void {
    const kind = this.kindOf(collection);
    const { namespace, name } = object.metadata;
    if (kind === undefined) this.deps.store.remove(collection, object);
    else this.deps.resources.delete(kind, namespace, name, { ...quietly, propagationPolicy });
  }

  private dropFinalizer(collection: string, object: KubeObject, finalizer: string): void {
    const kind = this.kindOf(collection);
    const current = this.deps.store.get(collection, object.metadata.namespace, object.metadata.name);
    if (kind === undefined || current === undefined) return;
    const finalizers = (current.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    const released = { ...current, metadata: { ...current.metadata, finalizers } };
    this.deps.resources.replace(kind, current, released, written);
  }

  /** G1. */
  private collectDependents(uid: string): void {
    for (const dependent of this.deps.store.ownedBy(uid)) {
      if (this.hasOtherOwner(dependent.object, uid)) this.cutLoose(dependent, uid);
      else if (!isDying(dependent.object)) this.remove(dependent.collection, dependent.object);
    }
  }

  /** One that exists and is not itself on its way out. */
  private hasOtherOwner(object: KubeObject, uid: string): boolean {
    const { store } = this.deps;
    const { namespace, ownerReferences = [] } = object.metadata;
    return ownerReferences.some((reference) => {
      if (reference.uid === uid || !store.has(reference.uid)) return false;
      const kind = this.kindOfOwner(reference);
      const owner = kind && store.get(kind.id, kind.namespaced ? namespace : undefined, reference.name);
      return owner?.metadata.finalizers?.includes('foregroundDeletion') !== true;
    });
  }

  private cutLoose({ collection, object }: Dependent, uid: string): void {
    const kind = this.kindOf(collection);
    if (kind === undefined) return;
    const ownerReferences = (object.metadata.ownerReferences ?? []).filter((one) => one.uid !== uid);
    const cut = { ...object, metadata: { ...object.metadata, ownerReferences } };
    this.deps.resources.replace(kind, object, cut, written);
  }

  private orphan(collection: string, owner: KubeObject): void {
    const { uid } = owner.metadata;
    for (const dependent of this.deps.store.ownedBy(uid)) this.cutLoose(dependent, uid);
    this.dropFinalizer(collection, owner, 'orphan');
  }

  /** G2. */
  private deleteInForeground(collection: string, owner: KubeObject): void {
    const { store } = this.deps;
    const { uid } = owner.metadata;
    for (const dependent of store.ownedBy(uid)) {
      if (this.hasOtherOwner(dependent.object, uid)) this.cutLoose(dependent, uid);
      else if (!isDying(dependent.object)) this.remove(dependent.collection, dependent.object, 'Foreground');
    }
    const isHeld = store.ownedBy(uid).some(({ object }) => holdsBack(object, uid));
    if (!isHeld) this.dropFinalizer(collection, owner, 'foregroundDeletion');
  }

  /** Removes what a dying namespace holds; when nothing is left, lets the namespace go. */
  private emptyNamespace(name: string): void {
    const { store, kinds, resources } = this.deps;
    let left = 0;
    for (const collection of store.collectionIds()) {
      if (collection === '/namespaces') continue;
      for (const object of store.list(collection, name)) {
        if (object.metadata.deletionTimestamp === undefined) this.remove(collection, object);
      }
      left += store.list(collection, name).length;
    }
    const kind = kinds.builtin('v1', 'namespaces');
    const current = store.get(kind.id, undefined, name);
    if (left > 0 || current === undefined) return;
    const options = { ...written, subresource: 'finalize' };
    const emptied = resources.replace(kind, current, { ...current, spec: {} }, options);
    if (emptied instanceof Refusal) throw new Error(`a namespace could not be finalized: ${emptied.message}`);
  }

  /** Looks again at the namespace and the foreground owners that waited for this object to go. */
  private unblock(object: KubeObject): void {
    const { store } = this.deps;
    const { namespace, ownerReferences = [] } = object.metadata;
    if (namespace !== undefined) this.touched.add(namespace);
    for (const reference of ownerReferences) {
      const kind = this.kindOfOwner(reference);
      if (kind === undefined) continue;
      const owner = store.get(kind.id, kind.namespaced ? namespace : undefined, reference.name);
      if (owner?.metadata.finalizers?.includes('foregroundDeletion') === true) {
        this.deleteInForeground(kind.id, owner);
      }
    }
  }
}
