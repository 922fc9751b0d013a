/** The Kubernetes Event of a run's outcome, on the inventory ConfigMap: what `kubectl describe configmap` shows. */
import { toJson } from '@bufbuild/protobuf';
import { timestampFromMs, TimestampSchema } from '@bufbuild/protobuf/wkt';
import { harmlessText } from '../../protocol/index.ts';
import type { SyncResult } from '../gitops/sync.ts';
import { reportLimits } from './limits.ts';
import type { InventoryName } from './sync-reporter.ts';

const component = 'gitlab-agent';
const reasons = {
  synced: 'Synchronized',
  failed: 'SynchronizationFailed',
  held: 'DeletionsHeld',
} as const;

export interface EventText {
  readonly reason: string;
  readonly type: 'Normal' | 'Warning';
  readonly message: string;
}

export function eventText(
  project: string,
  commitId: string,
  result: Exclude<SyncResult, { readonly kind: 'cancelled' }>,
): EventText {
  const { applied, pruned, failed } = result.counts;
  const counts = `${applied} applied, ${pruned} pruned, ${failed} failed`;
  const why = result.kind === 'synced' ? counts : `${result.reason} (${counts})`;
  return {
    reason: reasons[result.kind],
    type: result.kind === 'synced' ? 'Normal' : 'Warning',
    message: harmlessText(`${project} at ${commitId}: ${why}`, reportLimits.errorBytesMax),
  };
}

/** A new Event; `count` says how often it has happened. */
export function inventoryEvent(inventory: InventoryName, text: EventText, count: number, nowMs: number) {
  const at = eventTime(nowMs);
  const name = `${inventory.name.slice(0, 200)}.${(BigInt(Math.floor(nowMs)) * 1_000_000n).toString(16)}`;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: inventory.namespace },
    involvedObject: { apiVersion: 'v1', kind: 'ConfigMap', ...inventory },
    ...text,
    source: { component },
    firstTimestamp: at,
    lastTimestamp: at,
    count,
  };
}

/** The same once more. */
export function repeatedEvent(count: number, nowMs: number) {
  return { count, lastTimestamp: eventTime(nowMs) };
}

/** Whole seconds, as these fields are. */
function eventTime(nowMs: number): string {
  return toJson(TimestampSchema, timestampFromMs(Math.floor(nowMs / 1_000) * 1_000));
}
