/**
 * The Git port over any remote that speaks smart HTTP, so that kas needs neither GitLab nor a copy on disk.
 *
 * 1. An unchanged ref costs one `ls-refs`; who asks the same at the same time shares it (`spec/users.md` 58).
 * 2. A commit is fetched once, without history and, where the server can, without files; it is kept for the questions that
 *    follow, within a bound.
 * 3. Several files are asked for in one exchange (`filesTogetherMax`).
 * 4. Every question ends by its deadline or the caller's signal.
 */
import type {
  Clock,
  FileContents,
  FilesBounds,
  FilesRead,
  Git,
  GitFailure,
  GitRepository,
  HttpLocation,
  Metrics,
  ResolvedRef,
  TreeListing,
} from '../../ports/index.ts';
import { CommitFiles, listTreeAt, readFileAt, RepositoryFault } from '../objects/index.ts';
import { bounded, readEach } from '../operation/index.ts';
import { isRefName, packetText, protocolFault, RefChoice, refNamesToTry } from '../pack-protocol/index.ts';
import type { ProxyEnvironment } from '../proxy/index.ts';
import {
  filesAtOnceMax,
  filesTogetherMax,
  type HttpGitLimits,
  httpGitLimits,
  listedBytesMax,
  remotesMax,
} from './limits.ts';
import { MemoryPack } from './memory-pack.ts';
import { type Learnt, Remote } from './remote.ts';
import { SharedWork } from './shared-work.ts';
import { Snapshot } from './snapshot.ts';
import { SnapshotCache } from './snapshot-cache.ts';
import { Transports } from './transport.ts';
import { FetchAnswer, fetchRequest, leavesFilesOut, lsRefsRequest } from './upload-pack.ts';

export interface HttpGitOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** What kas calls itself, e.g. `gitlab-kas/16.5.0/abcdef1`. */
  readonly userAgent: string;
  /** For `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. */
  readonly environment: ProxyEnvironment;
  /** Certificate authorities, PEM; absent means the system's. */
  readonly authorities?: Buffer;
  readonly limits?: Partial<HttpGitLimits>;
}

export interface HttpGit extends Git {
  close(): Promise<void>;
}

/** Makes the port; nothing is asked before the first question. */
export function httpGit(options: HttpGitOptions): HttpGit {
  return new HttpRepositories(options);
}

class HttpRepositories implements HttpGit {
  readonly #clock: Clock;
  readonly #limits: HttpGitLimits;
  readonly #agent: string;
  readonly #transports: Transports;
  readonly #remotes = new Map<string, Remote>();
  readonly #shared = new SharedWork();
  readonly #snapshots: SnapshotCache;

  constructor(options: HttpGitOptions) {
    const { clock, metrics, userAgent, limits } = options;
    this.#clock = clock;
    this.#limits = { ...httpGitLimits, ...limits };
    this.#agent = `git/2 (${userAgent})`;
    this.#transports = new Transports(options);
    this.#snapshots = new SnapshotCache(this.#limits.cacheBytesMax);
    metrics.observed(
      { name: 'kas_git_http_remotes', help: 'Git remotes remembered' },
      () => this.#remotes.size,
    );
    metrics.observed(
      { name: 'kas_git_http_cache_bytes', help: 'Bytes of fetched commits that are kept' },
      () => this.#snapshots.heldBytes,
    );
  }

  close(): Promise<void> {
    return this.#transports.close();
  }

