/** When objects of the built-in kinds are as they should be (`spec/agentk.md §5.12`, the table of kinds). */
import { fieldsOf, textAt, type JsonFields, type KubeObject } from '../kubernetes/index.ts';

export interface Verdict {
  readonly status: 'Current' | 'InProgress' | 'Failed';
  readonly message: string;
}
export interface KindRule {
  readonly groups: readonly string[];
  judge(object: KubeObject, now: number): Verdict;
}

const current: Verdict = { status: 'Current', message: 'current' };
const inProgress = (message: string): Verdict => ({ status: 'InProgress', message });
const failed = (message: string): Verdict => ({ status: 'Failed', message });
const unschedulableGraceMs = 15_000;
/** What the API server writes for "no deadline". */
const noDeadline = 2_147_483_647;

export const kindRules: ReadonlyMap<string, KindRule> = new Map<string, KindRule>([
  ['Deployment', { groups: ['apps', 'extensions'], judge: deployment }],
  ['StatefulSet', { groups: ['apps'], judge: statefulSet }],
  ['DaemonSet', { groups: ['apps', 'extensions'], judge: daemonSet }],
  ['ReplicaSet', { groups: ['apps', 'extensions'], judge: replicaSet }],
  ['Pod', { groups: [''], judge: pod }],
  ['Job', { groups: ['batch'], judge: job }],
  ['PersistentVolumeClaim', { groups: [''], judge: volumeClaim }],
  ['Service', { groups: [''], judge: service }],
  ['CustomResourceDefinition', { groups: ['apiextensions.k8s.io'], judge: definition }],
  ['PodDisruptionBudget', { groups: ['policy'], judge: () => current }],
  ['ConfigMap', { groups: [''], judge: () => current }],
  ['Secret', { groups: [''], judge: () => current }],
  ['CronJob', { groups: ['batch'], judge: () => current }],
]);

const wholeAt = (fields: JsonFields, key: string): number | undefined => {
  const value = fields[key];
  return typeof value === 'number' && Number.isInteger(value) ? value : undefined;
};
const countAt = (fields: JsonFields, key: string) => wholeAt(fields, key) ?? 0;

function condition(status: JsonFields, type: string) {
  const { conditions } = status;
  const found: unknown = Array.isArray(conditions)
    ? conditions.find((each) => textAt(each, 'type') === type)
    : undefined;
  return {
    status: textAt(found, 'status'),
    reason: textAt(found, 'reason'),
    message: textAt(found, 'message'),
  };
}

function deployment(object: KubeObject): Verdict {
  const spec = fieldsOf(object['spec']);
  const status = fieldsOf(object['status']);
  const progress = condition(status, 'Progressing');
  if (progress.reason === 'ProgressDeadlineExceeded') return failed('progress deadline exceeded');
  const deadline = wholeAt(spec, 'progressDeadlineSeconds');
  const progressing =
    deadline === undefined ||
    deadline === noDeadline ||
    (progress.status === 'True' && progress.reason === 'NewReplicaSetAvailable');
  const wanted = wholeAt(spec, 'replicas') ?? 1;
  const replicas = countAt(status, 'replicas');
  const updated = countAt(status, 'updatedReplicas');
  const ready = countAt(status, 'readyReplicas');
  const available = countAt(status, 'availableReplicas');
  if (wanted > replicas) return inProgress(`replicas: ${replicas}/${wanted}`);
  if (wanted > updated) return inProgress(`updated: ${updated}/${wanted}`);
  if (replicas > wanted) return inProgress(`pending termination: ${replicas - wanted}`);
  if (updated > available) return inProgress(`available: ${available}/${updated}`);
  if (wanted > ready) return inProgress(`ready: ${ready}/${wanted}`);
  if (!progressing) return inProgress('the new ReplicaSet is not available');
  if (condition(status, 'Available').status !== 'True') return inProgress('not available');
  return current;
}

function statefulSet(object: KubeObject): Verdict {
  const spec = fieldsOf(object['spec']);
  const status = fieldsOf(object['status']);
  const strategy = fieldsOf(spec['updateStrategy']);
  if (strategy['type'] === 'OnDelete') return current;
  const wanted = wholeAt(spec, 'replicas') ?? 1;
  const replicas = countAt(status, 'replicas');
  const ready = countAt(status, 'readyReplicas');
  if (wanted > replicas) return inProgress(`replicas: ${replicas}/${wanted}`);
  if (wanted > ready) return inProgress(`ready: ${ready}/${wanted}`);
  if (replicas > wanted) return inProgress(`pending termination: ${replicas - wanted}`);
  const partition = wholeAt(fieldsOf(strategy['rollingUpdate']), 'partition');
  const updated = countAt(status, 'updatedReplicas');
  if (partition !== undefined) {
    return updated < wanted - partition
      ? inProgress(`partition: ${updated}/${wanted - partition} updated`)
      : current;
  }
  const running = countAt(status, 'currentReplicas');
  if (wanted > running) return inProgress(`current: ${running}/${wanted}`);
  return textAt(status, 'currentRevision') === textAt(status, 'updateRevision')
    ? current
    : inProgress('waiting for the update revision');
}

