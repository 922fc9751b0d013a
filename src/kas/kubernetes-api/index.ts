/** The Kubernetes API proxy's HTTP side. */
export { Authorizer } from './authorizer.ts';
export { KubernetesApiFront } from './front.ts';
