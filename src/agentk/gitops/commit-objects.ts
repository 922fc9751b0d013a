/**
 * The objects of a commit as they were read: identified, checked for what can be seen without the cluster
 * (`spec/agentk.md §5.8`), the inventory template set apart (§5.6).
 */
import { parseLosslessJson, type Manifest } from '../../manifests/index.ts';
import { fieldsOf, kubeObjectOf, textAt, type KubeObject, type ResourceType } from '../kubernetes/index.ts';
import { applyTimeMutation, inventoryIdLabel } from './annotations.ts';
import { groupOf, idText, inventoryKey, type ObjectId } from './object-id.ts';

/** One object of the commit; its namespace may still be missing. */
export interface Written {
  readonly id: ObjectId;
  readonly version: string;
  readonly object: KubeObject;
  /** Where it was written: `file:line`. */
  readonly place: string;
}

export type CommitObjects =
  | { readonly kind: 'objects'; readonly objects: readonly Written[]; readonly templates: readonly Written[] }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

/** Reads every manifest; all faults are found, not only the first. */
export function commitObjects(manifests: readonly Manifest[]): CommitObjects {
  const objects: Written[] = [];
  const templates: Written[] = [];
  const faults: string[] = [];
  for (const manifest of manifests) {
    const read = written(manifest);
    if ('fault' in read) faults.push(read.fault);
    else if (textAt(read.object.metadata.labels, inventoryIdLabel) !== '') templates.push(read);
    else objects.push(read);
  }
  return faults.length > 0 ? { kind: 'invalid', faults } : { kind: 'objects', objects, templates };
}

function written(manifest: Manifest): Written | { readonly fault: string } {
  const place = `${manifest.file}:${manifest.line}`;
  const missing = (['kind', 'apiVersion', 'name'] as const).find((field) => manifest[field] === '');
  if (missing !== undefined) {
    const field = missing === 'name' ? 'metadata.name' : missing;
    return { fault: `${place}: the object has no ${field}` };
  }
  const object = kubeObjectOf(parseLosslessJson(Buffer.from(manifest.json).toString('utf8')));
  if (object === undefined) return { fault: `${place}: the manifest is no Kubernetes object` };
  const { apiVersion, kind, metadata } = object;
  const id: ObjectId = {
    group: groupOf(apiVersion),
    kind,
    namespace: textAt(metadata, 'namespace'),
    name: metadata.name,
  };
  if (textAt(metadata.annotations, applyTimeMutation) !== '') {
    const mend = 'it is not supported: write the value itself, or leave the object out';
    return { fault: `${place}: ${idText(id)} carries ${applyTimeMutation}; ${mend}` };
  }
  return { id, version: apiVersion.slice(apiVersion.indexOf('/') + 1), object, place };
}

/** The kinds that definitions among these objects bring, by {@link typeKey}: also those the cluster does not serve yet. */
export function definedTypes(objects: readonly Written[]): ReadonlyMap<string, ResourceType> {
  const types = new Map<string, ResourceType>();
  for (const { id, object } of objects) {
    if (id.group !== 'apiextensions.k8s.io' || id.kind !== 'CustomResourceDefinition') continue;
    const spec = fieldsOf(object['spec']);
    const [group, kind] = [textAt(spec, 'group'), textAt(spec, 'names', 'kind')];
    const [plural, scope] = [textAt(spec, 'names', 'plural'), textAt(spec, 'scope')];
    const { versions } = spec;
    for (const each of Array.isArray(versions) ? versions : []) {
      const version = textAt(each, 'name');
      if ([group, kind, plural, version].includes('')) continue;
      types.set(typeKey(group, version, kind), {
        group,
        version,
        plural,
        kind,
        namespaced: scope !== 'Cluster',
      });
    }
  }
  return types;
}

export function typeKey(group: string, version: string, kind: string): string {
  return `${group}/${version}/${kind}`;
}

/** Of several objects with one id the last wins; answers the ids of the others too. */
export function lastOfEach<T extends { readonly id: ObjectId }>(objects: readonly T[]) {
  const byKey = new Map<string, T>();
  const repeated = new Map<string, ObjectId>();
  for (const each of objects) {
    const key = inventoryKey(each.id);
    if (byKey.delete(key)) repeated.set(key, each.id);
    byKey.set(key, each);
  }
  return { objects: byKey, repeated: [...repeated.values()] };
}
