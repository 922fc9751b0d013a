/**
 * What a manifest project's paths select at one commit: listed, fetched, checked, ready to be sent. Agents that ask for the same
 * share one answer; what is being made is waited for, not made twice.
 *
 * C1. Files come from the commit's own tree by blob id: what is known by id is neither fetched nor parsed again.
 * C2. Nothing is sent of a commit that cannot be read as manifests as a whole: its faults are told instead.
 * C3. A commit or folder that is not there may mean that the repository changed while it was read: that is no empty selection.
 */
import { faultText, type ManifestFile, type NotRead, type ReadManifests } from '../../manifests/index.ts';
import type { Clock, Git, GitFailure, GitRepository } from '../../ports/index.ts';
import { withDeadline } from '../deadline-signal.ts';
import { gitFailureText } from '../git-failure-text.ts';
import type { WorkerPool } from '../worker-pool.actor.ts';
import { BlobCache, type Blob } from './blob-cache.ts';
import { gitopsLimits, gitopsTimes } from './limits.ts';
import { fileFrames } from './object-frames.ts';
import { readPaths, Selection, type ManifestPath, type Paths } from './path-selection.ts';

/** Bounds from the configuration file (`agent.gitops`). */
export interface ContentsBounds {
  readonly fileBytesMax: number;
  readonly totalBytesMax: number;
  readonly filesMax: number;
}

export type Contents =
  | {
      readonly kind: 'contents';
      readonly frames: readonly Buffer[];
      readonly files: number;
      readonly bytes: number;
    }
  /** The commit or the paths cannot be delivered as they are. `lasting`: not even when it is tried again. */
  | { readonly kind: 'rejected'; readonly reason: string; readonly lasting: boolean }
  | { readonly kind: 'unavailable'; readonly reason: string };

export interface Wanted {
  readonly projectId: bigint;
  readonly repository: GitRepository;
  readonly commitId: string;
  readonly paths: readonly ManifestPath[];
}

type Checker = Pick<WorkerPool, 'check'>;

export class CommitContents {
  readonly #git: Git;
  readonly #workers: Checker;
  readonly #bounds: ContentsBounds;
  readonly #clock: Clock;
  readonly #blobs = new BlobCache(gitopsLimits.blobBytesMax);
  readonly #known = new Map<string, Contents>();
  readonly #making = new Map<string, Promise<Contents>>();

  constructor(deps: {
    readonly git: Git;
    readonly workers: Checker;
    readonly bounds: ContentsBounds;
    readonly clock: Clock;
  }) {
    this.#clock = deps.clock;
    this.#git = deps.git;
    this.#workers = deps.workers;
    this.#bounds = deps.bounds;
  }

  get blobBytes(): number {
    return this.#blobs.bytes;
  }

