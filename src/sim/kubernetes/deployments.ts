/** Deployments and replica sets: a deployment keeps one replica set per template, a replica set keeps its pods. */
import { numberAt, objectAt, stringsAt, type JsonObject } from './json.ts';
import { apiVersionOf } from './kinds.ts';
import type { KubeObject } from './objects.ts';
import { Refusal } from './refusal.ts';
import {
  condition,
  createPod,
  deletePod,
  hashOf,
  isActive,
  isReady,
  owned,
  ownerReference,
  write,
  writeStatus,
  type ControllerDeps,
} from './workload-parts.ts';

const hashLabel = 'pod-template-hash';
const revisionAnnotation = 'deployment.kubernetes.io/revision';

/** The deployment's template as its replica set has it: with the hash among the labels. */
function hashedTemplate(deployment: KubeObject, hash: string): JsonObject {
  const template = objectAt(deployment, 'spec', 'template');
  const metadata = objectAt(template, 'metadata');
  return {
    ...template,
    metadata: { ...metadata, labels: { ...objectAt(metadata, 'labels'), [hashLabel]: hash } },
  };
}

function createReplicaSet(
  deps: ControllerDeps,
  deployment: KubeObject,
  hash: string,
  revision: number,
): KubeObject | undefined {
  const kind = deps.kinds.builtin('apps/v1', 'replicasets');
  const labels = { ...stringsAt(deployment, 'spec', 'template', 'metadata', 'labels'), [hashLabel]: hash };
  const selector = objectAt(deployment, 'spec', 'selector');
  const name = `${deployment.metadata.name}-${hash}`;
  const replicas = numberAt(deployment, 'spec', 'replicas') ?? 1;
  const body: KubeObject = {
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: {
      name,
      labels,
      annotations: { [revisionAnnotation]: String(revision) },
      ownerReferences: [ownerReference(deployment)],
      uid: '',
      resourceVersion: '',
      creationTimestamp: '',
    },
    spec: {
      replicas,
      selector: { ...selector, matchLabels: { ...objectAt(selector, 'matchLabels'), [hashLabel]: hash } },
      template: hashedTemplate(deployment, hash),
    },
  };
  const options = { dryRun: false, fieldManager: 'kube-controller-manager', subresource: '' };
  const created = deps.resources.create(kind, deployment.metadata.namespace, body, options);
  if (created instanceof Refusal) return undefined;
  const message = `Scaled up replica set ${name} to ${replicas}`;
  deps.recorder.record(deployment, 'deployment-controller', 'ScalingReplicaSet', message);
  return created;
}

function scaleSet(deps: ControllerDeps, set: KubeObject, replicas: number): KubeObject {
  if (numberAt(set, 'spec', 'replicas') === replicas) return set;
  const kind = deps.kinds.builtin('apps/v1', 'replicasets');
  return write(deps, kind, set, { ...set, spec: { ...objectAt(set, 'spec'), replicas } });
}

const revisionOf = (set: KubeObject): number =>
  Number(set.metadata.annotations?.[revisionAnnotation] ?? 0) || 0;

/** Drops replica sets of templates long gone. */
function forgetOldSets(deps: ControllerDeps, deployment: KubeObject, old: readonly KubeObject[]): void {
  const kind = deps.kinds.builtin('apps/v1', 'replicasets');
  const keep = numberAt(deployment, 'spec', 'revisionHistoryLimit') ?? 10;
  const empty = old.filter((set) => (numberAt(set, 'status', 'replicas') ?? 0) === 0);
  const byAge = [...empty].sort((a, b) => revisionOf(a) - revisionOf(b));
  for (const set of byAge.slice(0, Math.max(0, byAge.length - keep))) {
    deps.resources.delete(kind, set.metadata.namespace, set.metadata.name, {
      dryRun: false,
      gracePeriodSeconds: undefined,
      propagationPolicy: 'Background',
      uid: set.metadata.uid,
      resourceVersion: '',
    });
  }
}

export function reconcileDeployment(deps: ControllerDeps, told: KubeObject): void {
  const kind = deps.kinds.builtin('apps/v1', 'deployments');
  const hash = hashOf(objectAt(told, 'spec', 'template'));
  const sets = owned(deps, told, 'apps/replicasets');
  const existing = sets.find((set) => set.metadata.labels?.[hashLabel] === hash);
  const newest = Math.max(0, ...sets.map(revisionOf));
  const found = existing ?? createReplicaSet(deps, told, hash, newest + 1);
  if (found === undefined) return;
  const desired = numberAt(told, 'spec', 'replicas') ?? 1;
  const current = scaleSet(deps, found, desired);
  const revision = String(Math.max(revisionOf(current), newest));
  const annotations = { ...told.metadata.annotations, [revisionAnnotation]: revision };
  const deployment = write(deps, kind, told, { ...told, metadata: { ...told.metadata, annotations } });
  const old = sets.filter((set) => set.metadata.uid !== current.metadata.uid);
  const ready = numberAt(current, 'status', 'readyReplicas') ?? 0;
  // The old pods stay until the new ones are ready.
  if (ready >= desired) for (const set of old) scaleSet(deps, set, 0);
  forgetOldSets(deps, deployment, old);
  const sum = (field: string) =>
    [current, ...old].reduce((total, set) => total + (numberAt(set, 'status', field) ?? 0), 0);
  const available = sum('availableReplicas');
  writeStatus(deps, kind, deployment, {
    replicas: sum('replicas'),
    updatedReplicas: numberAt(current, 'status', 'replicas') ?? 0,
    readyReplicas: sum('readyReplicas'),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, desired - available),
    conditions: [
      condition(
        deps,
        deployment,
        'Available',
        available >= desired,
        available >= desired ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      ),
      condition(
        deps,
        deployment,
        'Progressing',
        true,
        ready >= desired ? 'NewReplicaSetAvailable' : 'ReplicaSetUpdated',
      ),
    ],
  });
}

export function reconcileReplicaSet(deps: ControllerDeps, set: KubeObject): void {
  const kind = deps.kinds.builtin('apps/v1', 'replicasets');
  const pods = owned(deps, set, '/pods').filter(isActive);
  const desired = numberAt(set, 'spec', 'replicas') ?? 1;
  for (let missing = desired - pods.length; missing > 0; missing -= 1) {
    if (!createPod(deps, set, { generateName: `${set.metadata.name}-` }, {})) break;
  }
  // Those not ready go first, then the youngest.
  const byWorth = [...pods].sort(
    (a, b) =>
      Number(isReady(b)) - Number(isReady(a)) ||
      a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp),
  );
  for (const pod of byWorth.slice(desired)) deletePod(deps, pod);
  const left = owned(deps, set, '/pods').filter(isActive);
  const ready = left.filter(isReady).length;
  writeStatus(deps, kind, set, {
    replicas: left.length,
    fullyLabeledReplicas: left.length,
    readyReplicas: ready,
    availableReplicas: ready,
  });
}
