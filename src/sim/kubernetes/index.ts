/** A Kubernetes API server in memory, good enough for `kubectl`, agentk and the tests of both. */
export { startSimulatedKubernetes, type SimulatedKubernetes } from './simulated-kubernetes.ts';
export { SocketlessKubernetes, type KubeObject, type OpenResponse } from './socketless.ts';
