/** Simulated TCP under programs that know nothing of it: Node's own network, time and chance, borrowed (docs/models.md). */
export { borrowNode } from './node-borrowed.ts';
export { Connection } from './connection.ts';
export { SimulatedNetwork, type Place } from './network.ts';
export { Path, type PathQuality } from './path.ts';
