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
  FilesBounds,
  FilesRead,
  Git,
  GitFailure,
  GitRepository,
  Log,
  ResolvedRef,
  TreeListing,
} from '../../ports/index.ts';
import {
  CommitFiles,
  errorCode,
  isAbsent,
  listTreeAt,
  peelToCommit,
  readFileAt,
  RepositoryFault,
} from '../objects/index.ts';
import { bounded, readEach } from '../operation/index.ts';
import { isRefName } from '../pack-protocol/index.ts';
import { filesAtOnceMax, localGitLimits, type LocalGitLimits } from './limits.ts';
import { ObjectDatabase } from './object-database.ts';
import { findRef, hasRefs } from './refs.ts';

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
    return this.#operation<FileContents>(repository, signal, (_gitDir, objects) =>
      readFileAt(objects, commitId, path, maxBytes, this.#limits.objectBytesMax),
    );
  }

  readFiles(
    repository: GitRepository,
    commitId: string,
    paths: readonly string[],
    bounds: FilesBounds,
    signal: AbortSignal,
  ): Promise<FilesRead> {
    return this.#operation<FilesRead>(repository, signal, (_gitDir, objects) => {
      const files = new CommitFiles(objects, commitId, this.#limits.objectBytesMax);
      return readEach(paths, bounds, filesAtOnceMax, (path, bytesMax) => files.read(path, bytesMax));
    });
  }

  listTree(
    repository: GitRepository,
    commitId: string,
    path: string,
    options: { readonly recursive: boolean; readonly maxEntries: number },
    signal: AbortSignal,
  ): Promise<TreeListing> {
    return this.#operation<TreeListing>(repository, signal, (_gitDir, objects) =>
      listTreeAt(objects, commitId, path, options, this.#limits.objectBytesMax),
    );
  }

  async #operation<T>(
    repository: GitRepository,
    signal: AbortSignal,
    work: (gitDir: string, objects: ObjectDatabase) => Promise<T>,
  ): Promise<T | GitFailure> {
    const { location } = repository;
    if (location.kind !== 'local') return { kind: 'invalid', reason: 'repository is not on this disk' };
    const { gitDir } = location;
    const bounds = {
      clock: this.#clock,
      msMax: this.#limits.operationMsMax,
      signal,
      late: 'repository read took too long',
    };
    return bounded(bounds, async (ended): Promise<T | GitFailure> => {
      const objects = new ObjectDatabase(gitDir, this.#limits, ended);
      try {
        if (!(await isRepository(gitDir))) return { kind: 'notFound', reason: 'repository not found' };
        return await work(gitDir, objects);
      } catch (error) {
        return this.#verdict(error, ended, repository.projectPath); // 3
      } finally {
        await objects.close();
      }
    }); // 1
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
