/**
 * Everything that is known before anything is changed: the objects with their places, the inventory, what left the
 * repository, the order of it all. One fault anywhere and nothing is touched (`spec/agentk.md §5.8`: exit early).
 */
import {
  failureText,
  isAbsent,
  type ClusterClient,
  type Discovery,
  type ResourceType,
} from '../kubernetes/index.ts';
import { owningInventory } from './annotations.ts';
import { commitObjects } from './commit-objects.ts';
import { chooseInventory, type InventoryTemplate } from './inventory.ts';
import { InventoryStore, type Inventory } from './inventory-store.ts';
import { gitopsLimits } from './limits.ts';
import { idText, type ObjectId } from './object-id.ts';
import { place, type Target } from './placement.ts';
import { planRun, type Plan } from './plan.ts';
import { sideBySide } from './side-by-side.ts';
import type { SyncInput } from './sync.ts';
import { toldList } from './told.ts';

export interface Prepared {
  readonly kind: 'prepared';
  readonly template: InventoryTemplate;
  readonly store: InventoryStore;
  readonly inventory: Inventory;
  readonly targets: readonly Target[];
  /** Live objects of the inventory that are not in the commit. */
  readonly leftovers: readonly Target[];
  readonly plan: Plan<Target>;
  readonly warnings: readonly string[];
}

export type Preparation = Prepared | { readonly kind: 'failed'; readonly reason: string };

interface Deps {
  readonly client: ClusterClient;
  readonly discovery: Discovery;
}

/** Annotations that tools leave in files and that are none of the object's. */
const toolAnnotations = new Set([
  'config.kubernetes.io/path',
  'config.kubernetes.io/index',
  'internal.config.kubernetes.io/path',
  'internal.config.kubernetes.io/index',
]);

export async function prepare(deps: Deps, input: SyncInput, signal: AbortSignal): Promise<Preparation> {
  const { defaultNamespace } = input.options;
  const read = commitObjects(input.manifests);
  if (read.kind === 'invalid') return failed(toldList(read.faults));
  const { agentId, projectId } = input;
  const chosen = chooseInventory(read.templates, { agentId, projectId, defaultNamespace });
  if (chosen.kind === 'invalid') return failed(chosen.fault);
  const { template } = chosen;
  const placed = await place(read.objects, deps.discovery, defaultNamespace);
  if (placed.kind === 'invalid') return failed(toldList(placed.faults));
  if (placed.kind === 'failed') return placed;
  const store = new InventoryStore(deps.client, template);
  const found = await store.read(signal);
  if (found.kind === 'failed') return found;
  const targets = placed.targets.map((target) => owned(target, template.id));
  const keys = new Set(targets.map(({ key }) => key));
  const gone = [...found.inventory.ids].filter(([key]) => !keys.has(key));
  const leftovers = await liveOnes(deps, gone, signal);
  if ('reason' in leftovers) return leftovers;
  const planning = planRun(targets, leftovers.live);
  if (planning.kind === 'invalid') return failed(toldList(planning.faults));
  return {
    kind: 'prepared',
    template,
    store,
    inventory: found.inventory,
    targets,
    leftovers: leftovers.live,
    plan: planning.plan,
    warnings: placed.repeated.map((id) => `${idText(id)} is there more than once, the last one counts`),
  };
}

function failed(reason: string) {
  return { kind: 'failed', reason } as const;
}

function owned(target: Target, inventoryId: string): Target {
  const { object } = target;
  const annotations = Object.entries(object.metadata.annotations ?? {});
  const kept = annotations.filter(([name]) => !toolAnnotations.has(name));
  const marked = { ...Object.fromEntries(kept), [owningInventory]: inventoryId };
  return { ...target, object: { ...object, metadata: { ...object.metadata, annotations: marked } } };
}

type Looked =
  | { readonly kind: 'live'; readonly target: Target }
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly reason: string };

/** What of these is still there. One that cannot be asked for stops the run: it is not the same as one that is gone. */
async function liveOnes(
  { client, discovery }: Deps,
  gone: readonly (readonly [string, ObjectId])[],
  signal: AbortSignal,
): Promise<{ readonly live: readonly Target[] } | { readonly kind: 'failed'; readonly reason: string }> {
  const types = new Map<string, Promise<Awaited<ReturnType<Discovery['findPreferred']>>>>();
  const typeOf = ({ group, kind }: ObjectId) => {
    const name = `${group}/${kind}`;
    const type = types.get(name) ?? discovery.findPreferred(group, kind);
    types.set(name, type);
    return type;
  };
  const look = async ([key, id]: readonly [string, ObjectId]): Promise<Looked> => {
    const cannot = (reason: string): Looked => ({
      kind: 'failed',
      reason: `cannot look at ${idText(id)}, which left the repository: ${reason}`,
    });
    const type = await typeOf(id);
    if (type.kind !== 'ok') return cannot(failureText(type));
    if (type.value === undefined) return { kind: 'gone' };
    const live = await client.get(type.value, placeOf(type.value, id), { signal });
    if (live.kind === 'ok')
      return { kind: 'live', target: { id, key, object: live.value, type: type.value } };
    return isAbsent(live) ? { kind: 'gone' } : cannot(failureText(live));
  };
  const live: Target[] = [];
  const failures: string[] = [];
  const enough = () => signal.aborted || failures.length > 0;
  await sideBySide(gone, gitopsLimits.objectsAtOnceMax, enough, look, (_, looked) => {
    if (looked.kind === 'live') live.push(looked.target);
    if (looked.kind === 'failed') failures.push(looked.reason);
  });
  return failures.length > 0 ? failed(toldList(failures)) : { live };
}

function placeOf(type: ResourceType, { namespace, name }: ObjectId) {
  return type.namespaced ? { namespace, name } : { name };
}
