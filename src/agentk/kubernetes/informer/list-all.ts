/**
 * A whole list, in pages where the server pages (`spec/agentk.md §9.1` rows 1 to 5). Used by informers, and by whoever
 * needs all objects of a kind once.
 *
 * A1. Pages of one list show one state; when that has expired midway, one unpaged list takes their place.
 * A2. Memory is bounded: a list with more than `objectsMax` objects is given up at the page that crosses it.
 */
import type { ClusterClient, ListOptions, Selection } from '../cluster-client.ts';
import { isExpired, type ClusterOutcome } from '../cluster-outcome.ts';
import type { KubeObject } from '../kube-object.ts';
import { clusterLimits } from '../limits.ts';
import type { ResourceType } from '../resource-type.ts';

export interface ListAllOptions extends Selection {
  /** As in a list; empty for the newest state. */
  readonly resourceVersion: string;
  /** False asks for everything in one answer, which the server gives from its own cache. */
  readonly paged: boolean;
  readonly objectsMax: number;
  readonly signal: AbortSignal;
}

export interface WholeList {
  readonly objects: readonly KubeObject[];
  readonly resourceVersion: string;
  /** The server paged, although it could have answered from its cache: it has none. */
  readonly inPages: boolean;
}

export async function listAll(
  client: Pick<ClusterClient, 'list'>,
  type: ResourceType,
  options: ListAllOptions,
): Promise<ClusterOutcome<WholeList>> {
  const { resourceVersion, paged, objectsMax, signal, ...selection } = options;
  const objects: KubeObject[] = [];
  const limit = paged ? { limit: clusterLimits.listPageSize } : {};
  let next: ListOptions = { ...selection, ...limit, resourceVersion, signal };
  for (let pages = 1; ; pages += 1) {
    const page = await client.list(type, next);
    if (page.kind !== 'ok') {
      if (pages > 1 && isExpired(page)) return listAll(client, type, { ...options, paged: false }); // A1
      return page;
    }
    objects.push(...page.value.items);
    if (objects.length > objectsMax) return tooMany(type, objectsMax); // A2
    if (page.value.continue === '') {
      return {
        kind: 'ok',
        value: { objects, resourceVersion: page.value.resourceVersion, inPages: pages > 1 },
      };
    }
    next = { ...selection, ...limit, continue: page.value.continue, signal };
  }
}

function tooMany(type: ResourceType, objectsMax: number): ClusterOutcome<never> {
  const reason = `there are more than ${objectsMax} ${type.plural}, which is more than agentk keeps`;
  return { kind: 'unreachable', cause: 'broken', reason };
}
