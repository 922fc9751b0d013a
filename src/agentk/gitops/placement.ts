/**
 * Scope and namespace of the objects of a commit (`spec/agentk.md §5.5`): what kind each is to the cluster, or will be by a
 * definition of the same commit, and in which namespace it lives.
 */
import { failureText, type Discovery, type ResourceType } from '../kubernetes/index.ts';
import { definedTypes, lastOfEach, typeKey, type Written } from './commit-objects.ts';
import { idText, type ObjectId } from './object-id.ts';
import type { Planned } from './plan.ts';

/** An object to apply or to delete, and where the API server has it. */
export interface Target extends Planned {
  readonly type: ResourceType;
}

export type Placement =
  | { readonly kind: 'placed'; readonly targets: readonly Target[]; readonly repeated: readonly ObjectId[] }
  /** Wrong as it is written, or of kinds nobody knows: definitions may come from elsewhere, so it is tried again. */
  | { readonly kind: 'invalid'; readonly faults: readonly string[] }
  | { readonly kind: 'failed'; readonly reason: string };

export async function place(
  objects: readonly Written[],
  discovery: Discovery,
  defaultNamespace: string,
): Promise<Placement> {
  let types = await typesOf(objects, discovery);
  if (types.kind === 'unknown') {
    discovery.reset(); // once: what was learnt before may be old
    types = await typesOf(objects, discovery);
  }
  if (types.kind === 'failed') return types;
  if (types.kind === 'unknown') {
    return { kind: 'invalid', faults: [`unknown resource types: ${types.names.join(',')}`] };
  }
  const faults: string[] = [];
  const placed: Array<{ id: ObjectId; object: Written['object']; type: ResourceType }> = [];
  for (const { id, version, object, place } of objects) {
    const type = types.types.get(typeKey(id.group, version, id.kind));
    if (type === undefined) continue;
    if (!type.namespaced && id.namespace !== '') {
      const why = `resource is cluster-scoped but has a non-empty namespace ${JSON.stringify(id.namespace)}`;
      faults.push(`${place}: ${idText(id)}: ${why}`);
    } else if (type.namespaced && id.namespace === '') {
      const metadata = { ...object.metadata, namespace: defaultNamespace };
      placed.push({ id: { ...id, namespace: defaultNamespace }, object: { ...object, metadata }, type });
    } else placed.push({ id, object, type });
  }
  if (faults.length > 0) return { kind: 'invalid', faults };
  const last = lastOfEach(placed);
  const targets = [...last.objects].map(([key, each]) => ({ ...each, key }));
  return { kind: 'placed', targets, repeated: last.repeated };
}

type Types =
  | { readonly kind: 'types'; readonly types: ReadonlyMap<string, ResourceType> }
  | { readonly kind: 'unknown'; readonly names: readonly string[] }
  | { readonly kind: 'failed'; readonly reason: string };

async function typesOf(objects: readonly Written[], discovery: Discovery): Promise<Types> {
  const defined = definedTypes(objects);
  const types = new Map<string, ResourceType>();
  const unknown = new Set<string>();
  for (const { id, version } of objects) {
    const name = typeKey(id.group, version, id.kind);
    if (types.has(name) || unknown.has(name)) continue;
    const found = await discovery.find(id.group, version, id.kind);
    if (found.kind !== 'ok') {
      return { kind: 'failed', reason: `cannot ask the API server for ${name}: ${failureText(found)}` };
    }
    const type = found.value ?? defined.get(name);
    if (type === undefined) unknown.add(name);
    else types.set(name, type);
  }
  return unknown.size > 0 ? { kind: 'unknown', names: [...unknown] } : { kind: 'types', types };
}
