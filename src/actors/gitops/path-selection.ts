/**
 * Which files of a commit a manifest project's paths select (`spec/kas.md §4.2`): globs first, in the order of the request, then
 * single files.
 *
 * P1. What is below a folder whose name begins with a dot is never selected; a file's own name may.
 * P2. Every file that a glob makes be looked at counts towards the limit, selected or not.
 * P3. One file selected by two globs is a mistake in the paths; a single file that a glob selected already is not.
 */
import { parseGlob } from './glob.ts';

export type ManifestPath =
  | { readonly kind: 'glob'; readonly glob: string }
  | { readonly kind: 'file'; readonly file: string };

/** A folder to list for a glob. */
export interface FolderQuery {
  /** `.` is the root. */
  readonly folder: string;
  readonly recursive: boolean;
  readonly glob: string;
  matches(path: string): boolean;
}

export type Paths =
  | { readonly kind: 'paths'; readonly queries: readonly FolderQuery[]; readonly files: readonly string[] }
  | { readonly kind: 'invalid'; readonly reason: string };

const magic = /[\\*?[\]{}]/;

/** Reads the paths of a request: what to list and which single files to fetch. */
export function readPaths(paths: readonly ManifestPath[]): Paths {
  const queries: FolderQuery[] = [];
  const files: string[] = [];
  for (const path of paths) {
    if (path.kind === 'file') {
      files.push(path.file.replace(/^\//, ''));
      continue;
    }
    const text = path.glob.replace(/^\//, '');
    const glob = parseGlob(text);
    if (glob.kind === 'invalid') return { kind: 'invalid', reason: `glob ${path.glob}: ${glob.reason}` };
    queries.push({ ...folderOf(text), glob: path.glob, matches: (each) => glob.matches(each) });
  }
  return { kind: 'paths', queries, files };
}

/** The longest leading part without magic is the folder to list; deep globs list what is below it too. */
function folderOf(glob: string): { readonly folder: string; readonly recursive: boolean } {
  const first = glob.search(magic);
  const slash = first === -1 ? glob.lastIndexOf('/') : glob.lastIndexOf('/', first);
  const folder = slash <= 0 ? '.' : glob.slice(0, slash);
  const rest = slash < 0 ? glob : glob.slice(slash + 1);
  return { folder, recursive: /[[/]|\*\*/.test(rest) };
}

/** P1. */
export function isHidden(path: string): boolean {
  return path
    .split('/')
    .slice(0, -1)
    .some((folder) => folder.startsWith('.'));
}

/** Collects what the globs' listings and the single files select. */
export class Selection {
  readonly #filesMax: number;
  readonly #selected = new Map<string, string | undefined>();
  #seen = 0;

  constructor(filesMax: number) {
    this.#filesMax = filesMax;
  }

  /** Paths in order, with the blob's id where a listing told it. */
  get files(): ReadonlyMap<string, string | undefined> {
    return this.#selected;
  }

  /** Takes one listed file; answers what is wrong. */
  addListed(query: FolderQuery, path: string, oid: string): string | undefined {
    this.#seen += 1;
    if (this.#seen > this.#filesMax) return this.#tooMany(); // P2
    if (isHidden(path) || !query.matches(path)) return undefined;
    if (this.#selected.has(path)) return `path visited more than once: ${path}`; // P3
    this.#selected.set(path, oid);
    return undefined;
  }

  /** Takes one file that was named; answers what is wrong. */
  addNamed(path: string): string | undefined {
    if (isHidden(path) || this.#selected.has(path)) return undefined;
    this.#seen += 1;
    if (this.#seen > this.#filesMax) return this.#tooMany();
    this.#selected.set(path, undefined);
    return undefined;
  }

  #tooMany(): string {
    return `maximum number of files limit reached: ${this.#filesMax}`;
  }
}
