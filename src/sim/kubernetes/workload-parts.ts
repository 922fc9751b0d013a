/** What the workload controllers share: pods from templates, who is ready, conditions, and their way to write. */
import { at, listAt, objectAt, stringsAt, textAt, type JsonObject } from './json.ts';
import { apiVersionOf, type Kind, type KindRegistry } from './kinds.ts';
import type { KubeObject, OwnerReference } from './objects.ts';
import { Refusal } from './refusal.ts';
import type { EventRecorder } from './recorder.ts';
import type { Resources, WriteOptions } from './resources.ts';
import type { Store } from './store.ts';

export interface ControllerDeps {
  readonly store: Store;
  readonly kinds: KindRegistry;
  readonly resources: Resources;
  readonly recorder: EventRecorder;
  /** Now, as a Kubernetes time. */
  readonly now: () => string;
}

const manager = 'kube-controller-manager';
const plain: WriteOptions = { dryRun: false, fieldManager: manager, subresource: '' };

export function ownerReference(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  return {
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** A short stable hash of a template, in characters that cannot spell words. */
export function hashOf(value: unknown): string {
  let hash = 0x811c9dc5;
  for (const char of JSON.stringify(value)) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  const letters = 'bcdfghjklmnpqrstvwxz2456789';
  let text = '';
  for (let left = hash; text.length < 9; left = Math.floor(left / letters.length) || hash >>> text.length) {
    text += letters[left % letters.length] ?? 'b';
  }
  return text;
}

export function isReady(pod: KubeObject): boolean {
  return listAt(pod, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === 'Ready' && textAt(condition, 'status') === 'True',
  );
}

/** Neither ended nor ending. */
export function isActive(pod: KubeObject): boolean {
  const phase = textAt(pod, 'status', 'phase');
  return pod.metadata.deletionTimestamp === undefined && phase !== 'Succeeded' && phase !== 'Failed';
}

export function owned(deps: ControllerDeps, owner: KubeObject, collection: string): readonly KubeObject[] {
  return deps.store
    .ownedBy(owner.metadata.uid)
    .filter((one) => one.collection === collection)
    .map((one) => one.object);
}

/** Creates a pod from the owner's template; false when the server refuses it. */
export function createPod(
  deps: ControllerDeps,
  owner: KubeObject,
  name: { readonly name: string } | { readonly generateName: string },
  labels: Record<string, string>,
): boolean {
  const kind = deps.kinds.builtin('v1', 'pods');
  const template = objectAt(owner, 'spec', 'template');
  const pod: KubeObject = {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: {
      name: '',
      ...name,
      labels: { ...stringsAt(template, 'metadata', 'labels'), ...labels },
      annotations: stringsAt(template, 'metadata', 'annotations'),
      ownerReferences: [ownerReference(owner)],
      uid: '',
      resourceVersion: '',
      creationTimestamp: '',
    },
    spec: objectAt(template, 'spec'),
  };
  const created = deps.resources.create(kind, owner.metadata.namespace, pod, plain);
  if (created instanceof Refusal) return false;
  deps.recorder.record(owner, 'controller', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`);
  return true;
}

export function deletePod(deps: ControllerDeps, pod: KubeObject): void {
  deps.resources.delete(deps.kinds.builtin('v1', 'pods'), pod.metadata.namespace, pod.metadata.name, {
    dryRun: false,
    gracePeriodSeconds: undefined,
    propagationPolicy: '',
    uid: pod.metadata.uid,
    resourceVersion: '',
  });
}

export function write(deps: ControllerDeps, kind: Kind, before: KubeObject, after: KubeObject): KubeObject {
  const written = deps.resources.replace(kind, before, after, plain);
  return written instanceof Refusal ? before : written.object;
}

/** Writes a status; zero counts are left out, as in the real controllers. */
export function writeStatus(deps: ControllerDeps, kind: Kind, object: KubeObject, status: JsonObject): void {
  const kept = Object.fromEntries(Object.entries(status).filter(([, value]) => value !== 0));
  const current = deps.store.get(kind.id, object.metadata.namespace, object.metadata.name);
  if (current === undefined) return;
  const observed = { observedGeneration: current.metadata.generation ?? 0, ...kept };
  deps.resources.replace(
    kind,
    current,
    { ...current, status: observed },
    { ...plain, subresource: 'status' },
  );
}

/** A condition that keeps the time of its last change while its status stays. */
export function condition(
  deps: ControllerDeps,
  object: KubeObject,
  type: string,
  holds: boolean,
  reason: string,
): JsonObject {
  const status = holds ? 'True' : 'False';
  const before = listAt(object, 'status', 'conditions').find((one) => textAt(one, 'type') === type);
  const kept = textAt(before, 'status') === status && textAt(before, 'reason') === reason;
  const since = kept ? at(before, 'lastTransitionTime') : deps.now();
  return { type, status, reason, message: reason, lastTransitionTime: since, lastUpdateTime: since };
}
