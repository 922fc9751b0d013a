/** The modules of agentk and their host. */
export type { AgentModule, RunningModule } from './module.ts';
export { ModuleHost, type Applied } from './module-host.ts';
export { createKubernetesApi, type KubernetesApi } from './kubernetes-api.ts';
export { createObservabilityModule } from './observability.ts';
