/**
 * Field ownership and server-side apply.
 *
 * A1. Applying takes what the applier says, leaves what others set, and removes what the applier set before and no
 *     longer says, unless somebody else owns it too.
 * A2. Changing a field that another manager owns is a conflict, unless forced: then the field changes hands.
 * A3. A plain update never conflicts: it takes the fields it changes from everybody else.
 */
import { isObject, setEntry, type JsonObject } from './json.ts';
import {
  fromFieldsV1,
  leavesOf,
  sameLeaf,
  separator,
  shownPath,
  toFieldsV1,
  type Leaves,
} from './field-sets.ts';
import type { Kind } from './kinds.ts';
import { itemKey, listRule } from './list-rules.ts';
import { limits } from './limits.ts';
import type { KubeObject, ManagedFieldsEntry } from './objects.ts';
import { Refusal } from './refusal.ts';

export interface Manager {
  readonly name: string;
  readonly apiVersion: string;
  readonly subresource: string;
  /** Now, as a Kubernetes time. */
  readonly time: string;
}

interface Owner {
  readonly entry: ManagedFieldsEntry;
  readonly fields: Set<string>;
}

function ownersOf(object: KubeObject | undefined): Owner[] {
  return (object?.metadata.managedFields ?? []).map((entry) => ({
    entry,
    fields: isObject(entry.fieldsV1) ? fromFieldsV1(entry.fieldsV1) : new Set<string>(),
  }));
}

function isOwner(owner: Owner, manager: Manager, operation: ManagedFieldsEntry['operation']): boolean {
  const { entry } = owner;
  return (
    entry.manager === manager.name &&
    entry.operation === operation &&
    (entry.subresource ?? '') === manager.subresource &&
    (operation === 'Apply' || entry.apiVersion === manager.apiVersion)
  );
}

function entryOf(
  manager: Manager,
  operation: ManagedFieldsEntry['operation'],
  fields: Set<string>,
  before: Owner | undefined,
): ManagedFieldsEntry {
  const unchanged =
    before?.fields.size === fields.size && [...fields].every((path) => before.fields.has(path));
  return {
    manager: manager.name,
    operation,
    apiVersion: manager.apiVersion,
    time: unchanged ? before.entry.time : manager.time,
    fieldsType: 'FieldsV1',
    fieldsV1: toFieldsV1(fields),
    ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
  };
}

/**
 * The entries after a write: everybody else keeps what `keeps` says, the writer has `fields`. Places do not change, so
 * that a write that changes nothing leaves the very same list.
 */
function rewritten(
  owners: readonly Owner[],
  keeps: (path: string) => boolean,
  mine: Owner | undefined,
  written: ManagedFieldsEntry | undefined,
): ManagedFieldsEntry[] {
  const entries: ManagedFieldsEntry[] = [];
  for (const owner of owners) {
    if (owner === mine) {
      if (written !== undefined) entries.push(written);
      continue;
    }
    const fields = new Set([...owner.fields].filter(keeps));
    if (fields.size === owner.fields.size) entries.push(owner.entry);
    else if (fields.size > 0) entries.push({ ...owner.entry, fieldsV1: toFieldsV1(fields) });
  }
  if (mine === undefined && written !== undefined) entries.push(written);
  return entries.slice(-limits.managersPerObjectMax);
}

function withManagers(object: KubeObject, entries: ManagedFieldsEntry[]): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: { ...metadata, ...(entries.length === 0 ? {} : { managedFields: entries }) },
  };
}

/**
 * Records a create, update or patch in the managed fields of `after` (A3). `after.metadata.managedFields` is taken as
 * the state to start from, so that a client may rewrite or clear it.
 */
export function recordUpdate(
  kind: Kind,
  before: KubeObject | undefined,
  after: KubeObject,
  manager: Manager,
): KubeObject {
  const owners = ownersOf(after);
  const was: Leaves = before === undefined ? new Map<string, unknown>() : leavesOf(kind, before);
  const is = leavesOf(kind, after);
  const changed = new Set([...is.keys()].filter((path) => !sameLeaf(was, is, path)));
  const mine = owners.find((owner) => isOwner(owner, manager, 'Update'));
  const fields = new Set([...(mine?.fields ?? []), ...changed].filter((path) => is.has(path)));
  const written = fields.size === 0 ? undefined : entryOf(manager, 'Update', fields, mine);
  const entries = rewritten(owners, (path) => is.has(path) && !changed.has(path), mine, written);
  return withManagers(after, entries);
}

function mergeApplied(kind: Kind, live: unknown, applied: unknown, names: readonly string[]): unknown {
  if (Array.isArray(applied)) return mergeAppliedList(kind, live, applied, names);
  if (!isObject(applied)) return applied;
  const merged: JsonObject = isObject(live) ? { ...live } : {};
  for (const [name, value] of Object.entries(applied)) {
    if (value === null) continue;
    const current = Object.hasOwn(merged, name) ? merged[name] : undefined;
    setEntry(merged, name, mergeApplied(kind, current, value, [...names, name]));
  }
  return merged;
}

