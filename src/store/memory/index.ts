/** The store of a kas that stands alone. */
export { memoryStore } from './memory-store.ts';
export { memoryPushEvents } from './push-events.ts';
export type { MemoryStoreLimits } from './limits.ts';
