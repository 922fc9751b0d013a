/**
 * The order of a run (`spec/agentk.md §5.10`): what needs something comes after it; what is free comes by kind and name. Deleting goes
 * the same way backwards.
 *
 * Pure: the needs of each object are given, the cluster is not asked.
 */
import type { KubeObject } from '../kubernetes/index.ts';
import { dependsOn, parseDependsOn } from './annotations.ts';
import { compareObjects } from './kind-order.ts';
import { idText, inventoryKey, type ObjectId } from './object-id.ts';

/** One object of a run: to be applied, or to be deleted. */
export interface Planned {
  readonly id: ObjectId;
  readonly key: string;
  readonly object: KubeObject;
}

export interface Plan {
  /** Phases in order; inside a phase in order. */
  readonly apply: readonly (readonly Planned[])[];
  readonly prune: readonly (readonly Planned[])[];
  /** What each object needs of the others, by key. */
  readonly needs: ReadonlyMap<string, ReadonlySet<string>>;
}

export type Planning =
  | { readonly kind: 'plan'; readonly plan: Plan }
  | { readonly kind: 'invalid'; readonly faults: readonly string[] };

/** Orders a run of objects to apply and live objects to delete. */
export function planRun(apply: readonly Planned[], prune: readonly Planned[]): Planning {
  const all = new Map([...prune, ...apply].map((each) => [each.key, each]));
  const faults: string[] = [];
  const needs = new Map<string, Set<string>>();
  const providers = new Providers(all.values());
  for (const each of all.values()) {
    const found = new Set(providers.of(each));
    const named = declared(each);
    if (named.kind === 'invalid') faults.push(`${idText(each.id)}: ${named.reason}`);
    else {
      for (const id of named.ids) {
        const key = inventoryKey(id);
        if (all.has(key)) found.add(key);
        else faults.push(`${idText(each.id)}: depends on ${idText(id)}, which is not in this project`);
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
  const applied = new Set(apply.map(({ key }) => key));
  const phases = (wanted: boolean) =>
    layers.map((layer) => layer.filter(({ key }) => applied.has(key) === wanted));
  const filled = (layer: readonly Planned[]) => layer.length > 0;
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
  const text = object.metadata.annotations?.[dependsOn];
  return text === undefined ? ({ kind: 'dependencies', ids: [] } as const) : parseDependsOn(text);
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

function layersOf(
  all: ReadonlyMap<string, Planned>,
  needs: ReadonlyMap<string, ReadonlySet<string>>,
): readonly (readonly Planned[])[] | { readonly cycle: readonly string[] } {
  const layers: Planned[][] = [];
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
