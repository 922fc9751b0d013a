/**
 * The Git port over Gitaly, GitLab's Git servers (`spec/gitlab.md §3`). Address, token and features come with every question:
 * GitLab may move a project at any time.
 *
 * 1. Every question ends by its deadline or the caller's signal, the wait for its turn included.
 * 2. Nothing larger than what was asked for is kept, whatever a server sends.
 * 3. A repository that is not there is told apart from a file that is not there by asking for the ref first; a folder that
 *    is not there is never an empty folder.
 *
 * The gRPC library does the calls, not `src/pipe/grpc`: there are some tens per second at most, so that its cost does not
 * count, while names with several addresses, sockets in the file system and reconnecting come with it
 * (docs/adr/0008-git-over-gitaly-and-http.md).
 */
import { create } from '@bufbuild/protobuf';
import type {
  Clock,
  FileContents,
  FilesBounds,
  FilesRead,
  Git,
  GitalyLocation,
  GitFailure,
  GitRepository,
  Log,
  Metrics,
  Random,
  ResolvedRef,
  TreeEntry,
  TreeListing,
} from '../../ports/index.ts';
import {
  GetTreeEntriesRequestSchema,
  InfoRefsRequestSchema,
  methods,
  RepositorySchema,
  TreeEntry_EntryType,
  TreeEntryRequestSchema,
  type Repository,
} from '../../protocol/index.ts';
import {
  DynamicSupervisor,
  Registry,
  reportsToLog,
  type TransitionObserver,
} from '../../supervisor/index.ts';
import { pathParts, RepositoryFault } from '../objects/index.ts';
import { bounded, readEach } from '../operation/index.ts';
import {
  Advertisement,
  advertisementBytesMax,
  isRefName,
  PacketDecoder,
  protocolFault,
  RefChoice,
} from '../pack-protocol/index.ts';
import type { ProxyEnvironment } from '../proxy/index.ts';
import { CallLimiter, limiterReport } from './call-limiter.ts';
import { type CallEnd, GitalyCalls } from './calls.ts';
import { GitalyChannels } from './channels.ts';
import { failureOf, fileFailureOf, listingFailureOf } from './failures.ts';
import { FileAssembly } from './file-assembly.ts';
import { type CallRate, filesAtOnceMax, gitalyLimits, type GitalyLimits } from './limits.ts';

export interface GitalyGitOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  /** `gitlab-kas/<version>/<commit>` */
  readonly userAgent: string;
  /** `gitaly.global_api_rate_limit` */
  readonly globalRate: CallRate;
  /** `gitaly.per_server_api_rate_limit` */
  readonly perServerRate: CallRate;
  /** For `HTTPS_PROXY` and `NO_PROXY`. */
  readonly environment: ProxyEnvironment;
  /** Certificate authorities for `tls://`, PEM; absent means the system's. */
  readonly authorities?: Buffer;
  readonly observe?: TransitionObserver | undefined;
  readonly limits?: Partial<GitalyLimits>;
}

export interface GitalyGit extends Git {
  /** Closes all channels when their calls are done. */
  close(): Promise<void>;
}

/** Makes the port; nothing is dialled before the first question. */
export async function openGitalyGit(options: GitalyGitOptions): Promise<GitalyGit> {
  const { clock, random, log, metrics, observe, globalRate } = options;
  const limits = { ...gitalyLimits, ...options.limits };
  const supervisor = new DynamicSupervisor(
    // A retiring channel and its successor overlap.
    { id: 'gitaly-channels', maxChildren: limits.serversMax * 2 },
    {
      clock,
      random,
      registry: new Registry(),
      report: reportsToLog(log),
      ...(observe === undefined ? {} : { observe }),
    },
  );
  await supervisor.start();
  const calls = new GitalyCalls({
    channels: new GitalyChannels({ ...options, supervisor, serversMax: limits.serversMax }),
    globalLimiter: new CallLimiter(
      globalRate,
      clock,
      limiterReport(metrics, 'gitaly_client_global', globalRate),
    ),
    clock,
    metrics,
  });
  return new GitalyRepositories(calls, clock, limits, () => supervisor.stop('closed'));
}

interface Question {
  readonly location: GitalyLocation;
  readonly repository: Repository;
  readonly bounds: { readonly msMax: number; readonly signal: AbortSignal };
}

class GitalyRepositories implements GitalyGit {
  readonly #calls: GitalyCalls;
  readonly #clock: Clock;
  readonly #limits: GitalyLimits;
  readonly close: () => Promise<void>;

  constructor(calls: GitalyCalls, clock: Clock, limits: GitalyLimits, close: () => Promise<void>) {
    this.#calls = calls;
    this.#clock = clock;
    this.#limits = limits;
    this.close = close;
  }

