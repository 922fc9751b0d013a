/** Trees and the way through them: from a commit and a path to an entry, and from a folder to all that is below it. */
import type { TreeEntry } from '../../ports/index.ts';
import { foldersRememberedMax, treeDepthMax } from './limits.ts';
import type { GitObject, ObjectReader } from './object.ts';
import { corrupt, RepositoryFault } from './repository-fault.ts';

type EntryKind = 'file' | 'symlink' | 'submodule' | 'folder';

interface RawEntry {
  readonly kind: EntryKind;
  readonly name: string;
  readonly oid: string;
}

/** Splits a path; undefined when it is absolute, climbs, or has empty parts. `.` and the empty path are the root. */
export function pathParts(path: string): readonly string[] | undefined {
  if (path === '.' || path === '') return [];
  const parts = path.split('/');
  const good = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\0'));
  return good && parts.length <= treeDepthMax ? parts : undefined;
}

/** The entries of a tree object, in git's order. */
function parseTree(bytes: Buffer, oidBytes: number): RawEntry[] {
  const entries: RawEntry[] = [];
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const end = space < 0 ? -1 : bytes.indexOf(0, space + 1);
    if (end < 0 || end + 1 + oidBytes > bytes.length) throw corrupt('a tree ends within an entry');
    entries.push({
      kind: entryKind(bytes.toString('latin1', at, space)),
      name: bytes.toString('utf8', space + 1, end),
      oid: bytes.toString('hex', end + 1, end + 1 + oidBytes),
    });
    at = end + 1 + oidBytes;
  }
  return entries;
}

function entryKind(mode: string): EntryKind {
  if (mode === '40000' || mode === '040000') return 'folder';
  if (mode === '120000') return 'symlink';
  if (mode === '160000') return 'submodule';
  return 'file';
}

/** Reads trees with one bound. The folders walked through last are remembered, because files are asked for folder by folder. */
export class TreeReader {
  readonly #objects: ObjectReader;
  readonly #treeBytesMax: number;
  readonly #walked = new Map<string, Promise<ReadonlyMap<string, RawEntry>>>();

  constructor(objects: ObjectReader, treeBytesMax: number) {
    this.#objects = objects;
    this.#treeBytesMax = treeBytesMax;
  }

  /** The root folder of a commit (or of a tag of one); undefined when there is no such commit. */
  async root(commitId: string): Promise<RawEntry | undefined> {
    const commit = await peelToCommit(this.#objects, commitId, this.#treeBytesMax);
    if (commit === undefined) return undefined;
    const tree = /^tree ([0-9a-f]{40}(?:[0-9a-f]{24})?)\n/.exec(commit.bytes.toString('latin1', 0, 80))?.[1];
    if (tree === undefined) throw corrupt('a commit names no tree');
    return { kind: 'folder', name: '', oid: tree };
  }

  /** Walks down from an entry; undefined when a part is missing or leads through something that is no folder. */
  async descend(start: RawEntry, parts: readonly string[]): Promise<RawEntry | undefined> {
    let entry: RawEntry | undefined = start;
    for (const part of parts) {
      if (entry.kind !== 'folder') return undefined;
      entry = (await this.#byName(entry.oid)).get(part);
      if (entry === undefined) return undefined;
    }
    return entry;
  }

  #byName(oid: string): Promise<ReadonlyMap<string, RawEntry>> {
    const known = this.#walked.get(oid);
    this.#walked.delete(oid);
    const found =
      known ??
      this.entries(oid).then((entries) => new Map(entries.toReversed().map((entry) => [entry.name, entry])));
    this.#walked.set(oid, found);
    const [oldest] = this.#walked.keys();
    if (this.#walked.size > foldersRememberedMax && oldest !== undefined) this.#walked.delete(oldest);
    return found;
  }

  async entries(oid: string): Promise<RawEntry[]> {
    const tree = await this.#objects.read(oid, this.#treeBytesMax);
    if (tree?.type !== 'tree') throw corrupt('a tree is missing');
    return parseTree(tree.bytes, oid.length / 2);
  }

  /** All entries below a folder in git's order, folders before what they hold. */
  async list(folder: RawEntry, prefix: string, recursive: boolean, entriesMax: number): Promise<TreeEntry[]> {
    const found: TreeEntry[] = [];
    const walk = async (oid: string, prefix: string, depth: number): Promise<void> => {
      if (depth > treeDepthMax) throw new RepositoryFault('tooBig', 'folders are nested too deeply');
      for (const entry of await this.entries(oid)) {
        if (found.length >= entriesMax) {
          throw new RepositoryFault('tooBig', `folder has more than ${entriesMax} entries`);
        }
        const path = `${prefix}${entry.name}`;
        found.push({ path, type: portType(entry.kind), oid: entry.oid });
        if (recursive && entry.kind === 'folder') await walk(entry.oid, `${path}/`, depth + 1);
      }
    };
    await walk(folder.oid, prefix, 0);
    return found;
  }
}

function portType(kind: EntryKind): TreeEntry['type'] {
  if (kind === 'folder') return 'tree';
  return kind === 'submodule' ? 'commit' : 'blob';
}

/** Follows tags to their commit; undefined when an object on the way is missing or is no commit. */
export async function peelToCommit(
  objects: ObjectReader,
  oid: string,
  bytesMax: number,
): Promise<(GitObject & { readonly oid: string }) | undefined> {
  let next = oid;
  for (let hop = 0; hop < 8; hop += 1) {
    const object = await objects.read(next, bytesMax);
    if (object?.type === 'commit') return { ...object, oid: next };
    if (object?.type !== 'tag') return undefined;
    next = /^object ([0-9a-f]{40,64})\n/.exec(object.bytes.toString('latin1', 0, 80))?.[1] ?? '';
    if (next === '') throw corrupt('a tag names no object');
  }
  throw corrupt('tags of tags do not end');
}
