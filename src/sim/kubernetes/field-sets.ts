/**
 * Which fields an object sets, as sets of paths, and their form in `metadata.managedFields`.
 *
 * A path is its steps joined by NUL; a step is `f:name`, `k:{"key":value}` (item of a keyed list) or `v:value` (item
 * of a set). Leaves are scalars, whole atomic lists and empty maps; an item of a keyed list counts itself as a member.
 */
import { equal, isObject, setEntry, type JsonObject } from './json.ts';
import type { Kind } from './kinds.ts';
import { itemKey, listRule } from './list-rules.ts';

export const separator = '\u0000';
/** Stands for a keyed list's item itself, which has no value of its own. */
const present = Symbol('present');

/** All leaves of an object with their values. */
export type Leaves = Map<string, unknown>;

/** Metadata that nobody owns. */
const unowned = new Set(
  [
    'name',
    'namespace',
    'generateName',
    'uid',
    'resourceVersion',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generation',
    'managedFields',
    'selfLink',
  ].map((name) => `f:${name}`),
);

export function leavesOf(kind: Kind, object: JsonObject): Leaves {
  const leaves: Leaves = new Map();
  for (const [name, value] of Object.entries(object)) {
    if (name === 'apiVersion' || name === 'kind' || value === null) continue;
    if (name === 'metadata' && isObject(value)) {
      for (const [field, entry] of Object.entries(value)) {
        if (!unowned.has(`f:${field}`))
          collect(kind, entry, ['metadata', field], ['f:metadata', `f:${field}`], leaves);
      }
      continue;
    }
    collect(kind, value, [name], [`f:${name}`], leaves);
  }
  return leaves;
}

function collect(
  kind: Kind,
  value: unknown,
  names: readonly string[],
  steps: readonly string[],
  leaves: Leaves,
): void {
  if (value === null || value === undefined) return;
  if (Array.isArray(value)) {
    collectList(kind, value, names, steps, leaves);
  } else if (isObject(value) && Object.keys(value).length > 0) {
    for (const [name, entry] of Object.entries(value)) {
      collect(kind, entry, [...names, name], [...steps, `f:${name}`], leaves);
    }
  } else {
    leaves.set(steps.join(separator), value);
  }
}

function collectList(
  kind: Kind,
  value: readonly unknown[],
  names: readonly string[],
  steps: readonly string[],
  leaves: Leaves,
): void {
  const rule = listRule(kind, names);
  if (rule.type === 'set') {
    for (const item of value) leaves.set([...steps, `v:${JSON.stringify(item)}`].join(separator), item);
    return;
  }
  const keys = rule.type === 'map' ? value.map((item) => itemKey(rule, item)) : [];
  if (rule.type === 'atomic' || value.length === 0 || keys.includes(undefined)) {
    leaves.set(steps.join(separator), value);
    return;
  }
  for (const [index, item] of value.entries()) {
    const step = [...steps, `k:${keys[index] ?? ''}`];
    leaves.set(step.join(separator), present);
    collect(kind, item, names, step, leaves);
  }
}

export function sameLeaf(leaves: Leaves, other: Leaves, path: string): boolean {
  return leaves.has(path) && other.has(path) && equal(leaves.get(path), other.get(path));
}

/** The `fieldsV1` form of a set of paths. */
export function toFieldsV1(paths: Iterable<string>): JsonObject {
  const root: JsonObject = {};
  for (const path of [...paths].sort()) {
    let here = root;
    for (const step of path.split(separator)) {
      if (!Object.hasOwn(here, step)) setEntry(here, step, {});
      here = here[step] as JsonObject;
    }
    here['.'] = {};
  }
  return withoutLoneDots(root);
}

function withoutLoneDots(node: JsonObject): JsonObject {
  const names = Object.keys(node);
  if (names.length === 1 && names[0] === '.') return {};
  const kept: JsonObject = {};
  for (const name of names)
    setEntry(kept, name, name === '.' ? {} : withoutLoneDots(node[name] as JsonObject));
  return kept;
}

export function fromFieldsV1(fields: JsonObject): Set<string> {
  const paths = new Set<string>();
  const walk = (node: JsonObject, steps: readonly string[]): void => {
    const names = Object.keys(node);
    if (names.length === 0 && steps.length > 0) paths.add(steps.join(separator));
    for (const name of names) {
      const below = node[name];
      if (name === '.') paths.add(steps.join(separator));
      else if (isObject(below)) walk(below, [...steps, name]);
    }
  };
  walk(fields, []);
  return paths;
}

/** How a conflict names a field: `.spec.containers[name="web"].image`. */
export function shownPath(path: string): string {
  return path
    .split(separator)
    .map((step) => {
      if (step.startsWith('f:')) return `.${step.slice(2)}`;
      if (step.startsWith('v:')) return `[=${step.slice(2)}]`;
      const keys = Object.entries(JSON.parse(step.slice(2)) as JsonObject);
      return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
    })
    .join('');
}
