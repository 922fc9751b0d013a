/**
 * What writes mean for an object: pure functions from the old object and the wish to the new one.
 *
 * The server's own metadata never changes by a client's word, and a subresource changes only its part.
 */
import { equal, objectAt, stringListAt, type JsonObject } from './json.ts';
import type { Kind } from './kinds.ts';
import type { KubeObject, ObjectMeta } from './objects.ts';

/** Seconds a pod may take to end; nothing else has a grace period. */
export function gracePeriod(kind: Kind, object: KubeObject, askedSeconds: number | undefined): number {
  if (kind.id !== '/pods') return 0;
  const spec = objectAt(object, 'spec');
  const phase = objectAt(object, 'status')['phase'];
  if (!spec['nodeName'] || phase === 'Succeeded' || phase === 'Failed') return 0;
  const own = spec['terminationGracePeriodSeconds'];
  const seconds = askedSeconds ?? (typeof own === 'number' ? own : 30);
  return Math.max(0, Math.min(seconds, 3_600));
}

/** Whether an object that is being deleted has nothing left to wait for. */
export function mayGo(kind: Kind, object: KubeObject): boolean {
  const { deletionTimestamp, finalizers = [], deletionGracePeriodSeconds = 0 } = object.metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0 || deletionGracePeriodSeconds > 0)
    return false;
  return kind.id !== '/namespaces' || stringListAt(object, 'spec', 'finalizers').length === 0;
}

/** What an update makes of the old object and the new body, by subresource. */
export function merged(kind: Kind, before: KubeObject, body: KubeObject, subresource: string): KubeObject {
  const { metadata: was } = before;
  if (subresource === 'finalize') return { ...before, spec: objectAt(body, 'spec') };
  if (subresource === 'status') {
    const { status: _, ...rest } = before;
    const { managedFields = was.managedFields } = body.metadata;
    const metadata = { ...was, ...(managedFields === undefined ? {} : { managedFields }) };
    return { ...rest, metadata, ...(body['status'] === undefined ? {} : { status: body['status'] }) };
  }
  const metadata: ObjectMeta = {
    ...body.metadata,
    name: was.name,
    uid: was.uid,
    resourceVersion: was.resourceVersion,
    creationTimestamp: was.creationTimestamp,
  };
  const kept = metadata as unknown as JsonObject; // absent in the old object means absent in the new one
  for (const name of [
    'namespace',
    'generation',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const) {
    if (was[name] === undefined) delete kept[name];
    else kept[name] = was[name];
  }
  metadata.managedFields = body.metadata.managedFields ?? was.managedFields ?? [];
  const object: KubeObject = { ...body, apiVersion: before.apiVersion, kind: before.kind, metadata };
  // Only `finalize` changes the spec of a namespace.
  if (kind.id === '/namespaces') object['spec'] = before['spec'];
  if (!kind.subresources.includes('status')) return object;
  const { status: _, ...rest } = object;
  return before['status'] === undefined ? rest : { ...rest, status: before['status'] };
}

function desired(object: KubeObject): JsonObject {
  const { metadata: _metadata, status: _status, apiVersion: _version, ...rest } = object;
  return rest;
}

/** Counts the change of the desired state, where the kind counts. */
export function withGeneration(kind: Kind, before: KubeObject, after: KubeObject): KubeObject {
  if (!kind.generations) return after;
  const dies =
    before.metadata.deletionTimestamp === undefined && after.metadata.deletionTimestamp !== undefined;
  if (!dies && equal(desired(before), desired(after))) return after;
  return { ...after, metadata: { ...after.metadata, generation: (before.metadata.generation ?? 0) + 1 } };
}

/** Whether a write changes nothing but the times of managed fields. */
export function same(before: KubeObject, after: KubeObject): boolean {
  const untimed = (object: KubeObject): unknown => ({
    ...object,
    metadata: {
      ...object.metadata,
      managedFields: (object.metadata.managedFields ?? []).map((entry) => ({ ...entry, time: '' })),
    },
  });
  return equal(untimed(before), untimed(after));
}
