/** The reverse tunnels to kas and the pool that holds them open. */
export { TunnelHerd, type TunnelHerdDeps } from './tunnel-herd.ts';
export { reuseKey, type ServeRequest, type Served, type TunnelledRequest } from './tunnel-streams.ts';
