/**
 * Strategic merge patch: a merge patch in which known lists merge item by item, with the directives `$patch`,
 * `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…`.
 */
import { at, equal, isObject, setEntry, type JsonObject } from './json.ts';
import type { Kind } from './kinds.ts';
import { listRule, type ListRule } from './list-rules.ts';

const orderDirective = '$setElementOrder/';
const deleteDirective = '$deleteFromPrimitiveList/';

function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value
      .filter((item) => !(isObject(item) && typeof item['$patch'] === 'string'))
      .map(withoutDirectives);
  }
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  for (const [name, entry] of Object.entries(value)) {
    if (entry !== null && !name.startsWith('$')) setEntry(kept, name, withoutDirectives(entry));
  }
  return kept;
}

function mergeItems(
  kind: Kind,
  rule: ListRule & { type: 'map' },
  current: readonly unknown[],
  patch: readonly unknown[],
  names: readonly string[],
): readonly unknown[] {
  if (patch.some((item) => at(item, '$patch') === 'replace' && Object.keys(item ?? {}).length === 1)) {
    return patch.filter((item) => at(item, '$patch') === undefined).map(withoutDirectives);
  }
  let items = [...current];
  for (const change of patch) {
    const key = at(change, rule.mergeKey);
    const index = items.findIndex((item) => equal(at(item, rule.mergeKey), key));
    if (at(change, '$patch') === 'delete')
      items = items.filter((item) => !equal(at(item, rule.mergeKey), key));
    else if (index < 0) items.push(withoutDirectives(change));
    else items[index] = merge(kind, items[index], change, names);
  }
  return items;
}

/** Puts the items in the asked order; items the order does not name keep their place after those before them. */
function ordered(
  items: readonly unknown[],
  order: readonly unknown[],
  keyOf: (item: unknown) => unknown,
): unknown[] {
  const rank = (item: unknown) => order.findIndex((wanted) => equal(keyOf(wanted), keyOf(item)));
  const named = items.filter((item) => rank(item) >= 0).sort((a, b) => rank(a) - rank(b));
  const result: unknown[] = [];
  for (const item of items) {
    if (rank(item) < 0) result.push(item);
    else result.push(named.shift());
  }
  return result;
}

function mergeList(
  kind: Kind,
  current: unknown,
  patch: readonly unknown[],
  names: readonly string[],
): unknown {
  const rule = listRule(kind, names);
  const before = Array.isArray(current) ? (current as readonly unknown[]) : [];
  if (rule.type === 'map') return mergeItems(kind, rule, before, patch, names);
  if (rule.type === 'set')
    return [...before, ...patch.filter((item) => !before.some((old) => equal(old, item)))];
  return withoutDirectives(patch);
}

function retained(current: JsonObject, keep: unknown): JsonObject {
  if (!Array.isArray(keep)) return { ...current };
  return Object.fromEntries(Object.entries(current).filter(([name]) => keep.includes(name)));
}

function merge(kind: Kind, target: unknown, patch: unknown, names: readonly string[]): unknown {
  if (!isObject(patch)) return patch;
  if (patch['$patch'] === 'replace') return withoutDirectives(patch);
  if (patch['$patch'] === 'delete') return {};
  const merged = isObject(target) ? retained(target, patch['$retainKeys']) : {};
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) continue;
    const path = [...names, name];
    const current = Object.hasOwn(merged, name) ? merged[name] : undefined;
    if (value === null) delete merged[name];
    else if (Array.isArray(value)) setEntry(merged, name, mergeList(kind, current, value, path));
    else if (isObject(value)) setEntry(merged, name, merge(kind, current, value, path));
    else setEntry(merged, name, value);
  }
  for (const [directive, value] of Object.entries(patch)) {
    if (!Array.isArray(value)) continue;
    if (directive.startsWith(deleteDirective)) {
      const name = directive.slice(deleteDirective.length);
      const current = merged[name];
      if (Array.isArray(current))
        merged[name] = current.filter((item) => !value.some((gone) => equal(gone, item)));
    } else if (directive.startsWith(orderDirective)) {
      const name = directive.slice(orderDirective.length);
      const current = merged[name];
      const rule = listRule(kind, [...names, name]);
      if (!Array.isArray(current)) continue;
      merged[name] = ordered(current, value, (item) =>
        rule.type === 'map' ? at(item, rule.mergeKey) : item,
      );
    }
  }
  return merged;
}

export function strategicPatch(kind: Kind, target: JsonObject, patch: JsonObject): JsonObject {
  return merge(kind, target, patch, []) as JsonObject;
}
