/** The cluster's API server: how to reach it, as whom, and the pool of connections to it. */
export type { KubernetesAccess, KubernetesFlags } from './access.ts';
export { openApiServer, type ApiServer, type KubernetesVersion } from './api-server.ts';
export { loadKubernetesAccess, type AccessEnvironment } from './kubernetes-access.ts';
