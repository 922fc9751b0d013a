/** Stateful sets, daemon sets and jobs. */
import { numberAt, objectAt, textAt } from './json.ts';
import type { KubeObject } from './objects.ts';
import {
  condition,
  createPod,
  deletePod,
  hashOf,
  isActive,
  isReady,
  owned,
  writeStatus,
  type ControllerDeps,
} from './workload-parts.ts';

const revisionLabel = 'controller-revision-hash';

const revisionOf = (object: KubeObject): string =>
  `${object.metadata.name}-${hashOf(objectAt(object, 'spec', 'template'))}`.slice(-63);

const isOutdated = (pod: KubeObject, revision: string): boolean =>
  pod.metadata.labels?.[revisionLabel] !== revision;

/** Creates pods in order, each when those before it are ready; replaces outdated ones from the last to the first. */
export function reconcileStatefulSet(deps: ControllerDeps, set: KubeObject): void {
  const kind = deps.kinds.builtin('apps/v1', 'statefulsets');
  const desired = numberAt(set, 'spec', 'replicas') ?? 1;
  const parallel = textAt(set, 'spec', 'podManagementPolicy') === 'Parallel';
  const revision = revisionOf(set);
  const named = new Map(owned(deps, set, '/pods').map((pod) => [pod.metadata.name, pod]));
  const nameOf = (index: number) => `${set.metadata.name}-${index}`;
  for (let index = 0; index < desired; index += 1) {
    const pod = named.get(nameOf(index));
    if (pod === undefined) {
      const name = nameOf(index);
      const labels = { [revisionLabel]: revision, 'statefulset.kubernetes.io/pod-name': name };
      createPod(deps, set, { name }, labels);
    }
    if ((pod === undefined || !isReady(pod)) && !parallel) break;
  }
  const wanted = new Set(Array.from({ length: desired }, (_, index) => nameOf(index)));
  const pods = [...named.values()].filter(isActive);
  const surplus = pods.filter((pod) => !wanted.has(pod.metadata.name));
  for (const pod of surplus) deletePod(deps, pod);
  const kept = pods.filter((pod) => wanted.has(pod.metadata.name));
  const last = kept.filter((pod) => isOutdated(pod, revision)).at(-1);
  if (last !== undefined && kept.length === desired && kept.every(isReady)) deletePod(deps, last);
  const ready = pods.filter(isReady).length;
  const updated = pods.filter((pod) => !isOutdated(pod, revision)).length;
  writeStatus(deps, kind, set, {
    replicas: pods.length,
    readyReplicas: ready,
    availableReplicas: ready,
    currentReplicas: updated,
    updatedReplicas: updated,
    currentRevision: updated === desired ? revision : textAt(set, 'status', 'currentRevision') || revision,
    updateRevision: revision,
    collisionCount: 0,
  });
}

/** One pod per node. */
export function reconcileDaemonSet(deps: ControllerDeps, set: KubeObject): void {
  const kind = deps.kinds.builtin('apps/v1', 'daemonsets');
  const revision = revisionOf(set);
  const desired = deps.store.list('/nodes').length;
  const pods = owned(deps, set, '/pods').filter(isActive);
  for (const pod of pods) if (isOutdated(pod, revision)) deletePod(deps, pod);
  const current = pods.filter((pod) => !isOutdated(pod, revision));
  for (let missing = desired - current.length; missing > 0; missing -= 1) {
    if (!createPod(deps, set, { generateName: `${set.metadata.name}-` }, { [revisionLabel]: revision }))
      break;
  }
  for (const pod of current.slice(desired)) deletePod(deps, pod);
  const ready = current.filter(isReady).length;
  writeStatus(deps, kind, set, {
    desiredNumberScheduled: desired,
    currentNumberScheduled: current.length,
    updatedNumberScheduled: current.length,
    numberReady: ready,
    numberAvailable: ready,
  });
}

/** Pods until enough of them succeeded. */
export function reconcileJob(deps: ControllerDeps, job: KubeObject): void {
  const kind = deps.kinds.builtin('batch/v1', 'jobs');
  if (objectAt(job, 'status')['completionTime'] !== undefined) return;
  const pods = owned(deps, job, '/pods');
  const completions = numberAt(job, 'spec', 'completions') ?? 1;
  const succeeded = pods.filter((pod) => textAt(pod, 'status', 'phase') === 'Succeeded').length;
  const active = pods.filter(isActive).length;
  const wanted = Math.min(numberAt(job, 'spec', 'parallelism') ?? 1, completions - succeeded);
  const suspended = objectAt(job, 'spec')['suspend'] === true;
  let started = active;
  const goal = suspended ? 0 : wanted;
  while (started < goal && createPod(deps, job, { generateName: `${job.metadata.name}-` }, {})) {
    started += 1;
  }
  const done = succeeded >= completions;
  writeStatus(deps, kind, job, {
    active: started,
    succeeded,
    ready: pods.filter(isReady).length,
    startTime: textAt(job, 'status', 'startTime') || deps.now(),
    ...(done
      ? {
          completionTime: deps.now(),
          conditions: [condition(deps, job, 'Complete', true, 'CompletionsReached')],
        }
      : {}),
  });
}
