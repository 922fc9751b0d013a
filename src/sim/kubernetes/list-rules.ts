/**
 * How lists merge: by the keys of their items, as a set, or as a whole. For built-in kinds a table of field names says
 * so, for custom kinds their schema (`x-kubernetes-list-type`).
 */
import { at, isObject, stringListAt } from './json.ts';
import type { Kind } from './kinds.ts';

export type ListRule =
  | {
      readonly type: 'map';
      /** What identifies an item for server-side apply, sorted. */
      readonly keys: readonly string[];
      /** What identifies an item for strategic merge patch. */
      readonly mergeKey: string;
    }
  | { readonly type: 'set' }
  | { readonly type: 'atomic' };

const atomic: ListRule = { type: 'atomic' };
const set: ListRule = { type: 'set' };
const by = (...keys: readonly string[]): ListRule => ({ type: 'map', keys, mergeKey: keys[0] ?? '' });

const byName = by('name');
const rules: Readonly<Record<string, ListRule>> = {
  containers: byName,
  initContainers: byName,
  ephemeralContainers: byName,
  volumes: byName,
  env: byName,
  imagePullSecrets: byName,
  secrets: byName,
  volumeMounts: by('mountPath'),
  volumeDevices: by('devicePath'),
  hostAliases: by('ip'),
  topologySpreadConstraints: by('topologyKey', 'whenUnsatisfiable'),
  conditions: by('type'),
  ownerReferences: by('uid'),
  addresses: by('type'),
  podIPs: by('ip'),
  finalizers: set,
};

function schemaRule(schema: unknown, names: readonly string[]): ListRule {
  let here: unknown = schema;
  for (const name of names) {
    if (at(here, 'type') === 'array') here = at(here, 'items');
    here = at(here, 'properties', name) ?? at(here, 'additionalProperties');
  }
  const type = at(here, 'x-kubernetes-list-type');
  const keys = [...stringListAt(here, 'x-kubernetes-list-map-keys')].sort();
  if (type === 'map' && keys.length > 0) return by(...keys);
  return type === 'set' ? set : atomic;
}

/** The rule of the list at a path of field names; list items add no step. */
export function listRule(kind: Kind, names: readonly string[]): ListRule {
  const last = names.at(-1) ?? '';
  const parent = names.at(-2) ?? '';
  if (parent === 'metadata' && names.length === 2) return rules[last] ?? atomic;
  if (kind.custom !== undefined) return schemaRule(kind.custom.schema, names);
  if (last === 'ports') {
    if (parent === 'containers' || parent === 'initContainers') return by('containerPort', 'protocol');
    return kind.kind === 'Service' && parent === 'spec' ? by('port', 'protocol') : atomic;
  }
  return Object.hasOwn(rules, last) ? (rules[last] ?? atomic) : atomic;
}

/** The identity of an item under a `map` rule, or undefined when the item lacks a key. */
export function itemKey(rule: ListRule & { type: 'map' }, item: unknown): string | undefined {
  if (!isObject(item)) return undefined;
  const key: Record<string, unknown> = {};
  for (const name of rule.keys) {
    const value = item[name] ?? (name === 'protocol' ? 'TCP' : undefined);
    if (value === undefined) return undefined;
    key[name] = value;
  }
  return JSON.stringify(key);
}
