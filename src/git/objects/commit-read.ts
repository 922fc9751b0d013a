/** The port's two questions about a commit, answered from whatever holds its objects. */
import type { FileContents, TreeListing } from '../../ports/index.ts';
import type { ObjectReader } from './object.ts';
import { pathParts, TreeReader } from './tree.ts';

/** A regular file, at most `bytesMax` long; `treeBytesMax` bounds each folder on the way. */
export async function readFileAt(
  objects: ObjectReader,
  commitId: string,
  path: string,
  bytesMax: number,
  treeBytesMax: number,
): Promise<FileContents> {
  const parts = pathParts(path);
  if (parts === undefined) return badPath;
  const trees = new TreeReader(objects, treeBytesMax);
  const root = await trees.root(commitId);
  if (root === undefined) return { kind: 'notFound', reason: 'commit not found' };
  const entry = await trees.descend(root, parts);
  if (entry === undefined) return { kind: 'notFound', reason: 'file not found' };
  if (entry.kind !== 'file') return { kind: 'notAFile', reason: `not a usual file but a ${entry.kind}` };
  const blob = await objects.read(entry.oid, bytesMax);
  if (blob?.type !== 'blob') return { kind: 'invalid', reason: 'corrupt repository: a file is missing' };
  return { kind: 'file', bytes: blob.bytes };
}

/** What lies in a folder, in git's order. */
export async function listTreeAt(
  objects: ObjectReader,
  commitId: string,
  path: string,
  options: { readonly recursive: boolean; readonly maxEntries: number },
  treeBytesMax: number,
): Promise<TreeListing> {
  const parts = pathParts(path);
  if (parts === undefined) return badPath;
  const trees = new TreeReader(objects, treeBytesMax);
  const root = await trees.root(commitId);
  if (root === undefined) return { kind: 'notFound', reason: 'commit not found' };
  const folder = await trees.descend(root, parts);
  if (folder === undefined) return { kind: 'notFound', reason: 'folder not found' };
  // A path that is a file lists nothing, as in Gitaly (spec/gitlab.md §3.7).
  if (folder.kind !== 'folder') return { kind: 'tree', entries: [] };
  const prefix = parts.length === 0 ? '' : `${parts.join('/')}/`;
  const entries = await trees.list(folder, prefix, options.recursive, options.maxEntries);
  return { kind: 'tree', entries };
}

const badPath = { kind: 'invalid', reason: 'not a path inside the repository' } as const;
