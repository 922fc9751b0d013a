/** How the compiler says no: the machine, the path and the feature, so that its author knows what to change. */

/** An object of a machine's configuration, not yet understood. */
export type Unknowns = Readonly<Record<string, unknown>>;

/** Throws: `feature` at `path` is beyond the compiler. */
export function refuse(machineId: string, path: string, feature: string): never {
  throw new Error(
    `compile ${machineId}: ${feature} (${path}) cannot be compiled; run this machine on xstate`,
  );
}

/** Refuses every key that is set and not in `known`. */
export function refuseUnknownKeys(
  machineId: string,
  path: string,
  config: Unknowns,
  known: ReadonlySet<string>,
): void {
  for (const [key, value] of Object.entries(config)) {
    if (value !== undefined && !known.has(key)) refuse(machineId, path, `'${key}'`);
  }
}

/** xstate's "one, several or none". */
export function toList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly unknown[]) : [value];
}
