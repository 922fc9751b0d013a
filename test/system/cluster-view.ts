/** A cluster under test, asked without kas: what GitOps made of it, and what a person does to it by hand. */
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
    return { status: statusCode, object: (await answer.json()) as Record<string, unknown> };
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

  /** API servers up to 1.23 that were built with Go 1.18 or later crash when a custom object is written. */
  async diesOfCustomObjects(): Promise<boolean> {
    const { minor, goVersion } = (await this.ask('GET', '/version')).object;
    const go = Number(/^go1\.(\d+)/.exec(String(goVersion))?.[1] ?? 0);
    return Number.parseInt(String(minor), 10) < 24 && go >= 18;
  }

  close(): Promise<void> {
    return this.#dispatcher.destroy();
  }
}
