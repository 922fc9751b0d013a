/**
 * The inventory: the ConfigMap that names every object this project put into the cluster (`spec/agentk.md §5.6, §5.7`). Here is which
 * one it is and what belongs in it; the calls are in `inventory-store.ts`.
 */
import { fieldsOf, textAt, type KubeObject, type ResourceType } from '../kubernetes/index.ts';
import { inventoryIdLabel } from './annotations.ts';
import type { Written } from './commit-objects.ts';
import { gitopsLimits } from './limits.ts';
import { idText, parseInventoryKey, type ObjectId } from './object-id.ts';

export const configMapType: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};

/** What the inventory is created from. */
export interface InventoryTemplate {
  readonly id: string;
  readonly namespace: string;
  readonly object: KubeObject;
}

export type ChosenInventory =
  | { readonly kind: 'template'; readonly template: InventoryTemplate }
  | { readonly kind: 'invalid'; readonly fault: string };

export interface InventoryOwner {
  readonly agentId: bigint;
  readonly projectId: bigint;
  readonly defaultNamespace: string;
}

/** The one the commit brings, else one made from the ids of agent and project. */
export function chooseInventory(templates: readonly Written[], owner: InventoryOwner): ChosenInventory {
  const [given, second] = templates;
  if (second !== undefined) {
    const places = templates.slice(0, gitopsLimits.toldMax).map(({ place }) => place);
    const text = `multiple inventory objects: only one object may have the label ${inventoryIdLabel}`;
    return { kind: 'invalid', fault: `${text}, found at ${places.join(', ')}` };
  }
  return given === undefined ? generated(owner) : fromManifest(given);
}

function fromManifest({ id, object, place }: Written): ChosenInventory {
  if (id.group !== '' || id.kind !== 'ConfigMap') {
    return { kind: 'invalid', fault: `${place}: an inventory must be a v1 ConfigMap, this is ${idText(id)}` };
  }
  if (id.namespace === '') {
    return { kind: 'invalid', fault: `${place}: the inventory ${id.name} must name its namespace` };
  }
  const { data: _, ...rest } = object;
  const inventoryId = textAt(object.metadata.labels, inventoryIdLabel);
  return { kind: 'template', template: { id: inventoryId, namespace: id.namespace, object: rest } };
}

function generated({ agentId, projectId, defaultNamespace }: InventoryOwner): ChosenInventory {
  const id = `${agentId}-${projectId}`;
  const object = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `inventory-${id}`,
      namespace: defaultNamespace,
      labels: { [inventoryIdLabel]: id },
    },
  };
  return { kind: 'template', template: { id, namespace: defaultNamespace, object } };
}

export type InventoryKeys =
  | { readonly kind: 'keys'; readonly ids: ReadonlyMap<string, ObjectId> }
  | { readonly kind: 'invalid'; readonly fault: string };

/** What a live inventory names. Values, also those of the variant that stores states in them, say nothing about that. */
export function keysOf(inventory: KubeObject): InventoryKeys {
  const ids = new Map<string, ObjectId>();
  for (const key of Object.keys(fieldsOf(inventory['data']))) {
    const id = parseInventoryKey(key);
    if (id === undefined) {
      const shown = JSON.stringify(key.slice(0, gitopsLimits.inventoryKeyCharactersMax));
      return {
        kind: 'invalid',
        fault: `the inventory ${inventory.metadata.name} has the key ${shown}, which names no object`,
      };
    }
    ids.set(key, id);
  }
  return { kind: 'keys', ids };
}

/** The data of an inventory; a text when it does not fit into a ConfigMap. */
export function inventoryData(keys: Iterable<string>): Readonly<Record<string, string>> | string {
  const data: Array<[string, string]> = [];
  let bytes = 0;
  for (const key of keys) {
    if (key.length > gitopsLimits.inventoryKeyCharactersMax || !/^[-._a-zA-Z0-9]+$/.test(key)) {
      const rule = `at most ${gitopsLimits.inventoryKeyCharactersMax} letters, digits, "-", "." and "_"`;
      return `namespace, name, group and kind of an object together may have ${rule}: ${key.slice(0, 300)}`;
    }
    bytes += key.length;
    data.push([key, '']);
  }
  if (bytes > gitopsLimits.inventoryBytesMax) {
    const advice = 'share the objects out among several manifest projects';
    return `the inventory would have more than ${gitopsLimits.inventoryBytesMax} bytes; ${advice}`;
  }
  return Object.fromEntries(data.sort(([a], [b]) => (a < b ? -1 : Number(a > b))));
}
