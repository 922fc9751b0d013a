/**
 * Deleting one object that left the repository, or letting it go (`spec/agentk.md §5.12`).
 *
 * P1. Deleted is exactly the object that was looked at: by its uid, as it was when the run was planned.
 */
import { failureText, isAbsent, textAt, type ClusterClient } from '../kubernetes/index.ts';
import { isDetached, owningInventory } from './annotations.ts';
import { nameOf } from './applier.ts';
import { fieldManager } from './fields.ts';
import { permissionFor } from './ownership.ts';
import type { Target } from './placement.ts';
import type { SyncOptions } from './sync.ts';

export type Pruned =
  | { readonly kind: 'pruned' }
  /** `kept`: it is to stay, and is not ours any more. `foreign`: it is not ours. `hindered`: it would go otherwise. */
  | { readonly kind: 'skipped'; readonly reason: string; readonly why: 'kept' | 'foreign' | 'hindered' }
  | { readonly kind: 'failed'; readonly reason: string };

export interface PrunerOptions {
  readonly inventoryId: string;
  readonly options: SyncOptions;
  /** Namespaces that something of this project still lives in. */
  readonly namespacesInUse: ReadonlySet<string>;
  /** Uids of what this run applied. */
  readonly applied: ReadonlySet<string>;
}

export class Pruner {
  readonly #client: Pick<ClusterClient, 'delete' | 'patch'>;
  readonly #with: PrunerOptions;

  constructor(client: Pick<ClusterClient, 'delete' | 'patch'>, options: PrunerOptions) {
    this.#client = client;
    this.#with = options;
  }

  /** What forbids the deletion as far as the object itself tells; undefined when it would be deleted. */
  hindrance({ id, object }: Target): Pruned | undefined {
    const { inventoryId, options, namespacesInUse, applied } = this.#with;
    const { uid = '', annotations } = object.metadata;
    if (uid === '') return { kind: 'failed', reason: 'the object has no uid' };
    if (isDetached(annotations)) {
      const reason = 'annotation prevents deletion: the object is kept and not managed any more';
      return { kind: 'skipped', reason, why: 'kept' };
    }
    const permission = permissionFor('Delete', options.policy, annotations, inventoryId);
    if (permission.kind === 'foreign') return { kind: 'skipped', reason: permission.reason, why: 'foreign' };
    if (id.group === '' && id.kind === 'Namespace' && namespacesInUse.has(id.name)) {
      return { kind: 'skipped', reason: `namespace still in use: ${id.name}`, why: 'hindered' };
    }
    if (applied.has(uid)) {
      const reason = 'the same object was just applied under another API group';
      return { kind: 'skipped', reason, why: 'foreign' };
    }
    return undefined;
  }

  async delete({ type, object }: Target): Promise<Pruned> {
    const { dryRun, propagation } = this.#with.options;
    if (dryRun !== 'none') return { kind: 'pruned' };
    const { uid = '' } = object.metadata; // P1
    const gone = await this.#client.delete(type, nameOf(object), { propagation, uid });
    if (gone.kind === 'ok' || isAbsent(gone)) return { kind: 'pruned' };
    return { kind: 'failed', reason: failureText(gone) };
  }

  /** Takes our mark off an object that stays; a text when that failed. */
  async release({ type, object }: Target): Promise<string | undefined> {
    const { inventoryId, options } = this.#with;
    const { uid, annotations } = object.metadata;
    if (options.dryRun !== 'none' || textAt(annotations, owningInventory) !== inventoryId) return undefined;
    const body = { metadata: { uid, annotations: { [owningInventory]: null } } };
    const left = await this.#client.patch(type, nameOf(object), body, { type: 'merge', fieldManager });
    return left.kind === 'ok' || isAbsent(left) ? undefined : failureText(left);
  }
}
