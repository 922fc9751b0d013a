/**
 * Which objects need no apply: what would be sent is what was sent last time, and the live object is the one of then with all
 * our fields still ours. A commit is applied again every few minutes; a project of thousands of objects then costs some pages
 * of lists, not two calls for each object (`spec/users.md` G56, G59).
 *
 * U1. Only what is certainly the same is left out. Whatever is not seen, or not clearly, is applied.
 */
import type { ClusterClient, KubeObject } from '../kubernetes/index.ts';
import { clusterLimits, objectKey } from '../kubernetes/index.ts';
import { manifestDigest, ownedFields } from './fields.ts';
import { gitopsLimits } from './limits.ts';
import type { ManagedObject } from './managed-object.ts';
import type { Target } from './placement.ts';

export type Known = ReadonlyMap<string, ManagedObject>;

/** Those of the targets that need no apply, as they are now, by key. */
export async function unchangedObjects(
  client: Pick<ClusterClient, 'list'>,
  targets: readonly Target[],
  known: Known,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, KubeObject>> {
  const found = new Map<string, KubeObject>();
  for (const lot of lotsOf(targets, known)) {
    if (lot.size < gitopsLimits.listedTogetherMin) continue;
    for await (const object of listed(client, lot, signal)) {
      const same = lot.get(objectKey(object));
      if (same !== undefined && isUnchanged(same, object)) found.set(same.key, object);
    }
  }
  return found;
}

function isUnchanged({ uid, fields }: ManagedObject, live: KubeObject): boolean {
  const goes = live.metadata['deletionTimestamp'] !== undefined;
  return !goes && fields !== '' && live.metadata.uid === uid && ownedFields(live) === fields;
}

/** What was sent before just like this, by kind and namespace, then by its name in a list. */
function lotsOf(targets: readonly Target[], known: Known): Iterable<ReadonlyMap<string, ManagedObject>> {
  const lots = new Map<string, Map<string, ManagedObject>>();
  for (const { key, object, type } of targets) {
    const before = known.get(key);
    if (before === undefined || before.manifest !== manifestDigest(object)) continue;
    const name = [type.group, type.version, type.plural, object.metadata.namespace ?? ''].join('/');
    const lot = lots.get(name) ?? new Map<string, ManagedObject>();
    lots.set(name, lot.set(objectKey(object), before));
  }
  return lots.values();
}

/** The objects of one kind and namespace, as long as that is less work than asking for each. */
async function* listed(
  client: Pick<ClusterClient, 'list'>,
  lot: ReadonlyMap<string, ManagedObject>,
  signal: AbortSignal,
): AsyncGenerator<KubeObject> {
  const [first] = lot.values();
  if (first === undefined) return;
  const { type, id } = first;
  const where = id.namespace === '' ? {} : { namespace: id.namespace };
  const limit = clusterLimits.listPageSize;
  let next = '';
  for (let seen = 0; seen <= limit + lot.size * gitopsLimits.strangersPerObjectMax;) {
    const page = await client.list(type, { ...where, limit, ...(next !== '' && { continue: next }), signal });
    if (page.kind !== 'ok') return; // U1
    yield* page.value.items;
    seen += page.value.items.length;
    next = page.value.continue;
    if (next === '') return;
  }
}
