/**
 * The informer actor: `statecharts/informer.ts` with real lists and watches that fill an `ObjectStore`. One logic per
 * informer, because its store is its own.
 */
import { fromPromise } from 'xstate';
import type { AnyActorLogic } from 'xstate';
import type { Clock, Log, Random } from '../../../ports/index.ts';
import { guarded } from '../../../supervisor/index.ts';
import type { ChildSpec } from '../../../supervisor/index.ts';
import {
  informerBackoffMs,
  informerDelays,
  informerMachine,
  type ListMode,
  type ListOutcome,
  type WatchOutcome,
} from '../../../../statecharts/index.ts';
import { OncePerChange } from '../../once-per-change.ts';
import type { ClusterClient, Selection } from '../cluster-client.ts';
import { failureText, isExpired, type ClusterFailure } from '../cluster-outcome.ts';
import { kubeObjectOf, textAt } from '../kube-object.ts';
import { clusterLimits } from '../limits.ts';
import { apiVersionOf, type ResourceType } from '../resource-type.ts';
import type { WatchEvent } from '../watch-lines.ts';
import { listAll } from './list-all.ts';
import type { ObjectStore } from './object-store.ts';

export interface InformerDeps {
  readonly client: Pick<ClusterClient, 'list' | 'watch'>;
  readonly type: ResourceType;
  readonly selection?: Selection;
  readonly store: ObjectStore;
  /** Told of each failure of a list or a watch: some users know better than to wait (`spec/agentk.md §9.1`, 403 and 404). */
  readonly onFailure?: (failure: ClusterFailure) => void;
  readonly objectsMax?: number;
  readonly resyncMs: number;
  /** Already the first list shows the newest state. */
  readonly fresh?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A child spec for the informer, to be put under a supervisor. */
export function informerChild(id: string, deps: InformerDeps): ChildSpec {
  const { resyncMs, fresh = false } = deps;
  return { id, logic: createInformerLogic(deps), input: { informerId: id, resyncMs, fresh } };
}

function createInformerLogic(deps: InformerDeps): AnyActorLogic {
  const { store, random, log, type } = deps;
  const thread = new InformerThread(deps);
  const fields = { resource: `${type.plural}.${type.group}` };
  const logic = informerMachine.provide({
    actors: {
      list: fromPromise(({ input, signal }) => thread.list(input.mode, input.paged, signal)),
      watch: fromPromise(({ signal }) => thread.watch(signal)),
    },
    actions: {
      resync: () => store.resync(),
      reportSilence: () => log.warn('The API server says nothing, asking anew', fields),
      reportCrash: (_, { reason }) => log.error('Informer failed unexpectedly', { ...fields, reason }),
    },
    delays: {
      backoff: ({ context }) =>
        informerBackoffMs(context.failures) * (1 + random.next() * informerDelays.backoffJitter),
    },
  });
  return guarded(logic);
}

class InformerThread {
  readonly #deps: InformerDeps;
  readonly #troubles = new OncePerChange();

  constructor(deps: InformerDeps) {
    this.#deps = deps;
  }

  async list(mode: ListMode, paged: boolean, signal: AbortSignal): Promise<ListOutcome> {
    const { client, type, selection, store, clock, objectsMax = clusterLimits.cachedObjectsMax } = this.#deps;
    const resourceVersion = mode === 'newest' ? '' : mode === 'any' ? '0' : store.resourceVersion;
    const listed = await listAll(client, type, { ...selection, resourceVersion, paged, objectsMax, signal });
    if (signal.aborted) return { kind: 'failed', atMs: clock.monotonic() };
    if (listed.kind !== 'ok') {
      this.#failed(listed, 'list');
      return { kind: isExpired(listed) ? 'expired' : 'failed', atMs: clock.monotonic() };
    }
    const { objects, inPages } = listed.value;
    if (!store.replace(objects, listed.value.resourceVersion)) {
      throw new Error(`more than ${objectsMax} ${type.plural}`);
    }
    this.#troubles.forget();
    return { kind: 'listed', uncached: inPages && mode !== 'newest' };
  }

  async watch(signal: AbortSignal): Promise<WatchOutcome> {
    const { client, type, selection, store, clock, random } = this.#deps;
    const { watchSecondsMin, watchSecondsMax, watchHastyMs } = clusterLimits;
    const startedMs = clock.monotonic();
    const timeoutSeconds = Math.floor(watchSecondsMin + random.next() * (watchSecondsMax - watchSecondsMin));
    let events = 0;
    const end = await client.watch(
      type,
      { ...selection, resourceVersion: store.resourceVersion, timeoutSeconds, signal },
      (event) => {
        if (signal.aborted) return; // nothing is told after the stop
        events += 1;
        this.#take(event);
      },
    );
    const atMs = clock.monotonic();
    if (end.kind === 'ended') {
      const hasty = events === 0 && atMs - startedMs < watchHastyMs;
      return hasty ? { kind: 'lost', atMs } : { kind: 'ended' };
    }
    if (!signal.aborted) this.#failed(end, 'watch');
    const busy = end.kind === 'refused' ? end.code === 429 : end.cause === 'refused' || end.cause === 'busy';
    return { kind: busy ? 'busy' : 'lost', atMs };
  }

  #take({ type: what, object: json }: WatchEvent): void {
    const { store, type, log } = this.#deps;
    if (what === 'BOOKMARK') return store.note(textAt(json, 'metadata', 'resourceVersion'));
    const object = kubeObjectOf(json, { apiVersion: apiVersionOf(type), kind: type.kind });
    if (object === undefined || object.kind !== type.kind || object.apiVersion !== apiVersionOf(type)) {
      return log.warn('A watch sent an object of another kind, ignoring it', { resource: type.plural });
    }
    if (what !== 'ADDED' && what !== 'MODIFIED' && what !== 'DELETED') return;
    const { dropped } = store;
    store.apply(what, object);
    if (dropped === 0 && store.dropped > 0) {
      log.error('There are more objects than agentk keeps, the newest are ignored', {
        resource: type.plural,
      });
    }
  }

  #failed(failure: ClusterFailure, verb: 'list' | 'watch'): void {
    const { type, log, onFailure } = this.#deps;
    onFailure?.(failure);
    if (isExpired(failure)) return log.debug('A watch has to start over', { resource: type.plural });
    const reason = failureText(failure);
    const said = this.#troubles.changed(`${verb} ${reason}`);
    if (said === undefined) return;
    const fields = { resource: `${type.plural}.${type.group}`, verb, reason };
    log.warn('Objects of the cluster cannot be read, trying again', fields);
  }
}
