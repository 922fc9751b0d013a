/** JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7386) on plain JSON. Inputs are never changed. */
import { clone, equal, isObject, setEntry, type JsonObject } from './json.ts';
import { limits } from './limits.ts';
import { badRequest, Refusal } from './refusal.ts';

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: JsonObject = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else setEntry(merged, name, mergePatch(Object.hasOwn(merged, name) ? merged[name] : undefined, value));
  }
  return merged;
}

function tokens(pointer: string): readonly string[] | undefined {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) return undefined;
  return pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

type Place =
  | { readonly list: unknown[]; readonly index: number }
  | { readonly map: JsonObject; readonly name: string };

function place(root: JsonObject, path: readonly string[], adding: boolean): Place | undefined {
  let here: unknown = root;
  for (const [depth, token] of path.entries()) {
    const last = depth === path.length - 1;
    if (Array.isArray(here)) {
      const index = token === '-' && adding ? here.length : /^\d+$/.test(token) ? Number(token) : -1;
      if (index < 0 || index > here.length || (index === here.length && !(adding && last))) return undefined;
      if (last) return { list: here, index };
      here = here[index];
    } else if (isObject(here)) {
      if (last) return adding || Object.hasOwn(here, token) ? { map: here, name: token } : undefined;
      if (!Object.hasOwn(here, token)) return undefined;
      here = here[token];
    } else {
      return undefined;
    }
  }
  return undefined;
}

function valueAt(found: Place): unknown {
  return 'list' in found ? found.list[found.index] : found.map[found.name];
}
function insert(found: Place, value: unknown): void {
  if ('list' in found) found.list.splice(found.index, 0, value);
  else setEntry(found.map, found.name, value);
}
function replace(found: Place, value: unknown): void {
  if ('list' in found) found.list[found.index] = value;
  else setEntry(found.map, found.name, value);
}
function drop(found: Place): void {
  if ('list' in found) found.list.splice(found.index, 1);
  else delete found.map[found.name];
}

const cannot = (message: string) =>
  new Refusal(422, 'Invalid', `the server rejected our request due to an error in our request: ${message}`);

/** One operation, applied to `root` in place; answers what went wrong, if anything. */
function operate(root: JsonObject, operation: unknown): Refusal | undefined {
  if (!isObject(operation)) return badRequest('a JSON patch is a list of operations');
  const { op, path: pointer, from, value } = operation;
  const path = typeof pointer === 'string' ? tokens(pointer) : undefined;
  if (path === undefined) return badRequest('a JSON patch operation lacks a valid path');
  const adding = op === 'add' || op === 'copy' || op === 'move';
  if (adding && op !== 'add') {
    const source = typeof from === 'string' ? place(root, tokens(from) ?? [], false) : undefined;
    if (source === undefined) return cannot(`${op} from a path that does not exist`);
    const moved = clone(valueAt(source));
    if (op === 'move') drop(source);
    const target = place(root, path, true);
    if (target === undefined) return cannot(`${op} to a path that does not exist`);
    insert(target, moved);
    return undefined;
  }
  const found = place(root, path, adding);
  if (op === 'test') {
    const holds =
      found === undefined ? value === undefined || value === null : equal(valueAt(found), value ?? null);
    return holds ? undefined : cannot(`testing path ${String(pointer)} value failed`);
  }
  if (found === undefined)
    return cannot(`${String(op)} operation does not apply: no path ${String(pointer)}`);
  if (op === 'add') insert(found, clone(value ?? null));
  else if (op === 'replace') replace(found, clone(value ?? null));
  else if (op === 'remove') drop(found);
  else return badRequest(`unknown JSON patch operation ${String(op)}`);
  return undefined;
}

export function jsonPatch(target: JsonObject, patch: unknown): JsonObject | Refusal {
  if (!Array.isArray(patch)) return badRequest('a JSON patch is a list of operations');
  if (patch.length > limits.jsonPatchOperationsMax) {
    return new Refusal(
      413,
      'RequestEntityTooLarge',
      `a JSON patch may have ${limits.jsonPatchOperationsMax} operations`,
    );
  }
  const root = clone(target);
  for (const operation of patch) {
    const failed = operate(root, operation);
    if (failed !== undefined) return failed;
  }
  return root;
}
