/** In which order objects without other needs are applied (`spec/agentk.md §5.10`): by kind rank, then by name. */
import type { ObjectId } from './object-id.ts';

const ranks: readonly (readonly [group: string, kind: string])[] = [
  ['', 'Namespace'],
  ['', 'ResourceQuota'],
  ['storage.k8s.io', 'StorageClass'],
  ['apiextensions.k8s.io', 'CustomResourceDefinition'],
  ['admissionregistration.k8s.io', 'MutatingWebhookConfiguration'],
  ['', 'ServiceAccount'],
  ['extensions', 'PodSecurityPolicy'],
  ['policy', 'PodSecurityPolicy'],
  ['rbac.authorization.k8s.io', 'Role'],
  ['rbac.authorization.k8s.io', 'ClusterRole'],
  ['rbac.authorization.k8s.io', 'RoleBinding'],
  ['rbac.authorization.k8s.io', 'ClusterRoleBinding'],
  ['', 'ConfigMap'],
  ['', 'Secret'],
  ['', 'Service'],
  ['', 'LimitRange'],
  ['scheduling.k8s.io', 'PriorityClass'],
  ['extensions', 'Deployment'],
  ['apps', 'Deployment'],
  ['apps', 'StatefulSet'],
  ['batch', 'CronJob'],
  ['policy', 'PodDisruptionBudget'],
];
const rankOfAllOthers = ranks.length;
const rankByType = new Map<string, number>([
  ...ranks.map(([group, kind], rank) => [`${group}/${kind}`, rank] as const),
  ['admissionregistration.k8s.io/ValidatingWebhookConfiguration', rankOfAllOthers + 1],
]);

/** Negative when `a` comes before `b`. */
export function compareObjects(a: ObjectId, b: ObjectId): number {
  return (
    rankOf(a) - rankOf(b) ||
    compareText(a.group, b.group) ||
    compareText(a.kind, b.kind) ||
    compareText(a.namespace, b.namespace) ||
    compareText(a.name, b.name)
  );
}

/** Objects of one rank that need nothing of each other may go side by side. */
export function rankOf({ group, kind }: ObjectId): number {
  return rankByType.get(`${group}/${kind}`) ?? rankOfAllOthers;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