  resolveRef(repository: GitRepository, ref: string, signal: AbortSignal): Promise<ResolvedRef> {
    if (!isRefName(ref)) return Promise.resolve({ kind: 'invalid', reason: 'not a full ref name' });
    return this.#ask<ResolvedRef>(repository, signal, (location, ended) =>
      this.#shared.run(`${remoteKey(location)} ${ref}`, ended, (end) => this.#resolve(location, ref, end)),
    ); // 1
  }

  readFile(
    repository: GitRepository,
    commitId: string,
    path: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<FileContents> {
    return this.#ask<FileContents>(repository, signal, async (location, ended) =>
      readFileAt(
        await this.#objects(location, commitId, ended),
        commitId,
        path,
        maxBytes,
        this.#limits.objectBytesMax,
      ),
    );
  }

  readFiles(
    repository: GitRepository,
    commitId: string,
    paths: readonly string[],
    bounds: FilesBounds,
    signal: AbortSignal,
  ): Promise<FilesRead> {
    return this.#ask<FilesRead>(repository, signal, async (location, ended) => {
      const snapshot = await this.#objects(location, commitId, ended);
      const files = new CommitFiles(snapshot, commitId, this.#limits.objectBytesMax);
      const found = await Promise.all(paths.map((path) => files.find(path)));
      const oids = found.flatMap((each) => (each.kind === 'found' ? [each.oid] : []));
      await this.#fetchTogether(location, snapshot, oids, bounds.totalBytesMax, ended);
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
    return this.#ask<TreeListing>(repository, signal, async (location, ended) =>
      listTreeAt(
        await this.#objects(location, commitId, ended),
        commitId,
        path,
        options,
        this.#limits.objectBytesMax,
      ),
    );
  }

  async #resolve(location: HttpLocation, ref: string, signal: AbortSignal): Promise<ResolvedRef> {
    const remote = this.#remote(location);
    const choice = new RefChoice(ref);
    const { learnt, listed } = await remote.learn(choice, signal);
    if (listed) return choice.answer();
    const names = refNamesToTry(ref);
    await this.#list(remote, learnt, ['HEAD', ...names.filter((name) => name !== 'HEAD')], choice, signal);
    if (choice.answer().kind !== 'empty') return choice.answer();
    // Nothing with these names: whether there is anything at all, one more question tells.
    const any = new RefChoice(ref);
    await this.#list(remote, learnt, [], any, signal);
    return any.answer();
  }

  async #list(
    remote: Remote,
    learnt: Learnt,
    prefixes: readonly string[],
    choice: RefChoice,
    signal: AbortSignal,
  ): Promise<void> {
    let complete = false;
    let bytes = 0;
    await remote.post(learnt, lsRefsRequest(learnt, this.#agent, prefixes), signal, (packet) => {
      if (packet.kind !== 'data') {
        complete ||= packet.kind === 'flush';
        return true;
      }
      bytes += packet.bytes.length;
      if (bytes > listedBytesMax) throw new RepositoryFault('unavailable', 'the remote lists too many refs');
      const [oid = '', name = '', ...attributes] = packetText(packet.bytes).split(' ');
      if (!choice.offer(name, oid)) throw protocolFault('a line that is no ref');
      const peeled = attributes.find((one) => one.startsWith('peeled:'))?.slice('peeled:'.length);
      if (peeled !== undefined) choice.offer(`${name}^{}`, peeled);
      if (prefixes.length > 0) return true;
      complete = true; // one ref is enough to know that there are some
      return false;
    });
    if (!complete) throw protocolFault('the list of refs has no end');
  }

  async #objects(location: HttpLocation, commitId: string, signal: AbortSignal): Promise<Snapshot> {
    if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(commitId)) {
      throw new RepositoryFault('invalid', 'not a full commit id');
    }
    const key = `${remoteKey(location)} ${commitId}`;
    return (
      this.#snapshots.get(key) ??
      this.#shared.run(key, signal, async (end) => {
        const remote = this.#remote(location);
        const { learnt } = await remote.learn(new RefChoice('HEAD'), end);
        const pack = await this.#fetch(remote, learnt, [commitId], 'commit', this.#limits.packBytesMax, end);
        const snapshot: Snapshot = new Snapshot(
          pack,
          leavesFilesOut(learnt) ? this.#missing(location, key) : undefined,
          (bytes) => this.#snapshots.grown(key, snapshot, bytes),
        );
        this.#snapshots.set(key, snapshot); // 2
        return snapshot;
      })
    );
  }

  /**
   * Fetches what a snapshot lacks of these files (3). What is too big or missing is told by who reads it alone: only then it is
   * known which file it is.
   */
  async #fetchTogether(
    location: HttpLocation,
    snapshot: Snapshot,
    oids: readonly string[],
    bytesMax: number,
    signal: AbortSignal,
  ): Promise<void> {
    const lacking = await snapshot.lacking(oids);
    if (lacking.length < 2) return;
    const remote = this.#remote(location);
    const { learnt } = await remote.learn(new RefChoice('HEAD'), signal);
    try {
      for (let from = 0; from < lacking.length; from += filesTogetherMax) {
        const some = lacking.slice(from, from + filesTogetherMax);
        snapshot.add(
          await this.#fetch(remote, learnt, some, 'file', packRoom(bytesMax, some.length), signal),
        );
      }
    } catch (error) {
      if (!(error instanceof RepositoryFault) || error.failure.kind === 'unavailable') throw error;
    }
  }

  /** Fetches files that were left out, each once for all who want it. */
  #missing(location: HttpLocation, key: string): (oid: string, bytesMax: number) => Promise<MemoryPack> {
    return (oid, bytesMax) =>
      bounded(
        { clock: this.#clock, msMax: this.#limits.operationMsMax, signal: neverAborted, late: tooLate },
        (ended) =>
          this.#shared.run(`${key} ${oid} ${bytesMax}`, ended, async (end) => {
            const remote = this.#remote(location);
            const { learnt } = await remote.learn(new RefChoice('HEAD'), end);
            return this.#fetch(remote, learnt, [oid], 'file', packRoom(bytesMax, 1), end);
          }),
      ).then((answer) => {
        if (answer instanceof MemoryPack) return answer;
        throw new RepositoryFault(answer.kind, answer.reason);
      });
  }

  async #fetch(
    remote: Remote,
    learnt: Learnt,
    oids: readonly string[],
    kind: 'commit' | 'file',
    roomBytes: number,
    signal: AbortSignal,
  ): Promise<MemoryPack> {
    const chunks: Buffer[] = [];
    const packBytesMax = Math.min(roomBytes, this.#limits.packBytesMax);
    let bytes = 0;
    const answer = new FetchAnswer(learnt.version, (chunk) => {
      bytes += chunk.length;
      if (bytes > packBytesMax) throw tooLarge(kind, packBytesMax);
      chunks.push(chunk);
    });
    await remote.post(learnt, fetchRequest(learnt, this.#agent, oids, kind), signal, (packet) => {
      answer.take(packet);
      return true;
    });
    if (!answer.complete) throw protocolFault('the end came within the pack');
    try {
      return await MemoryPack.open(Buffer.concat(chunks), learnt.oidBytes, this.#limits, signal);
    } catch (error) {
      // On its way, not in the repository: another try may get it whole.
      if (error instanceof RepositoryFault && error.failure.kind === 'invalid') {
        throw protocolFault(error.failure.reason);
      }
      throw error;
    }
  }

  #remote(location: HttpLocation): Remote {
    const key = remoteKey(location);
    const known = this.#remotes.get(key);
    const remote =
      known ??
      new Remote(location, { transports: this.#transports, clock: this.#clock, userAgent: this.#agent });
    this.#remotes.delete(key);
    this.#remotes.set(key, remote);
    const [oldest] = this.#remotes.keys();
    if (this.#remotes.size > remotesMax && oldest !== undefined) this.#remotes.delete(oldest);
    return remote;
  }

  #ask<T>(
    repository: GitRepository,
    signal: AbortSignal,
    work: (location: HttpLocation, signal: AbortSignal) => Promise<T>,
  ): Promise<T | GitFailure> {
    const { location } = repository;
    if (location.kind !== 'http') {
      return Promise.resolve({ kind: 'invalid', reason: 'repository is not a remote' });
    }
    const bounds = { clock: this.#clock, msMax: this.#limits.operationMsMax, signal, late: tooLate };
    return bounded<T | GitFailure>(bounds, async (ended) => {
      try {
        return await work(location, ended);
      } catch (error) {
        if (error instanceof RepositoryFault) return error.failure;
        if (ended.aborted) return { kind: 'unavailable', reason: 'cancelled' };
        throw error;
      }
    }); // 4
  }
}

const neverAborted = new AbortController().signal;
const tooLate = 'the remote took too long';

/** What zlib makes of so many bytes of files at most, and what is around them in a pack. */
function packRoom(bytes: number, files: number): number {
  return bytes + (bytes >> 9) + files * 64 + 1_024;
}

function tooLarge(kind: 'commit' | 'file', bytesMax: number): RepositoryFault {
  if (kind === 'file') return new RepositoryFault('tooBig', 'object is bigger than the maximum allowed size');
  const mebibytes = Math.floor(bytesMax / 1024 / 1024);
  return new RepositoryFault(
    'unavailable',
    `the commit is larger than ${mebibytes} MiB; let the server leave files out (uploadpack.allowFilter)`,
  );
}

/** Whoever may read a remote by other credentials, or from elsewhere, gets nothing fetched by these. */
function remoteKey({ url, credentialsFile, trustedHosts }: HttpLocation): string {
  return JSON.stringify([url, credentialsFile ?? '', trustedHosts]);
}
