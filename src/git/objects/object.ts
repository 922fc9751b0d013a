/** What a repository holds, wherever it comes from: files on disk, or a pack a remote sent. */
import { RepositoryFault } from './repository-fault.ts';

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag';

export interface GitObject {
  readonly type: ObjectType;
  readonly bytes: Buffer;
}

/** Reads objects by id; undefined when there is no such object, a fault `tooBig` beyond `bytesMax`. */
export interface ObjectReader {
  read(oid: string, bytesMax: number): Promise<GitObject | undefined>;
}

/** Throws a fault when an object is larger than its reader wants. */
export function refuseAbove(bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return;
  throw new RepositoryFault(
    'tooBig',
    `object size (${bytes}) is bigger than the maximum allowed size (${bytesMax})`,
  );
}
