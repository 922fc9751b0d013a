/** The Kubernetes Event that tells people who leads, on the Lease, as the original's library writes it. */
import { eventType, leaseType, type ClusterClient } from '../kubernetes/index.ts';
import { microTime } from './lease-lock.ts';

const component = 'gitlab-agent';

/** What `create` takes. */
export function leadershipEvent(
  lease: { readonly namespace: string; readonly name: string },
  identity: string,
  leads: boolean,
  nowMs: number,
): Parameters<ClusterClient['create']> {
  const at = `${microTime(nowMs).slice(0, 19)}Z`;
  const event = {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      // Unique by its time, as the library does it.
      name: `${lease.name}.${(BigInt(Math.floor(nowMs)) * 1_000_000n).toString(16)}${leads ? '' : '0'}`,
      namespace: lease.namespace,
    },
    involvedObject: { apiVersion: `${leaseType.group}/${leaseType.version}`, kind: leaseType.kind, ...lease },
    reason: 'LeaderElection',
    message: `${identity} ${leads ? 'became leader' : 'stopped leading'}`,
    type: 'Normal',
    source: { component },
    firstTimestamp: at,
    lastTimestamp: at,
    count: 1,
  };
  return [eventType, lease.namespace, event];
}
