/**
 * Eyes on single objects: one list and watch per kind and namespace that holds any of them, started under a supervisor, ended as
 * soon as nobody waits for anything in it. Used by waits (`spec/agentk.md §5.12`; the original watches everything it applies all the
 * time) and by those who look for drift.
 *
 * O1. At most `watchesMax` at once; the rest waits for its turn.
 * O2. Only what is looked for is kept; of the other objects of a namespace only their names.
 * O3. Nothing is told after the end.
 */
import type { Clock, Log, Random } from '../../ports/index.ts';
import type { DynamicSupervisor } from '../../supervisor/index.ts';
import { informerChild, ObjectStore } from '../kubernetes/informer/index.ts';
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
import type { ObjectId } from './object-id.ts';

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

export interface Watched {
  readonly id: ObjectId;
  readonly type: ResourceType;
}

export interface Onlooker<T extends Watched> {
  /** How it is now; undefined when it does not exist. */
  saw(item: T, live: KubeObject | undefined): void;
  /** Nothing can be learnt about it. */
  lostSight(item: T, reason: string): void;
  /** False: its watch may end when the same holds for all in it. */
  awaits(item: T): boolean;
  /** What is kept of an object that is looked for. */
  readonly keep: (object: KubeObject) => KubeObject;
  /** Called whenever watches have ended, or there are none. */
  readonly onQuiet: () => void;
}

interface Group<T> {
  readonly type: ResourceType;
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  /** By the names they have in a store. */
  readonly items: ReadonlyMap<string, T>;
  /** The same in order; those before `cursor` were found to be no longer awaited. */
  readonly order: readonly T[];
  cursor: number;
}

export class ObjectWatches<T extends Watched> {
  readonly #deps: WatchDeps;
  readonly #onlooker: Onlooker<T>;
  readonly #open = new Map<Group<T>, string>();
  #queue: Group<T>[] = [];
  #started = 0;
  #closed = false;

  constructor(deps: WatchDeps, onlooker: Onlooker<T>) {
    this.#deps = deps;
    this.#onlooker = onlooker;
  }

  open(items: readonly T[]): void {
    const groups = grouped(items, false);
    this.#queue = groups.length <= gitopsLimits.watchesMax ? groups : grouped(items, true);
    this.#fill();
  }

  /** Something was learnt of an item by other means: perhaps its watch is not needed any more. */
  judged(item: T): void {
    if (this.#closed) return;
    for (const group of this.#open.keys()) if (group.items.get(nameKey(item)) === item) this.#settle(group);
  }

  close(): void {
    this.#closed = true; // O3
    this.#queue = [];
    for (const group of this.#open.keys()) this.#end(group);
  }

  #fill(): void {
    while (this.#open.size < gitopsLimits.watchesMax) {
      const group = this.#queue.shift();
      if (group === undefined) break;
      this.#start(group); // O1
    }
    if (!this.#closed) this.#onlooker.onQuiet();
  }

  #start(group: Group<T>): void {
    const { client, supervisor, name, clock, random, log } = this.#deps;
    const { type, namespace, items, order } = group;
    const { keep } = this.#onlooker;
    this.#started += 1;
    const id = `${name}:watch-${this.#started}`;
    const store = new ObjectStore({
      objectsMax: clusterLimits.cachedObjectsMax,
      transform: (object) => (items.has(objectKey(object)) ? keep(object) : nameOnly(object)), // O2
      onHandlerError: (error) =>
        log.error('Looking at an object failed unexpectedly', { error: asError(error) }),
      onListed: () => this.#listed(group, store),
    });
    store.subscribe((change) => this.#saw(group, change.object, change.kind === 'deleted'));
    const only = order.length === 1 ? order[0] : undefined;
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

  #saw(group: Group<T>, object: KubeObject, gone: boolean): void {
    const item = group.items.get(objectKey(object));
    if (item === undefined || this.#closed) return;
    this.#onlooker.saw(item, gone ? undefined : object);
    this.#settle(group);
  }

  /** What is not in the list is not there. */
  #listed(group: Group<T>, store: ObjectStore): void {
    if (this.#closed) return;
    for (const [name, item] of group.items) {
      if (store.get(name) === undefined) this.#onlooker.saw(item, undefined);
    }
    this.#settle(group);
  }

  #failed(group: Group<T>, failure: ClusterFailure): void {
    if (this.#closed || !this.#open.has(group) || failure.kind !== 'refused') return;
    if (isAbsent(failure)) {
      for (const item of group.order) this.#onlooker.saw(item, undefined); // the kind itself is gone
      this.#settle(group);
    } else if (failure.code === 403) this.#forbidden(group, failure);
  }

  /** Rights for all namespaces are missing: perhaps there are those for each. Else nothing can be said of the objects. */
  #forbidden(group: Group<T>, failure: ClusterFailure): void {
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

  #giveUp(group: Group<T>, reason: string): void {
    for (const item of group.order) this.#onlooker.lostSight(item, reason);
    this.#end(group);
    this.#fill();
  }

  /** Ends a watch in which nothing is awaited; the next one starts in its place. */
  #settle(group: Group<T>): void {
    if (!this.#open.has(group) || this.#awaitsAny(group)) return;
    this.#end(group);
    this.#fill();
  }

  /** Looks on from where it looked last; only at the end at all once more, because what was as it should be may change again. */
  #awaitsAny(group: Group<T>): boolean {
    for (; group.cursor < group.order.length; group.cursor += 1) {
      const item = group.order[group.cursor];
      if (item !== undefined && this.#onlooker.awaits(item)) return true;
    }
    const again = group.order.findIndex((item) => this.#onlooker.awaits(item));
    group.cursor = Math.max(0, again);
    return again >= 0;
  }

  #end(group: Group<T>): void {
    const id = this.#open.get(group);
    this.#open.delete(group);
    if (id !== undefined) void this.#deps.supervisor.terminateChild(id);
  }
}

/** By kind and namespace; with `wide`, kinds in many namespaces are taken together. */
function grouped<T extends Watched>(items: readonly T[], wide: boolean): Group<T>[] {
  const kinds = new Map<string, Map<string, T[]>>();
  for (const item of items) {
    const { group, version, plural } = item.type;
    const kind = `${group}/${version}/${plural}`;
    const namespaces = kinds.get(kind) ?? new Map<string, T[]>();
    kinds.set(kind, namespaces);
    const lot = namespaces.get(item.id.namespace);
    if (lot === undefined) namespaces.set(item.id.namespace, [item]);
    else lot.push(item);
  }
  return [...kinds.values()].flatMap((namespaces) => {
    const together = wide && namespaces.size > gitopsLimits.namespacesWatchedMax;
    const lots = together ? [[...namespaces.values()].flat()] : [...namespaces.values()];
    return lots.flatMap((order) => {
      const [first] = order;
      if (first === undefined) return [];
      const namespace = together || first.id.namespace === '' ? undefined : first.id.namespace;
      const items = new Map(order.map((each) => [nameKey(each), each]));
      return [{ type: first.type, namespace, items, order, cursor: 0 }];
    });
  });
}

function nameKey({ id }: Watched): string {
  return id.namespace === '' ? id.name : `${id.namespace}/${id.name}`;
}

function nameOnly({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion } = metadata;
  const known = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
  return { apiVersion, kind, metadata: { name, ...(namespace && { namespace }), ...known } };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
