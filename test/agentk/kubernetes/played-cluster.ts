/** The lists and watches of one kind as a server gives them, with the server's moods at hand (`spec/agentk.md §9.1`). */
import type { InformerDeps } from '../../../src/agentk/kubernetes/informer/index.ts';
import type { ClusterFailure, KubeObject } from '../../../src/agentk/kubernetes/index.ts';

type Client = InformerDeps['client'];
type Refusal = { readonly code: number; readonly reason: string };
type Change = {
  readonly at: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
};

interface Watch {
  readonly tell: (event: { type: string; object: Record<string, unknown> }) => void;
  readonly end: (end: Awaited<ReturnType<Client['watch']>>) => void;
}

export class PlayedCluster implements Client {
  /** What was asked, in order: `list VERSION paged|whole`, `watch VERSION`. */
  readonly asked: string[] = [];
  listRefusal: Refusal | undefined;
  watchRefusal: Refusal | undefined;
  /** Lists that name a version are refused as expired. */
  refuseVersions = false;
  readonly #objects = new Map<string, KubeObject>();
  readonly #watches = new Set<Watch>();
  #history: Change[] = [];
  #oldest = 0;
  #version = 0;

  get openWatches(): number {
    return this.#watches.size;
  }

  versions(): ReadonlyMap<string, string | undefined> {
    return new Map([...this.#objects].map(([name, { metadata }]) => [name, metadata.resourceVersion]));
  }

  put(name: string): void {
    const type = this.#objects.has(name) ? 'MODIFIED' : 'ADDED';
    const uid = this.#objects.get(name)?.metadata.uid ?? `uid-${this.#version + 1}`;
    this.#change(type, name, uid);
  }

  delete(name: string): void {
    const uid = this.#objects.get(name)?.metadata.uid;
    if (uid !== undefined) this.#change('DELETED', name, uid);
  }

  /** Other kinds moved the version on. */
  elsewhere(version: number): void {
    this.#version = version;
  }

  bookmark(): void {
    const metadata = { resourceVersion: String(this.#version) };
    this.#tell({ type: 'BOOKMARK', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata } });
  }

  /** Forgets the past. */
  compact(): void {
    this.#history = [];
    this.#oldest = this.#version;
  }

  endWatches(): void {
    for (const watch of this.#watches) watch.end({ kind: 'ended' });
  }

  failWatches(refusal: Refusal): void {
    for (const watch of this.#watches) watch.end(failure(refusal));
  }

  list: Client['list'] = async (_type, options) => {
    const { resourceVersion = '', limit } = options ?? {};
    this.asked.push(`list ${resourceVersion} ${limit === undefined ? 'whole' : 'paged'}`);
    if (this.listRefusal !== undefined) return failure(this.listRefusal);
    if (this.refuseVersions && resourceVersion !== '' && resourceVersion !== '0') {
      return failure({ code: 410, reason: 'Expired' });
    }
    const items = [...this.#objects.values()];
    return { kind: 'ok', value: { items, resourceVersion: String(this.#version), continue: '' } };
  };

  watch: Client['watch'] = (_type, { resourceVersion, signal }, onEvent) => {
    this.asked.push(`watch ${resourceVersion}`);
    if (this.watchRefusal !== undefined) return Promise.resolve(failure(this.watchRefusal));
    if (Number(resourceVersion) < this.#oldest) {
      return Promise.resolve(failure({ code: 410, reason: 'Expired' }));
    }
    return new Promise((resolve) => {
      const watch: Watch = {
        tell: onEvent,
        end: (end) => {
          this.#watches.delete(watch);
          resolve(end);
        },
      };
      signal.addEventListener('abort', () =>
        watch.end({ kind: 'unreachable', cause: 'cancelled', reason: 'cancelled' }),
      );
      this.#watches.add(watch);
      for (const { at, type, object } of this.#history) {
        if (at > Number(resourceVersion)) onEvent({ type, object });
      }
    });
  };

  #change(type: Change['type'], name: string, uid: string): void {
    this.#version += 1;
    const metadata = { name, namespace: 'played', uid, resourceVersion: String(this.#version) };
    const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
    if (type === 'DELETED') this.#objects.delete(name);
    else this.#objects.set(name, object);
    this.#history.push({ at: this.#version, type, object });
    this.#tell({ type, object });
  }

  #tell(event: { type: string; object: Record<string, unknown> }): void {
    for (const { tell } of this.#watches) tell(event);
  }
}

function failure({ code, reason }: Refusal): ClusterFailure {
  return { kind: 'refused', code, reason, message: reason, causes: [], retryAfterMs: undefined };
}
