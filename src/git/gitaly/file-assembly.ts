/**
 * A file out of the messages of TreeEntry (`spec/gitlab.md §3.6`): the first says what it is, all bring data.
 *
 * 1. A symbolic link is no file: its target is a text chosen by the repository (`spec/users.md`).
 * 2. A limit holds although the server was told of it.
 */
import type { FileContents } from '../../ports/index.ts';
import { type TreeEntryResponse, TreeEntryResponse_ObjectType } from '../../protocol/index.ts';

const modeFormat = 0o170000;
const modeSymlink = 0o120000;

export class FileAssembly {
  readonly #bytesMax: number;
  readonly #chunks: Buffer[] = [];
  #verdict: FileContents | undefined;
  #size: number | undefined;
  #received = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes a message; answers whether more is wanted. */
  take(part: TreeEntryResponse): boolean {
    if (this.#size === undefined) this.#verdict = this.#first(part);
    if (this.#verdict !== undefined) return false;
    this.#received += part.data.length;
    if (this.#received > this.#bytesMax) {
      this.#verdict = tooBig(this.#received, this.#bytesMax); // 2
      return false;
    }
    this.#chunks.push(Buffer.from(part.data.buffer, part.data.byteOffset, part.data.byteLength));
    return true;
  }

  answer(): FileContents {
    if (this.#verdict !== undefined) return this.#verdict;
    if (this.#size !== this.#received) {
      return { kind: 'unavailable', reason: 'Gitaly ended the file too early' };
    }
    return { kind: 'file', bytes: Buffer.concat(this.#chunks) };
  }

  #first({ type, oid, size, mode }: TreeEntryResponse): FileContents | undefined {
    this.#size = Number(size);
    // Very old servers told so of a file that is not there.
    if (oid === '') return { kind: 'notFound', reason: 'tree entry not found' };
    if (type !== TreeEntryResponse_ObjectType.BLOB) {
      return { kind: 'notAFile', reason: `not a usual file but a ${names[type] ?? 'strange thing'}` };
    }
    if ((mode & modeFormat) === modeSymlink) {
      return { kind: 'notAFile', reason: 'not a usual file but a symlink' }; // 1
    }
    return this.#size > this.#bytesMax ? tooBig(this.#size, this.#bytesMax) : undefined; // 2
  }
}

const names: Readonly<Record<number, string>> = {
  [TreeEntryResponse_ObjectType.COMMIT]: 'submodule',
  [TreeEntryResponse_ObjectType.TREE]: 'folder',
  [TreeEntryResponse_ObjectType.TAG]: 'tag',
};

function tooBig(bytes: number, bytesMax: number): FileContents {
  return {
    kind: 'tooBig',
    reason: `object size (${bytes}) is bigger than the maximum allowed size (${bytesMax})`,
  };
}
