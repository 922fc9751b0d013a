/**
 * Role-based access control over the cluster's own (Cluster)Roles and bindings.
 *
 * B1. Nothing is allowed unless a rule allows it; `system:masters` may do everything.
 */
import { listAt, stringListAt, textAt } from './json.ts';
import type { Store } from './store.ts';

export interface Identity {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** What is asked for: a verb on a resource, or on a path that is no resource. */
export type Attributes =
  | {
      readonly kind: 'resource';
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource: string;
      /** Empty at the cluster scope. */
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string };

const rbacGroup = 'rbac.authorization.k8s.io';

function has(list: readonly string[], wanted: string): boolean {
  return list.includes('*') || list.includes(wanted);
}

function ruleAllows(rule: unknown, asked: Attributes): boolean {
  if (!has(stringListAt(rule, 'verbs'), asked.verb)) return false;
  if (asked.kind === 'path') {
    return stringListAt(rule, 'nonResourceURLs').some(
      (url) => url === asked.path || (url.endsWith('*') && asked.path.startsWith(url.slice(0, -1))),
    );
  }
  if (!has(stringListAt(rule, 'apiGroups'), asked.group)) return false;
  const names = stringListAt(rule, 'resourceNames');
  if (names.length > 0 && !names.includes(asked.name)) return false;
  const resources = stringListAt(rule, 'resources');
  const full = asked.subresource === '' ? asked.resource : `${asked.resource}/${asked.subresource}`;
  return has(resources, full) || (asked.subresource !== '' && resources.includes(`*/${asked.subresource}`));
}

function subjectIs(subject: unknown, identity: Identity, bindingNamespace: string): boolean {
  const name = textAt(subject, 'name');
  switch (textAt(subject, 'kind')) {
    case 'User':
      return name === identity.username;
    case 'Group':
      return identity.groups.includes(name);
    case 'ServiceAccount': {
      const namespace = textAt(subject, 'namespace') || bindingNamespace;
      return identity.username === `system:serviceaccount:${namespace}:${name}`;
    }
    default:
      return false;
  }
}

/** The rules that hold for somebody in a namespace (empty: at the cluster scope). */
export function rulesFor(store: Store, identity: Identity, namespace: string): readonly unknown[] {
  const found: unknown[] = [];
  const collect = (binding: unknown, home: string): void => {
    if (!listAt(binding, 'subjects').some((subject) => subjectIs(subject, identity, home))) return;
    const name = textAt(binding, 'roleRef', 'name');
    const role =
      textAt(binding, 'roleRef', 'kind') === 'Role'
        ? store.get(`${rbacGroup}/roles`, home, name)
        : store.get(`${rbacGroup}/clusterroles`, undefined, name);
    found.push(...listAt(role, 'rules'));
  };
  for (const binding of store.list(`${rbacGroup}/clusterrolebindings`)) collect(binding, '');
  if (namespace === '') return found;
  for (const binding of store.list(`${rbacGroup}/rolebindings`, namespace)) collect(binding, namespace);
  return found;
}

export function isAllowed(store: Store, identity: Identity, asked: Attributes): boolean {
  if (identity.groups.includes('system:masters')) return true;
  const namespace = asked.kind === 'resource' ? asked.namespace : '';
  return rulesFor(store, identity, namespace).some((rule) => ruleAllows(rule, asked));
}

/** The second half of a 403 text: who cannot do what where. */
export function denialText(identity: Identity, asked: Attributes): string {
  const who = `User ${JSON.stringify(identity.username)} cannot ${asked.verb}`;
  if (asked.kind === 'path') return `${who} path ${JSON.stringify(asked.path)}`;
  const resource = asked.subresource === '' ? asked.resource : `${asked.resource}/${asked.subresource}`;
  const where = asked.namespace === '' ? 'at the cluster scope' : `in the namespace "${asked.namespace}"`;
  return `${who} resource "${resource}" in API group "${asked.group}" ${where}`;
}
