/**
 * Applying one object (`spec/agentk.md §5.11`): may it be touched, then server-side apply as the manager `agentk`, then what
 * client-side apply left is moved over.
 */
import {
  failureText,
  isAbsent,
  type ClusterClient,
  type ClusterFailure,
  type KubeObject,
} from '../kubernetes/index.ts';
import { fieldManager, withoutClientSideApply } from './fields.ts';
import { gitopsLimits } from './limits.ts';
import { permissionFor, type InventoryPolicy } from './ownership.ts';
import type { Target } from './placement.ts';

export type Applied =
  /** `migration`: why fields of client-side apply could not be moved; the object is applied nevertheless. */
  | { readonly kind: 'applied'; readonly object: KubeObject; readonly migration: string | undefined }
  /** `foreign`: it is not ours. */
  | { readonly kind: 'skipped'; readonly reason: string; readonly foreign: boolean }
  /** `uncertain`: it may have taken effect. */
  | { readonly kind: 'failed'; readonly reason: string; readonly uncertain: boolean };

export interface ApplierOptions {
  readonly inventoryId: string;
  readonly policy: InventoryPolicy;
  readonly dryRun: boolean;
}

export class Applier {
  readonly #client: ClusterClient;
  readonly #options: ApplierOptions;

  constructor(client: ClusterClient, options: ApplierOptions) {
    this.#client = client;
    this.#options = options;
  }

  async apply(target: Target): Promise<Applied> {
    const hindered = await this.#forbidden(target);
    if (hindered !== undefined) return hindered;
    const answer = await this.#patch(target);
    if (answer.kind !== 'ok') return failedApply(answer);
    if (this.#options.dryRun) return { kind: 'applied', object: answer.value, migration: undefined };
    return this.#migrated(target, answer.value);
  }

  /** The check of ownership; when everything is adopted there is nothing to check. */
  async #forbidden({ type, object }: Target): Promise<Applied | undefined> {
    const { policy, inventoryId } = this.#options;
    if (policy === 'adopt_all') return undefined;
    const live = await this.#client.get(type, nameOf(object));
    if (live.kind !== 'ok') {
      return isAbsent(live) ? undefined : { kind: 'failed', reason: failureText(live), uncertain: false };
    }
    const permission = permissionFor('Apply', policy, live.value.metadata.annotations, inventoryId);
    const { kind } = permission;
    return kind === 'foreign' ? { kind: 'skipped', reason: permission.reason, foreign: true } : undefined;
  }

  #patch({ type, object }: Target) {
    const { dryRun } = this.#options;
    const options = { type: 'apply', fieldManager, force: true, dryRun } as const;
    return this.#client.patch(type, nameOf(object), object, options);
  }

  async #migrated(target: Target, first: KubeObject): Promise<Applied> {
    let object = first;
    for (let tries = 1; ; tries += 1) {
      const managedFields = withoutClientSideApply(object);
      if (managedFields === undefined) break;
      const { resourceVersion } = object.metadata;
      const operations = [
        { op: 'replace', path: '/metadata/managedFields', value: managedFields },
        { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
      ];
      const name = nameOf(object);
      const moved = await this.#client.patch(target.type, name, operations, { type: 'json', fieldManager });
      if (moved.kind !== 'ok' && !isConflict(moved)) {
        return { kind: 'applied', object, migration: failureText(moved) };
      }
      const again = await this.#patch(target);
      if (again.kind !== 'ok') return { kind: 'applied', object, migration: failureText(again) };
      object = again.value;
      if (moved.kind !== 'ok' && tries >= gitopsLimits.migrationTriesMax) {
        return { kind: 'applied', object, migration: failureText(moved) };
      }
      if (moved.kind === 'ok') break;
    }
    return { kind: 'applied', object, migration: undefined };
  }
}

export function nameOf({ metadata }: KubeObject): { namespace: string | undefined; name: string } {
  return { namespace: metadata.namespace, name: metadata.name };
}

function isConflict(failure: ClusterFailure): boolean {
  return failure.kind === 'refused' && failure.code === 409;
}

function failedApply(failure: ClusterFailure): Applied {
  const uncertain = failure.kind === 'unreachable' && failure.cause !== 'refused' && failure.cause !== 'busy';
  if (failure.kind === 'refused' && failure.code === 415) {
    return { kind: 'failed', reason: 'Server-side apply not available on the server', uncertain: false };
  }
  return { kind: 'failed', reason: failureText(failure), uncertain };
}
