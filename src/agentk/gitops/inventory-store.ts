/**
 * The inventory in the cluster (`spec/agentk.md §5.7`).
 *
 * I1. Objects are named in it before they are applied: whatever happens afterwards, they are found again.
 * I2. What is written is written over exactly the state that was read; whoever wrote meanwhile wins, and the run fails.
 * I3. Nothing is written that is there already.
 */
import { failureText, isAbsent, textAt, type ClusterClient, type KubeObject } from '../kubernetes/index.ts';
import { inventoryIdLabel, pruneApproval } from './annotations.ts';
import { configMapType, inventoryData, keysOf, type InventoryTemplate } from './inventory.ts';
import type { ObjectId } from './object-id.ts';

export interface Inventory {
  /** Undefined until it is in the cluster. */
  readonly live: KubeObject | undefined;
  readonly ids: ReadonlyMap<string, ObjectId>;
  /** The commit whose deletions somebody agreed to; empty when none. */
  readonly approved: string;
}

export type InventoryOutcome =
  | { readonly kind: 'inventory'; readonly inventory: Inventory }
  | { readonly kind: 'failed'; readonly reason: string };

type Client = Pick<ClusterClient, 'list' | 'get' | 'create' | 'update'>;
const fieldManager = 'agentk';

export class InventoryStore {
  readonly #client: Client;
  readonly #template: InventoryTemplate;

  constructor(client: Client, template: InventoryTemplate) {
    this.#client = client;
    this.#template = template;
  }

  async read(signal?: AbortSignal): Promise<InventoryOutcome> {
    const { id, namespace } = this.#template;
    const labelSelector = `${inventoryIdLabel}=${id}`;
    const options = { namespace, labelSelector, limit: 10, ...(signal === undefined ? {} : { signal }) };
    const found = await this.#client.list(configMapType, options);
    if (found.kind !== 'ok')
      return failed(`cannot read the inventory in ${namespace}: ${failureText(found)}`);
    const [live, second] = found.value.items;
    if (second !== undefined) {
      const { length } = found.value.items;
      return failed(`found ${length} inventory objects with inventory id ${id} in namespace ${namespace}`);
    }
    if (live !== undefined) return read(live);
    return { kind: 'inventory', inventory: { live: undefined, ids: new Map(), approved: '' } };
  }

  /** Adds keys to what was read (I1). */
  async add(was: Inventory, keys: Iterable<string>): Promise<InventoryOutcome> {
    const union = new Set([...was.ids.keys(), ...keys]);
    if (was.live !== undefined && union.size === was.ids.size) return { kind: 'inventory', inventory: was }; // I3
    return this.#write(was.live, union);
  }

  /** Makes these keys all there is, over the state that `add` left (I2). */
  async set(added: Inventory, keys: ReadonlySet<string>): Promise<InventoryOutcome> {
    const now = await this.read();
    if (now.kind === 'failed') return now;
    const { live, ids } = now.inventory;
    if (live === undefined && keys.size === 0) return now;
    if (live !== undefined && !sameKeys(ids, added.ids)) {
      return failed(`the inventory ${live.metadata.name} was changed by somebody else during the run`);
    }
    if (live !== undefined && sameKeys(ids, keys)) return now; // I3
    return this.#write(live, keys);
  }

  async #write(live: KubeObject | undefined, keys: Iterable<string>): Promise<InventoryOutcome> {
    const data = inventoryData(keys);
    if (typeof data === 'string') return failed(data);
    const { namespace, object } = this.#template;
    if (live !== undefined) {
      const { name } = live.metadata;
      const body = { ...live, data };
      const stored = await this.#client.update(configMapType, { namespace, name }, body, { fieldManager });
      if (stored.kind === 'ok') return read(stored.value);
      return failed(`cannot write the inventory ${namespace}/${name}: ${failureText(stored)}`);
    }
    const { name } = object.metadata;
    const other = await this.#client.get(configMapType, { namespace, name });
    if (other.kind === 'ok') {
      const why = `a ConfigMap ${namespace}/${name} is there already, without the label ${inventoryIdLabel}=${this.#template.id}`;
      return failed(`${why}: it is not taken over. Rename it, or label it`);
    }
    if (!isAbsent(other)) {
      return failed(`cannot read the inventory ${namespace}/${name}: ${failureText(other)}`);
    }
    const stored = await this.#client.create(configMapType, namespace, { ...object, data }, { fieldManager });
    if (stored.kind === 'ok') return read(stored.value);
    return failed(`cannot create the inventory ${namespace}/${name}: ${failureText(stored)}`);
  }
}

function read(live: KubeObject): InventoryOutcome {
  const keys = keysOf(live);
  if (keys.kind === 'invalid') return failed(keys.fault);
  const approved = textAt(live.metadata.annotations, pruneApproval);
  return { kind: 'inventory', inventory: { live, ids: keys.ids, approved } };
}

function sameKeys(a: ReadonlyMap<string, unknown>, b: ReadonlyMap<string, unknown> | ReadonlySet<string>) {
  return a.size === b.size && [...a.keys()].every((key) => b.has(key));
}

function failed(reason: string): InventoryOutcome {
  return { kind: 'failed', reason };
}
