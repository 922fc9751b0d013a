/** The port's questions about a commit, answered from whatever holds its objects. */
import type { FileContents, GitFailure, TreeListing } from '../../ports/index.ts';
import type { ObjectReader } from './object.ts';
import { pathParts, TreeReader } from './tree.ts';

/** A regular file, at most `bytesMax` long; `treeBytesMax` bounds each folder on the way. */
export function readFileAt(
  objects: ObjectReader,
  commitId: string,
  path: string,
  bytesMax: number,
  treeBytesMax: number,
): Promise<FileContents> {
  return new CommitFiles(objects, commitId, treeBytesMax).read(path, bytesMax);
}

/** The files of one commit, for whoever reads several: folders on their ways are read once. */
export class CommitFiles {
  readonly #objects: ObjectReader;
  readonly #commitId: string;
  readonly #trees: TreeReader;
  #root: ReturnType<TreeReader['root']> | undefined;

  constructor(objects: ObjectReader, commitId: string, treeBytesMax: number) {
    this.#objects = objects;
    this.#commitId = commitId;
    this.#trees = new TreeReader(objects, treeBytesMax);
  }

  /** A regular file, at most `bytesMax` long. */
  async read(path: string, bytesMax: number): Promise<FileContents> {
    const found = await this.find(path);
    if (found.kind !== 'found') return found;
    const blob = await this.#objects.read(found.oid, bytesMax);
    if (blob?.type !== 'blob') return { kind: 'invalid', reason: 'corrupt repository: a file is missing' };
    return { kind: 'file', bytes: blob.bytes };
  }

  /** The id of a regular file's contents. */
  async find(path: string): Promise<{ readonly kind: 'found'; readonly oid: string } | GitFailure> {
    const parts = pathParts(path);
    if (parts === undefined) return badPath;
    this.#root ??= this.#trees.root(this.#commitId);
    const root = await this.#root;
    if (root === undefined) return { kind: 'notFound', reason: 'commit not found' };
    const entry = await this.#trees.descend(root, parts);
    if (entry === undefined) return { kind: 'notFound', reason: 'file not found' };
    if (entry.kind !== 'file') return { kind: 'notAFile', reason: `not a usual file but a ${entry.kind}` };
    return { kind: 'found', oid: entry.oid };
  }
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
