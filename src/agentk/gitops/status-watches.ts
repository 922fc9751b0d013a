/**
 * The eyes of a wait: one list and watch per kind and namespace that has something pending, started under a supervisor, ended as
 * soon as it has shown what it should (`spec/agentk.md §5.12`; the original watches everything it applies all the time).
 *
 * S1. At most `watchesMax` at once; the rest waits for its turn.
 * S2. Only what is awaited is kept whole; of the other objects of a namespace only their names.
 */
import type { Clock, Log, Random } from '../../ports/index.ts';
import type { DynamicSupervisor } from '../../supervisor/index.ts';
import { informerChild, ObjectStore, withoutManagedFields } from '../kubernetes/informer/index.ts';
import {
  clusterLimits,
  failureText,
  isAbsent,
  objectKey,
  type ClusterClient,
  type ClusterFailure,
  type KubeObject,
  type ResourceType,
} from '../kubernetes/index.ts';
import { gitopsLimits } from './limits.ts';
import type { Awaited, Reconciliation } from './reconciliation.ts';

export interface WatchDeps {
  readonly client: Pick<ClusterClient, 'list' | 'watch'>;
  /** Of the informers and waits; they are its members, and end with it. */
  readonly supervisor: Pick<DynamicSupervisor, 'startChild' | 'terminateChild'>;
  /** Unique in the process: the beginning of the ids of everything started. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

interface Group {
  readonly type: ResourceType;
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  /** By the names they have in a store. */
  readonly items: ReadonlyMap<string, Awaited>;
  /** The same in order; those before `cursor` were found settled. */
  readonly order: readonly Awaited[];
  cursor: number;
}

export class StatusWatches {
  readonly #deps: WatchDeps;
  readonly #reconciliation: Reconciliation;
  readonly #onSettled: () => void;
  readonly #open = new Map<Group, string>();
  #queue: Group[] = [];
  #started = 0;
  #closed = false;

  constructor(deps: WatchDeps, reconciliation: Reconciliation, onSettled: () => void) {
    this.#deps = deps;
    this.#reconciliation = reconciliation;
    this.#onSettled = onSettled;
  }

  open(): void {
    const groups = grouped(this.#reconciliation.pending(), false);
    const few = groups.length <= gitopsLimits.watchesMax;
    this.#queue = few ? groups : grouped(this.#reconciliation.pending(), true);
    this.#fill();
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
    for (const group of this.#open.keys()) this.#end(group);
  }

  #fill(): void {
    while (this.#open.size < gitopsLimits.watchesMax) {
      const group = this.#queue.shift();
      if (group === undefined) break;
      this.#start(group); // S1
    }
    if (!this.#closed && this.#reconciliation.settled) this.#onSettled();
  }

  #start(group: Group): void {
    const { client, supervisor, name, clock, random, log } = this.#deps;
    const { type, namespace, items } = group;
    this.#started += 1;
    const id = `${name}:watch-${this.#started}`;
    const store = new ObjectStore({
      objectsMax: clusterLimits.cachedObjectsMax,
      transform: (object) => (items.has(objectKey(object)) ? withoutManagedFields(object) : bare(object)), // S2
      onHandlerError: (error) =>
        log.error('Judging an object failed unexpectedly', { error: asError(error) }),
      onListed: () => this.#listed(group, store),
    });
    store.subscribe((change) => this.#saw(group, change.object, change.kind === 'deleted'));
    const [only] = items.size === 1 ? [...items.values()] : [];
    const spec = informerChild(id, {
      client,
      type,
      selection: {
        namespace,
        ...(only === undefined ? {} : { fieldSelector: `metadata.name=${only.id.name}` }),
      },
      store,
      fresh: true,
      resyncMs: gitopsLimits.judgeAgainMs,
      onFailure: (failure) => this.#failed(group, failure),
      clock,
      random,
      log,
    });
    this.#open.set(group, id);
    const started = supervisor.startChild({ ...spec, restart: 'transient' });
    if (started.kind === 'refused') this.#giveUp(group, `it cannot be watched now (${started.reason})`);
  }

  #saw(group: Group, object: KubeObject, gone: boolean): void {
    const item = group.items.get(objectKey(object));
    if (item === undefined || this.#closed) return;
    this.#reconciliation.observe(item.key, gone ? undefined : object, this.#deps.clock.now());
    this.#settle(group);
  }

  /** What is not in the list is not there. */
  #listed(group: Group, store: ObjectStore): void {
    if (this.#closed) return;
    for (const [name, item] of group.items) {
      if (store.get(name) === undefined) this.#absent(item);
    }
    this.#settle(group);
  }

  #absent(item: Awaited): void {
    this.#reconciliation.observe(item.key, undefined, this.#deps.clock.now());
  }

  #failed(group: Group, failure: ClusterFailure): void {
    if (this.#closed || failure.kind !== 'refused') return;
    if (isAbsent(failure) && this.#reconciliation.goal === 'NotFound') {
      for (const item of group.order) this.#absent(item); // the kind itself is gone
      this.#settle(group);
    } else if (failure.code === 403) this.#forbidden(group, failure);
  }

  /** Rights for all namespaces are missing: perhaps there are those for each. Else nothing can be said of the objects. */
  #forbidden(group: Group, failure: ClusterFailure): void {
    if (group.type.namespaced && group.namespace === undefined) {
      this.#queue.push(...grouped(group.order, false));
      this.#end(group);
      this.#fill();
    } else {
      const { plural, group: api } = group.type;
      const mend = `agentk needs the right to list and watch ${api === '' ? plural : `${plural}.${api}`}`;
      this.#giveUp(group, `${failureText(failure)}: ${mend}`);
    }
  }

