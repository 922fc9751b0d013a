/** A cluster under test, asked without kas: what GitOps made of it, and what a person does to it by hand. */
import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';
import type { Cluster } from '../fakes/kube-apiserver.ts';

type Metadata = {
  readonly name: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly annotations?: Readonly<Record<string, string>>;
};
export interface ConfigMapSeen {
  readonly metadata: Metadata;
  readonly data?: Readonly<Record<string, string>>;
}

/** A change of an object, as a watch told it. */
export interface ChangeSeen {
  readonly type: string;
  /** `ConfigMap/name` */
  readonly object: string;
  /** Somebody asked for its deletion. */
  readonly dying: boolean;
  /** Counts the changes of the whole cluster. */
  readonly revision: number;
}

export class ClusterView {
  readonly #cluster: Cluster;
  readonly #dispatcher: Agent;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#dispatcher = new Agent({ connect: { ca: cluster.caPem } });
  }

  async ask(method: 'GET' | 'POST' | 'DELETE' | 'PATCH', path: string, body?: object) {
    const { statusCode, body: answer } = await request(`${this.#cluster.url}${path}`, {
      dispatcher: this.#dispatcher,
      method,
      headers: {
        authorization: `Bearer ${this.#cluster.adminToken}`,
        'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    // Of a kind that has gone it says so in plain text.
    const object = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: statusCode, object };
  }

  /** `data.value` of a ConfigMap; undefined when it is not there. */
  async valueOf(name: string, namespace = 'demo'): Promise<string | undefined> {
    const { status, object } = await this.ask('GET', `/api/v1/namespaces/${namespace}/configmaps/${name}`);
    return status === 200 ? (object as unknown as ConfigMapSeen).data?.['value'] : undefined;
  }

  /** All ConfigMaps of a namespace, or those a selector chooses. */
  async configMaps(namespace = 'demo', labelSelector = ''): Promise<readonly ConfigMapSeen[]> {
    const query = labelSelector === '' ? '' : `?labelSelector=${encodeURIComponent(labelSelector)}`;
    const { object } = await this.ask('GET', `/api/v1/namespaces/${namespace}/configmaps${query}`);
    return object['items'] as readonly ConfigMapSeen[];
  }

  /** What the inventory of the demo project names, and what of the namespace carries its mark: the same, when all is well. */
  async owned(): Promise<{ readonly named: readonly string[]; readonly marked: readonly string[] }> {
    const all = await this.configMaps();
    const inventory = all.find(({ metadata }) => metadata.name === 'inventory-1-2');
    const marked = all.filter(
      ({ metadata }) => metadata.annotations?.['config.k8s.io/owning-inventory'] === '1-2',
    );
    return {
      named: Object.keys(inventory?.data ?? {}).toSorted(),
      marked: marked.map(({ metadata }) => `demo_${metadata.name}__ConfigMap`).toSorted(),
    };
  }

  /** Resolves as soon as so many ConfigMaps of the namespace are seen that a selector chooses. */
  async seen(count: number, labelSelector: string): Promise<void> {
    const query = `watch=true&labelSelector=${encodeURIComponent(labelSelector)}`;
    const { body } = await request(`${this.#cluster.url}/api/v1/namespaces/demo/configmaps?${query}`, {
      dispatcher: this.#dispatcher,
      headers: { authorization: `Bearer ${this.#cluster.adminToken}` },
      bodyTimeout: 600_000,
    });
    const newline = 10;
    let left = count;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      for (const byte of chunk) if (byte === newline) left -= 1;
      if (left <= 0) return;
    }
    throw new Error(`the watch for ${labelSelector} ended, ${left} objects before its aim`);
  }

  /** What happens to the objects of a path from now on; the list grows until the view is closed or the path has gone. */
  async follow(path: string): Promise<readonly ChangeSeen[]> {
    const { body } = await request(`${this.#cluster.url}${path}?watch=true`, {
      dispatcher: this.#dispatcher,
      headers: { authorization: `Bearer ${this.#cluster.adminToken}` },
      bodyTimeout: 600_000,
    });
    const changes: ChangeSeen[] = [];
    const read = async () => {
      for await (const line of createInterface({ input: body })) changes.push(changeOf(line));
    };
    void read().catch(() => {}); // it was closed
    return changes;
  }

  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }
}

function changeOf(line: string): ChangeSeen {
  const { type, object } = JSON.parse(line) as {
    type: string;
    object: { kind: string; metadata: Metadata & { readonly deletionTimestamp?: string } };
  };
  const { kind, metadata } = object;
  return {
    type,
    object: `${kind}/${metadata.name}`,
    dying: metadata.deletionTimestamp !== undefined,
    revision: Number(metadata.resourceVersion),
  };
}
