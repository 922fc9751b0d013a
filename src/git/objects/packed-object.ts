/**
 * An object out of a pack, its chain of deltas followed down to what they start from.
 *
 * 1. A size is known before the bytes exist: a limit refuses an object before it is made.
 * 2. What the chain holds at one time is bounded: its deltas and every version they make.
 */
import { applyDelta, deltaSizes } from './delta.ts';
import { type GitObject, refuseAbove } from './object.ts';
import type { PackedHeader } from './pack-entry.ts';
import { corrupt, RepositoryFault } from './repository-fault.ts';

/** Deltas on deltas in a pack; git makes at most 4095, by default 50. */
const deltaHopsMax = 4_096;

export interface Pack {
  header(offset: number): Promise<PackedHeader>;
  /** The inflated data behind a header. */
  data(header: PackedHeader): Promise<Buffer>;
}
export interface PackPlace {
  readonly pack: Pack;
  readonly offset: number;
}
export interface ChainBounds {
  readonly bytesMax: number;
  readonly chainBytesMax: number;
  readonly signal: AbortSignal;
}

/** Reads the object at a place; `find` knows where the bases named by id are. */
export async function readPackedObject(
  { pack: from, offset }: PackPlace,
  find: (oid: string) => Promise<PackPlace | undefined>,
  { bytesMax, chainBytesMax, signal }: ChainBounds,
): Promise<GitObject> {
  const deltas: Buffer[] = [];
  let pack = from;
  let header = await pack.header(offset);
  let held = 0;
  const refuseChain = (bytes: number): void => {
    if (bytes > chainBytesMax) throw new RepositoryFault('tooBig', 'delta chain is too large'); // 2
    if (deltas.length >= deltaHopsMax) throw corrupt('a delta chain does not end');
  };
  while (header.kind !== 'whole') {
    signal.throwIfAborted();
    held += header.size;
    refuseChain(held);
    const delta = await pack.data(header);
    const { resultBytes } = deltaSizes(delta);
    if (deltas.length === 0) refuseAbove(resultBytes, bytesMax); // 1
    held += resultBytes;
    deltas.push(delta);
    if (header.kind === 'deltaOfOffset') {
      header = await pack.header(header.baseOffset);
      continue;
    }
    const base = await find(header.baseOid);
    if (base === undefined) throw corrupt('a delta has no base');
    pack = base.pack;
    header = await pack.header(base.offset);
  }
  if (deltas.length === 0) refuseAbove(header.size, bytesMax); // 1
  else refuseChain(held + header.size);
  let bytes = await pack.data(header);
  for (const delta of deltas.reverse()) bytes = applyDelta(bytes, delta);
  return { type: header.type, bytes };
}
