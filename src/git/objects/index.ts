/** Git's objects: deltas, packed entries, trees, and the questions answered from them. */
export { CommitFiles, readFileAt, listTreeAt } from './commit-read.ts';
export { applyDelta, deltaSizes } from './delta.ts';
export { inflateExactly, inflateStart } from './inflate.ts';
export { refuseAbove, type GitObject, type ObjectReader, type ObjectType } from './object.ts';
export { packHeaderBytesMax, parsePackHeader, type PackedHeader } from './pack-entry.ts';
export { readPackedObject, type Pack, type PackPlace } from './packed-object.ts';
export { corrupt, errorCode, isAbsent, RepositoryFault } from './repository-fault.ts';
export { pathParts, peelToCommit } from './tree.ts';
