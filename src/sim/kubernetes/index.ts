/** A Kubernetes API server in memory, good enough for `kubectl`, agentk and the tests of both. */
export { startSimulatedKubernetes } from './simulated-kubernetes.ts';
export type {
  SimulatedKubernetes,
  SimulatedKubernetesOptions,
  SimulatedUser,
} from './simulated-kubernetes.ts';
export type { AuditEntry } from './audit.ts';