function daemonSet(object: KubeObject): Verdict {
  const status = fieldsOf(object['status']);
  const seen = wholeAt(status, 'observedGeneration') !== undefined;
  if (object.metadata.generation === undefined || !seen) return inProgress('not observed yet');
  const wanted = wholeAt(status, 'desiredNumberScheduled');
  if (wanted === undefined) return inProgress('desired number unknown');
  for (const key of ['currentNumberScheduled', 'updatedNumberScheduled', 'numberAvailable', 'numberReady']) {
    if (wanted > countAt(status, key)) return inProgress(`${key}: ${countAt(status, key)}/${wanted}`);
  }
  return current;
}

function replicaSet(object: KubeObject): Verdict {
  const status = fieldsOf(object['status']);
  const failure = condition(status, 'ReplicaFailure');
  if (failure.status === 'True') return inProgress(failure.message || 'replica failure');
  const wanted = wholeAt(fieldsOf(object['spec']), 'replicas') ?? 1;
  for (const key of ['fullyLabeledReplicas', 'availableReplicas', 'readyReplicas']) {
    if (wanted > countAt(status, key)) return inProgress(`${key}: ${countAt(status, key)}/${wanted}`);
  }
  const replicas = countAt(status, 'replicas');
  return replicas > wanted ? inProgress(`pending termination: ${replicas - wanted}`) : current;
}

function pod(object: KubeObject, now: number): Verdict {
  const status = fieldsOf(object['status']);
  const phase = textAt(status, 'phase');
  if (phase === 'Succeeded' || phase === 'Failed') return current;
  if (phase === 'Running') {
    if (condition(status, 'Ready').status === 'True') return current;
    const containers = status['containerStatuses'];
    const crashing = (Array.isArray(containers) ? containers : []).filter(
      (each) => textAt(each, 'state', 'waiting', 'reason') === 'CrashLoopBackOff',
    );
    if (crashing.length === 0) return inProgress('not ready');
    return failed(`containers crash: ${crashing.map((each) => textAt(each, 'name')).join(', ')}`);
  }
  const scheduled = condition(status, 'PodScheduled');
  if (phase === 'Pending' && scheduled.status === 'False' && scheduled.reason === 'Unschedulable') {
    // Reading what the cluster wrote, not the clock.
    // oxlint-disable-next-line no-restricted-globals
    const age = now - Date.parse(textAt(object, 'metadata', 'creationTimestamp'));
    if (!(age < unschedulableGraceMs)) return failed('cannot be scheduled');
  }
  return inProgress(phase === '' ? 'no phase yet' : `phase ${phase.slice(0, 40)}`);
}

function job(object: KubeObject): Verdict {
  const status = fieldsOf(object['status']);
  if (condition(status, 'Complete').status === 'True') return current;
  const failure = condition(status, 'Failed');
  if (failure.status === 'True') return failed(failure.message || 'the job failed');
  return textAt(status, 'startTime') === '' ? inProgress('not started') : current;
}

function volumeClaim(object: KubeObject): Verdict {
  const phase = textAt(object, 'status', 'phase');
  return phase === 'Bound' ? current : inProgress(phase === '' ? 'not bound' : `phase ${phase.slice(0, 40)}`);
}

function service(object: KubeObject): Verdict {
  const spec = fieldsOf(object['spec']);
  const waits = spec['type'] === 'LoadBalancer' && textAt(spec, 'clusterIP') === '';
  return waits ? inProgress('no cluster IP yet') : current;
}

function definition(object: KubeObject): Verdict {
  const status = fieldsOf(object['status']);
  const names = condition(status, 'NamesAccepted');
  if (names.status === 'False') return failed(names.message || 'names are not accepted');
  const established = condition(status, 'Established');
  if (established.status === 'False' && established.reason !== 'Installing') {
    return failed(established.message || 'not established');
  }
  return established.status === 'True' ? current : inProgress('being installed');
}
