/** The reverse tunnels to kas and the pool that holds them open. */
export { TunnelHerd } from './tunnel-herd.ts';
export type { ServeRequest } from './tunnel-streams.ts';
