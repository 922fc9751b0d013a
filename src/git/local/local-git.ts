/**
 * The Git port over bare repositories on disk, read straight from their object store.
 *
 * The object store is read by our own small reader and not by isomorphic-git: that library can only read an object
 * whole, and for one packed object it loads the whole pack into memory and checks its sum on the main thread. A limit
 * that must hold before the bytes exist, and a repository of some gigabytes, both rule that out.
 *
 * 1. Every operation ends by its deadline or the caller's signal, whatever the disk does.
 * 2. Nothing is remembered between operations.
 * 3. Faults become values here; any other exception but a file system error is a bug and passes.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  Clock,
  FileContents,
  Git,
  GitFailure,
  GitRepository,
  Log,
  ResolvedRef,
  TreeListing,
} from '../../ports/index.ts';
import { localGitLimits, type LocalGitLimits } from './limits.ts';
import { ObjectDatabase } from './object-database.ts';
import { findRef, hasRefs, isRefName } from './refs.ts';
import { errorCode, isAbsent, RepositoryFault } from './repository-fault.ts';
import { pathParts, peelToCommit, TreeReader } from './tree.ts';

export interface LocalGitOptions {
  /** For the deadline of an operation; without it only the caller's signal ends one. */
  readonly clock?: Clock;
  readonly log: Log;
  readonly limits?: Partial<LocalGitLimits>;
}

/** Makes the port. Repositories whose location is not `local` are refused as `invalid`. */
export function localGit(options: LocalGitOptions): Git {
  return new LocalGit(options);
}

class LocalGit implements Git {
  readonly #clock: Clock | undefined;
  readonly #log: Log;
  readonly #limits: LocalGitLimits;

  constructor({ clock, log, limits }: LocalGitOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#limits = { ...localGitLimits, ...limits };
  }

  resolveRef(repository: GitRepository, ref: string, signal: AbortSignal): Promise<ResolvedRef> {
    return this.#operation<ResolvedRef>(repository, signal, async (gitDir, objects) => {
      if (!isRefName(ref)) return { kind: 'invalid', reason: 'not a full ref name' };
      const { packedRefsBytesMax, objectBytesMax } = this.#limits;
      const oid = await findRef(gitDir, ref, packedRefsBytesMax);
      if (oid === undefined) {
        if (await hasRefs(gitDir, packedRefsBytesMax))
          return { kind: 'notFound', reason: `${ref} not found` };
        return { kind: 'empty' };
      }
      const commit = await peelToCommit(objects, oid, objectBytesMax);
      if (commit === undefined) return { kind: 'notFound', reason: `${ref} does not lead to a commit` };
      return { kind: 'commit', commitId: commit.oid };
    });
  }

  readFile(
    repository: GitRepository,
    commitId: string,
    path: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<FileContents> {
    return this.#operation<FileContents>(repository, signal, async (_gitDir, objects) => {
      const parts = pathParts(path);
      if (parts === undefined) return { kind: 'invalid', reason: 'not a path inside the repository' };
      const trees = new TreeReader(objects, this.#limits.objectBytesMax);
      const root = await trees.root(commitId);
      if (root === undefined) return { kind: 'notFound', reason: 'commit not found' };
      const entry = await trees.descend(root, parts);
      if (entry === undefined) return { kind: 'notFound', reason: 'file not found' };
      if (entry.kind !== 'file') return { kind: 'notAFile', reason: `not a usual file but a ${entry.kind}` };
      const blob = await objects.read(entry.oid, maxBytes);
      if (blob?.type !== 'blob') return { kind: 'invalid', reason: 'corrupt repository: a file is missing' };
      return { kind: 'file', bytes: blob.bytes };
    });
  }

  listTree(
    repository: GitRepository,
    commitId: string,
    path: string,
    options: { readonly recursive: boolean; readonly maxEntries: number },
    signal: AbortSignal,
  ): Promise<TreeListing> {
    return this.#operation<TreeListing>(repository, signal, async (_gitDir, objects) => {
      const parts = pathParts(path);
      if (parts === undefined) return { kind: 'invalid', reason: 'not a path inside the repository' };
      const trees = new TreeReader(objects, this.#limits.objectBytesMax);
      const root = await trees.root(commitId);
      if (root === undefined) return { kind: 'notFound', reason: 'commit not found' };
      const folder = await trees.descend(root, parts);
      if (folder === undefined) return { kind: 'notFound', reason: 'folder not found' };
      // A path that is a file lists nothing, as in Gitaly (spec/gitlab.md §3.7).
      if (folder.kind !== 'folder') return { kind: 'tree', entries: [] };
      const prefix = parts.length === 0 ? '' : `${parts.join('/')}/`;
      const entries = await trees.list(folder, prefix, options.recursive, options.maxEntries);
      return { kind: 'tree', entries };
    });
  }

  async #operation<T>(
    repository: GitRepository,
    signal: AbortSignal,
    work: (gitDir: string, objects: ObjectDatabase) => Promise<T>,
  ): Promise<T | GitFailure> {
    const { location } = repository;
    if (location.kind !== 'local') return { kind: 'invalid', reason: 'repository is not on this disk' };
    const { gitDir } = location;
    const ended = new AbortController();
    const objects = new ObjectDatabase(gitDir, this.#limits, ended.signal);
    const answer = async (): Promise<T | GitFailure> => {
      try {
        if (!(await isRepository(gitDir))) return { kind: 'notFound', reason: 'repository not found' };
        return await work(gitDir, objects);
      } catch (error) {
        return this.#verdict(error, ended.signal, repository.projectPath); // 3
      } finally {
        await objects.close();
      }
    };
    return this.#bounded(answer(), signal, ended); // 1
  }

  /** Answers when the work does, the caller gives up, or the deadline passes; whichever comes first. */
  #bounded<T>(work: Promise<T>, signal: AbortSignal, ended: AbortController): Promise<T | GitFailure> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void): void => {
        if (timer !== undefined) this.#clock?.clearTimeout(timer);
        signal.removeEventListener('abort', cancel);
        ended.abort();
        settle();
      };
      const giveUp = (reason: string): void => finish(() => resolve({ kind: 'unavailable', reason }));
      const cancel = (): void => giveUp('cancelled');
      const timer = this.#clock?.setTimeout(
        () => giveUp('repository read took too long'),
        this.#limits.operationMsMax,
      );
      work.then(
        (answer) => finish(() => resolve(answer)),
        (error: unknown) => finish(() => reject(error instanceof Error ? error : new Error(String(error)))),
      );
      if (signal.aborted) cancel();
      else signal.addEventListener('abort', cancel, { once: true });
    });
  }

  #verdict(error: unknown, ended: AbortSignal, projectPath: string): GitFailure {
    if (error instanceof RepositoryFault) return error.failure;
    if (ended.aborted) return { kind: 'unavailable', reason: 'cancelled' };
    const code = errorCode(error);
    if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) throw error;
    this.#log.warn('Failed to read a repository', { project_path: projectPath, error_code: code });
    return { kind: 'unavailable', reason: `repository cannot be read (${code})` };
  }
}

async function isRepository(gitDir: string): Promise<boolean> {
  try {
    await stat(join(gitDir, 'HEAD'));
    return (await stat(join(gitDir, 'objects'))).isDirectory();
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}