  /** The contents of a commit for these paths. The work is shared, so no caller can stop it; it has a deadline of its own. */
  of(wanted: Wanted): Promise<Contents> {
    const key = JSON.stringify([String(wanted.projectId), wanted.commitId, wanted.paths]);
    const known = this.#known.get(key);
    if (known !== undefined) {
      this.#known.delete(key);
      this.#known.set(key, known);
      return Promise.resolve(known);
    }
    const making = this.#making.get(key);
    if (making !== undefined) return making;
    const everyone = new AbortController().signal;
    const made = withDeadline(this.#clock, everyone, gitopsTimes.fetchMsMax, (signal) =>
      this.#make(wanted, signal),
    )
      .then((contents) => {
        if (contents.kind === 'contents' || (contents.kind === 'rejected' && contents.lasting)) {
          this.#keep(key, contents);
        }
        return contents;
      })
      .finally(() => this.#making.delete(key));
    this.#making.set(key, made);
    return made;
  }

  #keep(key: string, contents: Contents): void {
    this.#known.set(key, contents);
    if (this.#known.size <= gitopsLimits.contentsMax) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  async #make(wanted: Wanted, signal: AbortSignal): Promise<Contents> {
    const paths = readPaths(wanted.paths);
    if (paths.kind === 'invalid') return rejected(`manifest file: ${paths.reason}`);
    const selection = await this.#select(wanted, paths, signal);
    if (!(selection instanceof Selection)) return selection;
    const blobs = await this.#fetch(wanted, selection, signal);
    if (!(blobs instanceof Map)) return blobs;
    const fault = await this.#check(blobs, signal);
    if (fault !== undefined) return fault;
    const frames = [...blobs].flatMap(([path, { bytes }]) => fileFrames(path, bytes));
    const bytes = [...blobs.values()].reduce((sum, blob) => sum + blob.bytes.length, 0);
    return { kind: 'contents', frames, files: blobs.size, bytes };
  }

  async #select(
    { repository, commitId }: Wanted,
    { queries, files }: Extract<Paths, { kind: 'paths' }>,
    signal: AbortSignal,
  ): Promise<Selection | Contents> {
    const selection = new Selection(this.#bounds.filesMax);
    for (const query of queries) {
      const options = { recursive: query.recursive, maxEntries: gitopsLimits.treeEntriesMax };
      const listing = await this.#git.listTree(repository, commitId, query.folder, options, signal);
      if (listing.kind !== 'tree') return this.#failed('GetTreeEntries', query.folder, listing); // C3
      for (const { type, path, oid } of listing.entries) {
        if (type !== 'blob') continue;
        const fault = selection.addListed(query, path, oid);
        if (fault !== undefined) return rejected(`manifest file: ${fault}`);
      }
    }
    for (const file of files) {
      const fault = selection.addNamed(file);
      if (fault !== undefined) return rejected(`manifest file: ${fault}`);
    }
    return selection;
  }

  /** The files' blobs in the selection's order, or what went wrong first. */
  async #fetch(
    { repository, commitId }: Wanted,
    { files }: Selection,
    signal: AbortSignal,
  ): Promise<Map<string, Blob> | Contents> {
    const { fileBytesMax, totalBytesMax } = this.#bounds;
    const fetched = new Map<string, Blob>([...files.keys()].map((path) => [path, unread]));
    const unknown: string[] = [];
    let left = totalBytesMax;
    for (const [path, oid] of files) {
      const known = oid === undefined ? undefined : this.#blobs.get(oid); // C1
      if (known === undefined) unknown.push(path);
      else {
        left -= known.bytes.length;
        if (known.bytes.length > fileBytesMax || left < 0) return tooBig(path);
        fetched.set(path, known);
      }
    }
    const { filesTogetherMax } = gitopsLimits;
    for (let from = 0; from < unknown.length; from += filesTogetherMax) {
      const lot = unknown.slice(from, from + filesTogetherMax);
      const bounds = { fileBytesMax, totalBytesMax: left };
      const read = await this.#git.readFiles(repository, commitId, lot, bounds, signal);
      if (read.kind !== 'files') return this.#failed('TreeEntry', read.path ?? lot[0] ?? '', read);
      for (const [path, bytes] of read.files) {
        left -= bytes.length;
        fetched.set(path, this.#keptBlob(files.get(path), bytes));
      }
    }
    return fetched;
  }

  #keptBlob(oid: string | undefined, bytes: Buffer): Blob {
    return oid === undefined ? { oid: '', bytes, sound: false } : this.#blobs.put(oid, bytes);
  }

  async #check(blobs: ReadonlyMap<string, Blob>, signal: AbortSignal): Promise<Contents | undefined> {
    const unknown = [...blobs].filter(([, blob]) => !blob.sound);
    const files = unknown.map(([name, { bytes }]): ManifestFile => ({ name, bytes }));
    const read = files.length === 0 ? sound : await this.#workers.check(files, signal);
    if (read.kind === 'unavailable') return { kind: 'unavailable', reason: read.reason };
    if (read.kind === 'invalid') return rejected(faultsText(read)); // C2
    for (const [, blob] of unknown) blob.sound = true;
    return undefined;
  }

  #failed(call: string, path: string, failure: GitFailure): Contents {
    if (failure.kind === 'unavailable') return { kind: 'unavailable', reason: failure.reason };
    const reason = `manifest file: ${gitFailureText(call, failure, path)}`;
    return { kind: 'rejected', reason, lasting: failure.kind === 'tooBig' || failure.kind === 'notAFile' };
  }
}

const unread: Blob = { oid: '', bytes: Buffer.alloc(0), sound: false };
const sound: ReadManifests | NotRead = { kind: 'ok', manifests: [], warnings: [] };

function tooBig(path: string): Contents {
  return rejected(`manifest file: FileTooBig: TreeEntry: file is too big: ${path}`);
}

function rejected(reason: string): Contents {
  return { kind: 'rejected', reason, lasting: true };
}

/** All faults as one text; the agent's log and its status show it. */
function faultsText({ faults, moreFaults }: Extract<ReadManifests, { kind: 'invalid' }>): string {
  const more = moreFaults === 0 ? [] : [`and ${moreFaults} more`];
  return `manifest file: ${[...faults.slice(0, 20).map(faultText), ...more].join('; ')}`;
}
