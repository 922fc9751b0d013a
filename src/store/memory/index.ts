/** The store of a kas that stands alone. */
export { memoryStore } from './memory-store.ts';
export type { MemoryStoreOptions } from './memory-store.ts';
export { memoryStoreLimits, type MemoryStoreLimits } from './limits.ts';
