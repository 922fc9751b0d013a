/** The modules of agentk and their host. */
export { ModuleHost } from './module-host.ts';
export { createKubernetesApi } from './kubernetes-api.ts';
export { createObservabilityModule } from './observability.ts';
export type { AgentModule, RunningModule } from './module.ts';
