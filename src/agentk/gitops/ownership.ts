/** Whether a live object may be touched under an inventory policy (`spec/agentk.md §5.9`). */
import { owningInventory } from './annotations.ts';

export type InventoryPolicy = 'must_match' | 'adopt_if_no_inventory' | 'adopt_all';

export type Permission = { readonly kind: 'allowed' } | { readonly kind: 'foreign'; readonly reason: string };

const policyNames: Readonly<Record<InventoryPolicy, string>> = {
  must_match: 'MustMatch',
  adopt_if_no_inventory: 'AdoptIfNoInventory',
  adopt_all: 'AdoptAll',
};

/**
 * @param annotations those of the live object; undefined when there is none
 * @param ownId the inventory's own id
 */
export function permissionFor(
  strategy: 'Apply' | 'Delete',
  policy: InventoryPolicy,
  annotations: Readonly<Record<string, string>> | undefined,
  ownId: string,
): Permission {
  const owner = annotations?.[owningInventory];
  if (policy === 'adopt_all' || owner === ownId) return { kind: 'allowed' };
  if (owner === undefined && policy === 'adopt_if_no_inventory') return { kind: 'allowed' };
  const status = owner === undefined ? 'Empty' : 'NoMatch';
  return {
    kind: 'foreign',
    reason: `inventory policy prevented actuation (strategy: ${strategy}, status: ${status}, policy: ${policyNames[policy]})`,
  };
}
