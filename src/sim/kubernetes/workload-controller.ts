/**
 * The controller manager: sees changes, and a little later lets each touched workload's controller act.
 *
 * C1. An object waits at most once for its controller, however often it changes.
 */
import type { Clock } from '../../ports/index.ts';
import { reconcileDeployment, reconcileReplicaSet } from './deployments.ts';
import type { KindRegistry } from './kinds.ts';
import { paces } from './limits.ts';
import { controllerOf, type KubeObject } from './objects.ts';
import { reconcileDaemonSet, reconcileJob, reconcileStatefulSet } from './other-workloads.ts';
import type { EventRecorder } from './recorder.ts';
import { kubeTime, type Resources } from './resources.ts';
import type { Change, Store } from './store.ts';
import type { ControllerDeps } from './workload-parts.ts';

export interface WorkloadControllerDeps {
  readonly store: Store;
  readonly kinds: KindRegistry;
  readonly resources: Resources;
  readonly clock: Clock;
  readonly recorder: EventRecorder;
}

/** Every new namespace gets its default service account. */
function reconcileNamespace(deps: ControllerDeps, namespace: KubeObject): void {
  const kind = deps.kinds.builtin('v1', 'serviceaccounts');
  const { name } = namespace.metadata;
  if (deps.store.get(kind.id, name, 'default') !== undefined) return;
  const account: KubeObject = {
    apiVersion: 'v1',
    kind: kind.kind,
    metadata: { name: 'default', uid: '', resourceVersion: '', creationTimestamp: '' },
  };
  const options = { dryRun: false, fieldManager: 'kube-controller-manager', subresource: '' };
  deps.resources.create(kind, name, account, options);
}

const controllers: Readonly<Record<string, (deps: ControllerDeps, object: KubeObject) => void>> = {
  '/namespaces': reconcileNamespace,
  'apps/deployments': reconcileDeployment,
  'apps/replicasets': reconcileReplicaSet,
  'apps/statefulsets': reconcileStatefulSet,
  'apps/daemonsets': reconcileDaemonSet,
  'batch/jobs': reconcileJob,
};

const collections: Readonly<Record<string, string>> = {
  Deployment: 'apps/deployments',
  ReplicaSet: 'apps/replicasets',
  StatefulSet: 'apps/statefulsets',
  DaemonSet: 'apps/daemonsets',
  Job: 'batch/jobs',
};

interface Waiting {
  readonly collection: string;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Starts the controllers; answers how to stop them. */
export function startWorkloadController(deps: WorkloadControllerDeps): () => void {
  const { store, clock } = deps;
  const tools: ControllerDeps = { ...deps, now: () => kubeTime(clock.now()) };
  const waiting = new Map<string, Waiting>();
  let timer: unknown;

  const run = (): void => {
    timer = undefined;
    const due = [...waiting.values()];
    waiting.clear();
    for (const { collection, namespace, name } of due) {
      const object = store.get(collection, namespace, name);
      if (object?.metadata.deletionTimestamp === undefined && object !== undefined) {
        controllers[collection]?.(tools, object);
      }
    }
  };

  const enqueue = (collection: string, namespace: string | undefined, name: string): void => {
    waiting.set(`${collection} ${namespace ?? ''}/${name}`, { collection, namespace, name }); // C1
    timer ??= clock.setTimeout(run, paces.reconcileMs);
  };

  const notice = (change: Change): void => {
    const { collection, object } = change;
    const { namespace, name } = object.metadata;
    if (controllers[collection] !== undefined && change.type !== 'DELETED')
      enqueue(collection, namespace, name);
    const owner =
      collection === '/pods' || collection === 'apps/replicasets' ? controllerOf(object) : undefined;
    const ownerCollection = owner === undefined ? undefined : collections[owner.kind];
    if (owner !== undefined && ownerCollection !== undefined) enqueue(ownerCollection, namespace, owner.name);
    if (collection === '/nodes' && change.type !== 'MODIFIED') {
      for (const set of store.list('apps/daemonsets')) {
        enqueue('apps/daemonsets', set.metadata.namespace, set.metadata.name);
      }
    }
  };

  const unsubscribe = store.subscribe(notice);
  return () => {
    unsubscribe();
    if (timer !== undefined) clock.clearTimeout(timer);
  };
}
