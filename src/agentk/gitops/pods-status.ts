/**
 * What its pods say of a ReplicaSet or StatefulSet that is not as it should be yet (`spec/agentk.md §5.12`): when one of them crashes
 * again and again or finds no node, waiting longer is of no use.
 *
 * D1. Pods can only turn "in progress" into "failed". When they cannot be looked at, nothing is known of the workload either.
 * D2. One question per workload at a time; `ObjectWatches` shows it again after a while, so that what was missed is seen then.
 */
import {
  failureText,
  fieldsOf,
  textAt,
  type ClusterClient,
  type KubeObject,
  type ResourceType,
} from '../kubernetes/index.ts';
import { statusOf, type ObjectStatus } from './kstatus.ts';
import { gitopsLimits } from './limits.ts';
import { groupOf } from './object-id.ts';

const podType: ResourceType = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
const groups: Readonly<Record<string, readonly string[]>> = {
  ReplicaSet: ['apps', 'extensions'],
  StatefulSet: ['apps'],
};

export class PodsStatus {
  readonly #client: Pick<ClusterClient, 'list'>;
  readonly #signal: AbortSignal;
  readonly #asking = new Set<string>();
  /** What was seen last, by key: an answer about what was seen before it is none. */
  readonly #seen = new Map<string, KubeObject | undefined>();

  /** Nothing is asked, nor answered, after the signal. */
  constructor(client: Pick<ClusterClient, 'list'>, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** Whether pods decide on this object: then `judged` is called later with its status and true is answered. */
  judge(
    key: string,
    live: KubeObject | undefined,
    now: () => number,
    judged: (status: ObjectStatus) => void,
  ): boolean {
    this.#seen.set(key, live);
    if (live === undefined || groups[live.kind]?.includes(groupOf(live.apiVersion)) !== true) return false;
    const own = statusOf(live, now());
    const labelSelector = selectorText(fieldsOf(live['spec'])['selector']);
    if (own.status !== 'InProgress' || labelSelector === '') return false;
    if (this.#asking.has(key)) return true; // D2
    this.#asking.add(key);
    void this.#ask(live, labelSelector, now)
      .then((status) => {
        if (!this.#signal.aborted && this.#seen.get(key) === live) judged(status ?? own);
      })
      .finally(() => this.#asking.delete(key));
    return true;
  }

  async #ask(live: KubeObject, labelSelector: string, now: () => number): Promise<ObjectStatus | undefined> {
    const { namespace } = live.metadata;
    const limit = gitopsLimits.podsLookedAtMax;
    const options = { ...(namespace && { namespace }), labelSelector, limit, signal: this.#signal };
    const pods = await this.#client.list(podType, options);
    if (pods.kind !== 'ok') {
      return { status: 'Unknown', message: `its pods cannot be listed: ${failureText(pods)}` }; // D1
    }
    for (const pod of pods.value.items) {
      const { status, message } = statusOf(pod, now());
      if (status === 'Failed') return { status, message: `pod ${pod.metadata.name}: ${message}` };
    }
    return undefined;
  }
}

/** A label selector as a query has it; empty when there is none, or none that can be understood. */
export function selectorText(selector: unknown): string {
  const { matchLabels, matchExpressions } = fieldsOf(selector);
  const parts = Object.entries(fieldsOf(matchLabels)).map(([label, value]) => `${label}=${String(value)}`);
  for (const each of Array.isArray(matchExpressions) ? matchExpressions : []) {
    const [label, operator] = [textAt(each, 'key'), textAt(each, 'operator')];
    const { values } = fieldsOf(each);
    const listed = (Array.isArray(values) ? values : []).join(',');
    if (operator === 'In') parts.push(`${label} in (${listed})`);
    else if (operator === 'NotIn') parts.push(`${label} notin (${listed})`);
    else if (operator === 'Exists') parts.push(label);
    else if (operator === 'DoesNotExist') parts.push(`!${label}`);
    else return '';
  }
  return parts.join(',');
}