  resolveRef(repository: GitRepository, ref: string, signal: AbortSignal): Promise<ResolvedRef> {
    if (!isRefName(ref)) return Promise.resolve({ kind: 'invalid', reason: 'not a full ref name' });
    return this.#ask<ResolvedRef>(repository, signal, async ({ location, repository, bounds }) => {
      const choice = new RefChoice(ref);
      const advertisement = new Advertisement(choice);
      const decoder = new PacketDecoder();
      let bytes = 0;
      // No options and no protocol: either would pass by Gitaly's cache (spec/gitlab.md §3.5).
      const request = create(InfoRefsRequestSchema, { repository });
      const end = await this.#calls.run(location, methods.infoRefsUploadPack, request, bounds, ({ data }) => {
        bytes += data.length;
        if (bytes > advertisementBytesMax)
          throw new RepositoryFault('unavailable', 'there are too many refs');
        for (const packet of decoder.push(data)) {
          advertisement.take(packet);
          if (choice.decided) return false;
        }
        return true;
      });
      if (end.kind !== 'taken') return failed(end, failureOf);
      if (choice.decided) return choice.answer();
      decoder.end();
      if (!advertisement.complete) throw protocolFault('the list of refs has no end');
      return choice.answer();
    });
  }

  readFile(
    repository: GitRepository,
    commitId: string,
    path: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<FileContents> {
    if (!isRevision(commitId)) return badRevision;
    if ((pathParts(path) ?? []).length === 0) return badPath;
    return this.#ask<FileContents>(repository, signal, async ({ location, repository, bounds }) => {
      const assembly = new FileAssembly(maxBytes);
      const request = create(TreeEntryRequestSchema, {
        repository,
        revision: Buffer.from(commitId),
        path: Buffer.from(path),
        // 0 would mean without limit; a file of one byte is refused by the assembly.
        maxSize: BigInt(Math.max(1, maxBytes)),
      });
      const end = await this.#calls.run(location, methods.treeEntry, request, bounds, (part) =>
        assembly.take(part),
      );
      if (end.kind !== 'taken') return failed(end, fileFailureOf);
      return assembly.answer();
    });
  }

  /** A call per file: Gitaly's rate limits and its errors are then those the originals meet. */
  readFiles(
    repository: GitRepository,
    commitId: string,
    paths: readonly string[],
    bounds: FilesBounds,
    signal: AbortSignal,
  ): Promise<FilesRead> {
    return readEach(paths, bounds, filesAtOnceMax, (path, bytesMax) =>
      this.readFile(repository, commitId, path, bytesMax, signal),
    );
  }

  listTree(
    repository: GitRepository,
    commitId: string,
    path: string,
    options: { readonly recursive: boolean; readonly maxEntries: number },
    signal: AbortSignal,
  ): Promise<TreeListing> {
    if (!isRevision(commitId)) return badRevision;
    const parts = pathParts(path);
    if (parts === undefined) return badPath;
    const folder = parts.length === 0 ? '.' : path;
    return this.#ask<TreeListing>(repository, signal, async ({ location, repository, bounds }) => {
      const entries: TreeEntry[] = [];
      const request = create(GetTreeEntriesRequestSchema, {
        repository,
        revision: Buffer.from(commitId),
        path: Buffer.from(folder),
        recursive: options.recursive,
        skipFlatPaths: !options.recursive,
      });
      const end = await this.#calls.run(location, methods.getTreeEntries, request, bounds, (message) => {
        for (const { path, type, oid } of message.entries) {
          if (entries.length >= options.maxEntries) {
            throw new RepositoryFault('tooBig', `folder has more than ${options.maxEntries} entries`); // 2
          }
          entries.push({ path: Buffer.from(path).toString('utf8'), type: entryType(type), oid });
        }
        return true;
      });
      if (end.kind !== 'taken') return failed(end, listingFailureOf);
      // Old servers list nothing where there is nothing (spec/gitlab.md §3.7), and git keeps no empty folders.
      if (entries.length === 0 && folder !== '.') return { kind: 'notFound', reason: folder }; // 3
      return { kind: 'tree', entries };
    });
  }

  async #ask<T>(
    repository: GitRepository,
    signal: AbortSignal,
    work: (question: Question) => Promise<T>,
  ): Promise<T | GitFailure> {
    const { location, projectPath } = repository;
    if (location.kind !== 'gitaly')
      return { kind: 'invalid', reason: 'repository is not on a Gitaly server' };
    const msMax = this.#limits.operationMsMax;
    const bounds = { clock: this.#clock, msMax, signal, late: 'Gitaly took too long' };
    return bounded<T | GitFailure>(bounds, async (ended) => {
      try {
        const repository = gitalyRepository(location, projectPath);
        return await work({ location, repository, bounds: { msMax, signal: ended } });
      } catch (error) {
        if (error instanceof RepositoryFault) return error.failure;
        throw error;
      }
    }); // 1
  }
}

function gitalyRepository(location: GitalyLocation, projectPath: string): Repository {
  return create(RepositorySchema, {
    storageName: location.storageName,
    relativePath: location.relativePath,
    gitObjectDirectory: location.gitObjectDirectory ?? '',
    gitAlternateObjectDirectories: [...(location.gitAlternateObjectDirectories ?? [])],
    glRepository: location.glRepository,
    glProjectPath: projectPath,
  });
}

function failed(
  end: Exclude<CallEnd, { kind: 'taken' }>,
  meaning: (status: Extract<CallEnd, { kind: 'status' }>['status']) => GitFailure,
): GitFailure {
  return end.kind === 'status' ? meaning(end.status) : end;
}

/** Object ids, also shortened ones, and full names of refs: what Gitaly takes and no option of git looks like. */
function isRevision(text: string): boolean {
  return /^[0-9a-f]{4,64}$/.test(text) || isRefName(text);
}

/** A type this does not know yet is at least no file. */
function entryType(type: TreeEntry_EntryType): TreeEntry['type'] {
  if (type === TreeEntry_EntryType.BLOB) return 'blob';
  return type === TreeEntry_EntryType.TREE ? 'tree' : 'commit';
}
const badRevision = Promise.resolve({ kind: 'invalid', reason: 'not a commit id' } as const);
const badPath = Promise.resolve({ kind: 'invalid', reason: 'not a path inside the repository' } as const);