function mergeAppliedList(
  kind: Kind,
  live: unknown,
  applied: readonly unknown[],
  names: readonly string[],
): unknown {
  const rule = listRule(kind, names);
  const before: unknown[] = Array.isArray(live) ? [...(live as unknown[])] : [];
  if (rule.type === 'set') return [...new Set([...before, ...applied])];
  if (rule.type === 'atomic') return applied;
  for (const item of applied) {
    const key = itemKey(rule, item);
    const index = before.findIndex((old) => itemKey(rule, old) === key);
    if (index < 0) before.push(mergeApplied(kind, undefined, item, names));
    else before[index] = mergeApplied(kind, before[index], item, names);
  }
  return before;
}

/** The value without what a path names; maps that become empty go too. */
function removed(kind: Kind, value: unknown, steps: readonly string[], names: readonly string[]): unknown {
  const [step = '', ...rest] = steps;
  if (step.startsWith('f:')) {
    const name = step.slice(2);
    if (!isObject(value) || !Object.hasOwn(value, name)) return value;
    const left = rest.length === 0 ? undefined : removed(kind, value[name], rest, [...names, name]);
    const kept = { ...value };
    if (left === undefined) delete kept[name];
    else setEntry(kept, name, left);
    return Object.keys(kept).length === 0 ? undefined : kept;
  }
  if (!Array.isArray(value)) return value;
  const items = value as readonly unknown[];
  const rule = listRule(kind, names);
  const isMeant = (item: unknown) =>
    step.startsWith('v:')
      ? JSON.stringify(item) === step.slice(2)
      : rule.type === 'map' && itemKey(rule, item) === step.slice(2);
  if (rest.length > 0)
    return items.map((item) => (isMeant(item) ? (removed(kind, item, rest, names) ?? {}) : item));
  const left = items.filter((item) => !isMeant(item));
  return left.length === 0 ? undefined : left;
}

function conflictsWith(owners: readonly Owner[], changed: ReadonlySet<string>): Refusal | undefined {
  const found: { readonly manager: string; readonly field: string }[] = [];
  for (const { entry, fields } of owners) {
    const update = entry.operation === 'Update' ? ` using ${entry.apiVersion}` : '';
    const shown = `"${entry.manager}"${entry.subresource === undefined ? '' : ` with subresource "${entry.subresource}"`}${update}`;
    for (const path of fields) if (changed.has(path)) found.push({ manager: shown, field: shownPath(path) });
  }
  const [first] = found;
  if (first === undefined) return undefined;
  const managers = [...new Set(found.map((one) => one.manager))].sort();
  const listed = managers.flatMap((manager) => [
    `conflicts with ${manager}:`,
    ...found.filter((one) => one.manager === manager).map((one) => `- ${one.field}`),
  ]);
  const text = found.length === 1 ? `conflict with ${first.manager}: ${first.field}` : listed.join('\n');
  const causes = found.map((one) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${one.manager}`,
    field: one.field,
  }));
  const plural = found.length === 1 ? 'conflict' : 'conflicts';
  return new Refusal(409, 'Conflict', `Apply failed with ${found.length} ${plural}: ${text}`, { causes });
}

/** The result of applying a configuration to the live object (none yet: `live` undefined), or the conflicts. */
export function applyConfiguration(
  kind: Kind,
  live: KubeObject | undefined,
  applied: KubeObject,
  manager: Manager,
  force: boolean,
): KubeObject | Refusal {
  const owners = ownersOf(live);
  const mine = owners.find((owner) => isOwner(owner, manager, 'Apply'));
  const others = owners.filter((owner) => owner !== mine);
  const said = new Set(leavesOf(kind, applied).keys());
  let merged = mergeApplied(kind, live, applied, []) as KubeObject;
  const dropped = [...(mine?.fields ?? [])].filter((path) => !said.has(path));
  for (const path of dropped) {
    const kept = others.some(({ fields }) =>
      [...fields].some((other) => other === path || other.startsWith(path + separator)),
    );
    if (!kept) merged = removed(kind, merged, path.split(separator), []) as KubeObject;
  }
  const was: Leaves = live === undefined ? new Map<string, unknown>() : leavesOf(kind, live);
  const is = leavesOf(kind, merged);
  const changed = new Set([...said].filter((path) => !sameLeaf(was, is, path)));
  const conflict = force ? undefined : conflictsWith(others, changed);
  if (conflict !== undefined) return conflict;
  const written = said.size === 0 ? undefined : entryOf(manager, 'Apply', said, mine);
  const entries = rewritten(owners, (path) => is.has(path) && !changed.has(path), mine, written);
  return withManagers(merged, entries);
}
