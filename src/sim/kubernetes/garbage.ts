/**
 * What disappears because something else did: dependents of deleted owners, contents of deleted namespaces, resources
 * of deleted definitions. Runs a little after each deletion, as the real controllers do.
 *
 * G1. A dependent goes when none of its owners exists any more.
 * G2. Foreground deletion removes the dependents first and the owner last; orphaning cuts the dependents loose.
 */
import type { Clock } from '../../ports/index.ts';
import { textAt } from './json.ts';
import type { Kind, KindRegistry } from './kinds.ts';
import { paces } from './limits.ts';
import type { KubeObject } from './objects.ts';
import { Refusal } from './refusal.ts';
import type { DeleteOptions, Resources } from './resources.ts';
import type { Change, Store } from './store.ts';

export interface GarbageDeps {
  readonly store: Store;
  readonly kinds: KindRegistry;
  readonly resources: Resources;
  readonly clock: Clock;
}

const quietly: DeleteOptions = {
  dryRun: false,
  gracePeriodSeconds: undefined,
  propagationPolicy: 'Background',
  uid: '',
  resourceVersion: '',
};
const written = { dryRun: false, fieldManager: 'kube-controller-manager', subresource: '' };

/** Starts collecting; answers how to stop. */
export function startGarbageCollector(deps: GarbageDeps): () => void {
  const { store, kinds, resources, clock } = deps;
  const queue = new Map<string, Change>();
  /** Namespaces that lost something in this run. */
  const touched = new Set<string>();
  let timer: unknown;

  const kindOf = (collection: string): Kind | undefined => kinds.all().find((kind) => kind.id === collection);

  const remove = (collection: string, object: KubeObject, policy = 'Background'): void => {
    const kind = kindOf(collection);
    if (kind === undefined) store.remove(collection, object);
    else {
      const options = { ...quietly, propagationPolicy: policy };
      resources.delete(kind, object.metadata.namespace, object.metadata.name, options);
    }
  };

  const withoutFinalizer = (collection: string, object: KubeObject, finalizer: string): void => {
    const kind = kindOf(collection);
    const current = store.get(collection, object.metadata.namespace, object.metadata.name);
    if (kind === undefined || current === undefined) return;
    const finalizers = (current.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    resources.replace(kind, current, { ...current, metadata: { ...current.metadata, finalizers } }, written);
  };

  const ownerGone = (uid: string): void => {
    for (const { collection, object } of store.ownedBy(uid)) {
      const alive = (object.metadata.ownerReferences ?? []).some((owner) => store.has(owner.uid));
      if (!alive && object.metadata.deletionTimestamp === undefined) remove(collection, object);
    }
  };

  const orphan = (collection: string, owner: KubeObject): void => {
    for (const dependent of store.ownedBy(owner.metadata.uid)) {
      const kind = kindOf(dependent.collection);
      if (kind === undefined) continue;
      const { metadata } = dependent.object;
      const ownerReferences = (metadata.ownerReferences ?? []).filter(
        (one) => one.uid !== owner.metadata.uid,
      );
      const cut = { ...dependent.object, metadata: { ...metadata, ownerReferences } };
      resources.replace(kind, dependent.object, cut, written);
    }
    withoutFinalizer(collection, owner, 'orphan');
  };

  const foreground = (collection: string, owner: KubeObject): void => {
    const blocking = store.ownedBy(owner.metadata.uid);
    for (const { collection: held, object } of blocking) {
      if (object.metadata.deletionTimestamp === undefined) remove(held, object, 'Foreground');
    }
    if (store.ownedBy(owner.metadata.uid).length === 0) {
      withoutFinalizer(collection, owner, 'foregroundDeletion');
    }
  };

  const emptyNamespace = (namespace: KubeObject): void => {
    const { name } = namespace.metadata;
    let left = 0;
    for (const collection of store.collectionIds()) {
      if (collection === '/namespaces') continue;
      for (const object of store.list(collection, name)) {
        if (object.metadata.deletionTimestamp === undefined) remove(collection, object);
      }
      left += store.list(collection, name).length;
    }
    if (left > 0) return;
    const kind = kinds.builtin('v1', 'namespaces');
    const current = store.get(kind.id, undefined, name);
    if (current === undefined) return;
    const emptied = resources.replace(
      kind,
      current,
      { ...current, spec: {} },
      { ...written, subresource: 'finalize' },
    );
    if (emptied instanceof Refusal) throw new Error(`a namespace could not be finalized: ${emptied.message}`);
  };

  /** Namespaces and foreground owners that wait for this object to go. */
  const unblocked = (object: KubeObject): void => {
    const home = object.metadata.namespace;
    if (home !== undefined) touched.add(home);
    for (const reference of object.metadata.ownerReferences ?? []) {
      const group = reference.apiVersion.includes('/') ? (reference.apiVersion.split('/')[0] ?? '') : '';
      const kind = kinds.all().find((one) => one.group === group && one.kind === reference.kind);
      if (kind === undefined) continue;
      const owner = store.get(kind.id, kind.namespaced ? home : undefined, reference.name);
      if (owner?.metadata.finalizers?.includes('foregroundDeletion') === true) foreground(kind.id, owner);
    }
  };

  const collect = (change: Change): void => {
    const { collection, object } = change;
    if (change.type !== 'DELETED') {
      const { deletionTimestamp, finalizers = [] } = object.metadata;
      if (deletionTimestamp === undefined) return;
      if (collection === '/namespaces') emptyNamespace(object);
      if (finalizers.includes('orphan')) orphan(collection, object);
      if (finalizers.includes('foregroundDeletion')) foreground(collection, object);
      return;
    }
    ownerGone(object.metadata.uid);
    unblocked(object);
    if (collection === 'apiextensions.k8s.io/customresourcedefinitions') {
      const custom = `${textAt(object, 'spec', 'group')}/${textAt(object, 'spec', 'names', 'plural')}`;
      for (const resource of store.list(custom)) store.remove(custom, resource);
    }
  };

  const run = (): void => {
    timer = undefined;
    const due = [...queue.values()];
    queue.clear();
    for (const change of due) collect(change);
    for (const name of touched) {
      const namespace = store.get('/namespaces', undefined, name);
      if (namespace?.metadata.deletionTimestamp !== undefined) emptyNamespace(namespace);
    }
    touched.clear();
  };

  const unsubscribe = store.subscribe((change) => {
    if (change.type !== 'DELETED' && change.object.metadata.deletionTimestamp === undefined) return;
    queue.set(change.object.metadata.uid, change);
    timer ??= clock.setTimeout(run, paces.garbageMs);
  });
  return () => {
    unsubscribe();
    if (timer !== undefined) clock.clearTimeout(timer);
  };
}
