/** The cluster's API server: how to reach it, as whom, the pool of connections to it, and agentk's own client of it. */
export type { KubernetesFlags } from './access.ts';
export { openApiServer, type ApiServer, type KubernetesVersion } from './api-server.ts';
export { loadKubernetesAccess } from './kubernetes-access.ts';
export { CallEnd } from './call-end.ts';
export { CallGate } from './call-gate.ts';
export { ClusterClient } from './cluster-client.ts';
export { failureText, isAbsent, type ClusterFailure, type ClusterOutcome } from './cluster-outcome.ts';
export { Discovery } from './discovery.ts';
export {
  fieldsOf,
  kubeObjectOf,
  objectKey,
  textAt,
  type JsonFields,
  type KubeObject,
  type OwnerReference,
} from './kube-object.ts';
export { clusterLimits } from './limits.ts';
export { definitionType, eventType, leaseType, secretType, type ResourceType } from './resource-type.ts';
