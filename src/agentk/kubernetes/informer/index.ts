/** Copies of kinds of objects, kept in step with the cluster. */
export { informerChild, type InformerDeps } from './informer.actor.ts';
export { listAll } from './list-all.ts';
export { ObjectStore, withoutManagedFields, type ObjectChange, type ObjectReader } from './object-store.ts';
