/** The store of a kas that stands alone. */
export { memoryStore } from './memory-store.ts';
export type { MemoryStoreLimits } from './limits.ts';
