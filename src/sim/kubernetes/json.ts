/**
 * Plain JSON as the server handles it: bodies come from outside, so everything is `unknown` until looked at. The
 * readers here answer an empty value of the wanted type where the path leads nowhere, never throw.
 */
export type JsonObject = { [name: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of names and indexes, or undefined. Reads own properties only. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here: unknown = value;
  for (const step of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return undefined;
    here = (here as Record<string | number, unknown>)[step];
  }
  return here;
}

export function textAt(value: unknown, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : '';
}

export function numberAt(value: unknown, ...path: readonly (string | number)[]): number | undefined {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : undefined;
}

export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? found : [];
}

export function objectAt(value: unknown, ...path: readonly (string | number)[]): JsonObject {
  const found = at(value, ...path);
  return isObject(found) ? found : {};
}

/** The entries of a map of strings, leaving out what is not a string. */
export function stringsAt(value: unknown, ...path: readonly (string | number)[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, entry] of Object.entries(objectAt(value, ...path))) {
    if (typeof entry === 'string') found[name] = entry;
  }
  return found;
}

export function stringListAt(value: unknown, ...path: readonly (string | number)[]): readonly string[] {
  return listAt(value, ...path).filter((entry) => typeof entry === 'string');
}

/** Deep equality of JSON values; the order of names does not matter. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((entry, index) => equal(entry, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]));
}

export function clone<T>(value: T): T {
  return structuredClone(value);
}

/** Whether a value nests deeper than `max` levels. */
export function deeperThan(value: unknown, max: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (max <= 0) return true;
  return Object.values(value).some((entry) => deeperThan(entry, max - 1));
}

/**
 * Sets one entry of a map that came from outside. A plain assignment to `__proto__` would change the map's prototype
 * instead of adding the entry.
 */
export function setEntry(target: JsonObject, name: string, value: unknown): void {
  if (name === '__proto__') {
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[name] = value;
  }
}
