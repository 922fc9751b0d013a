/**
 * The order of a run (`spec/agentk.md §5.10`): what needs something comes after it; what is free comes by kind and name. Deleting goes
 * the same way backwards.
 *
 * Pure: the needs of each object are given, the cluster is not asked.
 */
import { textAt, type KubeObject } from '../kubernetes/index.ts';
import { dependsOn, parseDependsOn } from './annotations.ts';
import { compareObjects } from './kind-order.ts';
import { idText, inventoryKey, type ObjectId } from './object-id.ts';

/** One object of a run: to be applied, or to be deleted. */
export interface Planned {
  readonly id: ObjectId;
  readonly key: string;
  readonly object: KubeObject;
}

export interface Plan<T extends Planned> {
  /** Phases in order; inside a phase in order. */
  readonly apply: readonly (readonly T[])[];
  readonly prune: readonly (readonly T[])[];
  /** What each object needs of the others, by key. */
  readonly needs: ReadonlyMap<string, ReadonlySet<string>>;
}

export type Planning<T extends Planned> =
  | { readonly kind: 'plan'; readonly plan: Plan<T> }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

/**
 * Orders a run of objects to apply and live objects to delete. Of what is to be deleted, needs that cannot be read or name
 * what is gone are no fault: nobody can mend the annotation of an object that left the repository.
 */
export function planRun<T extends Planned>(apply: readonly T[], prune: readonly T[]): Planning<T> {
  const all = new Map([...prune, ...apply].map((each) => [each.key, each]));
  const applied = new Set(apply.map(({ key }) => key));
  const faults: string[] = [];
  const needs = new Map<string, Set<string>>();
  const providers = new Providers(all.values());
  for (const each of all.values()) {
    const found = new Set(providers.of(each));
    const named = declared(each);
    const fault = (reason: string) => {
      if (applied.has(each.key)) faults.push(`${idText(each.id)}: ${reason}`);
    };
    if (named.kind === 'invalid') fault(named.reason);
    else {
      for (const id of named.ids) {
        const key = inventoryKey(id);
        if (all.has(key)) found.add(key);
        else fault(`depends on ${idText(id)}, which is not in this project`);
      }
    }
    found.delete(each.key);
    needs.set(each.key, found);
  }
  if (faults.length > 0) return { kind: 'invalid', faults };
  const layers = layersOf(all, needs);
  if ('cycle' in layers) {
    return { kind: 'invalid', faults: [`objects need each other in a circle: ${layers.cycle.join(', ')}`] };
  }
  const phases = (wanted: boolean) =>
    layers.map((layer) => layer.filter(({ key }) => applied.has(key) === wanted));
  const filled = (layer: readonly T[]) => layer.length > 0;
  return {
    kind: 'plan',
    plan: {
      apply: phases(true).filter(filled),
      prune: phases(false)
        .filter(filled)
        .toReversed()
        .map((layer) => layer.toReversed()),
      needs,
    },
  };
}

function declared({ object }: Planned) {
  const text = textAt(object.metadata.annotations, dependsOn);
  return text === '' ? ({ kind: 'dependencies', ids: [] } as const) : parseDependsOn(text);
}

/** What the set itself brings: namespaces for what is in them, definitions for what they define. */
class Providers {
  readonly #namespaces = new Map<string, string>();
  readonly #definitions = new Map<string, string>();

  constructor(all: Iterable<Planned>) {
    for (const { id, key, object } of all) {
      if (id.group === '' && id.kind === 'Namespace') this.#namespaces.set(id.name, key);
      const defined = definedType(id, object);
      if (defined !== undefined) this.#definitions.set(defined, key);
    }
  }

  *of({ id }: Planned): Generator<string> {
    const namespace = id.namespace === '' ? undefined : this.#namespaces.get(id.namespace);
    if (namespace !== undefined) yield namespace;
    const definition = this.#definitions.get(`${id.group}/${id.kind}`);
    if (definition !== undefined) yield definition;
  }
}

/** `group/Kind` that a CustomResourceDefinition defines. */
export function definedType(id: ObjectId, object: KubeObject): string | undefined {
  if (id.group !== 'apiextensions.k8s.io' || id.kind !== 'CustomResourceDefinition') return undefined;
  const { group, names } = (object['spec'] ?? {}) as { group?: unknown; names?: { kind?: unknown } };
  return typeof group === 'string' && typeof names?.kind === 'string' ? `${group}/${names.kind}` : undefined;
}

function layersOf<T extends Planned>(
  all: ReadonlyMap<string, T>,
  needs: ReadonlyMap<string, ReadonlySet<string>>,
): readonly (readonly T[])[] | { readonly cycle: readonly string[] } {
  const layers: T[][] = [];
  const placed = new Set<string>();
  let rest = [...all.values()];
  while (rest.length > 0) {
    const free = rest.filter(({ key }) => [...(needs.get(key) ?? [])].every((need) => placed.has(need)));
    if (free.length === 0) return { cycle: rest.slice(0, 10).map(({ id }) => idText(id)) };
    layers.push(free.toSorted((a, b) => compareObjects(a.id, b.id)));
    for (const { key } of free) placed.add(key);
    rest = rest.filter(({ key }) => !placed.has(key));
  }
  return layers;
}
