/** The cluster's API server: how to reach it, as whom, and the pool of connections to it. */
export type { KubernetesFlags } from './access.ts';
export { openApiServer, type ApiServer, type KubernetesVersion } from './api-server.ts';
export { loadKubernetesAccess } from './kubernetes-access.ts';
