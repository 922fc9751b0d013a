/** Which proxy a connection takes. */
export { proxyOf, type ProxyEnvironment } from './proxy-environment.ts';
