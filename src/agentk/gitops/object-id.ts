/**
 * What identifies an object to the inventory: group, kind, namespace, name; the version is how it is written, not what it is. The
 * key is the one cli-utils writes, so that the original and this agent can take over each other's inventories (`spec/agentk.md §5.7`).
 */

export interface ObjectId {
  /** Empty for the core group. */
  readonly group: string;
  readonly kind: string;
  /** Empty for cluster-wide objects. */
  readonly namespace: string;
  readonly name: string;
}

const rbacKinds = new Set(['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding']);

/** The group of an `apiVersion`: empty for `v1`. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? '' : apiVersion.slice(0, slash);
}

/** `<namespace>_<name>_<group>_<Kind>`; the colons of RBAC names become two underscores. */
export function inventoryKey({ group, kind, namespace, name }: ObjectId): string {
  const written =
    group === 'rbac.authorization.k8s.io' && rbacKinds.has(kind) ? name.replaceAll(':', '__') : name;
  return `${namespace}_${written}_${group}_${kind}`;
}

/** The object a key of an inventory stands for; undefined when it is none. */
export function parseInventoryKey(key: string): ObjectId | undefined {
  const first = key.indexOf('_');
  const last = key.lastIndexOf('_');
  const before = key.lastIndexOf('_', last - 1);
  if (first === -1 || before <= first) return undefined;
  const kind = key.slice(last + 1);
  const name = key.slice(first + 1, before).replaceAll('__', ':');
  if (name === '' || kind === '' || name.includes('_')) return undefined;
  return { group: key.slice(before + 1, last), kind, namespace: key.slice(0, first), name };
}

/** An object in words: `apps/Deployment shop/web`. */
export function idText({ group, kind, namespace, name }: ObjectId): string {
  const type = group === '' ? kind : `${group}/${kind}`;
  return namespace === '' ? `${type} ${name}` : `${type} ${namespace}/${name}`;
}