  #giveUp(group: Group, reason: string): void {
    for (const item of group.order) this.#reconciliation.fail(item.key, reason);
    this.#settle(group);
  }

  /** Ends a watch that has nothing pending; the next one starts in its place. */
  #settle(group: Group): void {
    if (!this.#open.has(group) || this.#awaitsAny(group)) return;
    this.#end(group);
    this.#fill();
  }

  /** Looks on from where it looked last; only at the end at all once more, because what was settled may be pending again. */
  #awaitsAny(group: Group): boolean {
    for (; group.cursor < group.order.length; group.cursor += 1) {
      const item = group.order[group.cursor];
      if (item !== undefined && this.#reconciliation.awaits(item.key)) return true;
    }
    group.cursor = Math.max(
      0,
      group.order.findIndex(({ key }) => this.#reconciliation.awaits(key)),
    );
    const item = group.order[group.cursor];
    return item !== undefined && this.#reconciliation.awaits(item.key);
  }

  #end(group: Group): void {
    const id = this.#open.get(group);
    this.#open.delete(group);
    if (id !== undefined) void this.#deps.supervisor.terminateChild(id);
  }
}

/** By kind and namespace; with `wide`, kinds in many namespaces are taken together. */
function grouped(items: readonly Awaited[], wide: boolean): Group[] {
  const kinds = new Map<string, Map<string, Awaited[]>>();
  for (const item of items) {
    const { group, version, plural } = item.type;
    const kind = `${group}/${version}/${plural}`;
    const namespaces = kinds.get(kind) ?? new Map<string, Awaited[]>();
    kinds.set(kind, namespaces);
    const lot = namespaces.get(item.id.namespace);
    if (lot === undefined) namespaces.set(item.id.namespace, [item]);
    else lot.push(item);
  }
  return [...kinds.values()].flatMap((namespaces) => {
    const together = wide && namespaces.size > gitopsLimits.namespacesWatchedMax;
    const lots = together ? [[...namespaces.values()].flat()] : [...namespaces.values()];
    return lots.flatMap((lot) => {
      const [first] = lot;
      if (first === undefined) return [];
      const namespace = together || first.id.namespace === '' ? undefined : first.id.namespace;
      const items = new Map(lot.map((each) => [nameKey(each), each]));
      return [{ type: first.type, namespace, items, order: lot, cursor: 0 }];
    });
  });
}

function nameKey({ id }: Awaited): string {
  return id.namespace === '' ? id.name : `${id.namespace}/${id.name}`;
}

function bare({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion } = metadata;
  const known = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
  return { apiVersion, kind, metadata: { name, ...(namespace && { namespace }), ...known } };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
