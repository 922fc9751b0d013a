/**
 * Git as a port: the four questions kas asks of a repository (`spec/gitlab.md §3`). `src/git/local` reads bare
 * repositories on disk, `src/git/gitaly` asks GitLab's Git servers, `src/git/http` any remote that speaks smart HTTP.
 */

/** Where a repository is and how to reach it. Only the adapter that made it looks inside `location`. */
export interface GitRepository {
  /** Full path of the project, e.g. `group/project`: for messages and push events. */
  readonly projectPath: string;
  readonly location:
    | { readonly kind: 'local'; readonly gitDir: string }
    | ({ readonly kind: 'gitaly' } & GitalyLocation)
    | ({ readonly kind: 'http' } & HttpLocation);
}

/** As GitLab gives it with every answer about a project (`spec/gitlab.md §1.5`). */
export interface GitalyLocation {
  readonly address: string;
  /** Empty when the server asks for none. */
  readonly token: string;
  /** Sent as metadata with every call. */
  readonly features: Readonly<Record<string, string>>;
  readonly storageName: string;
  readonly relativePath: string;
  readonly glRepository: string;
  /** Where a quarantined or pooled repository has its objects; absent means the usual place. */
  readonly gitObjectDirectory?: string;
  readonly gitAlternateObjectDirectories?: readonly string[];
}

/** A remote as `git clone` would be given it. */
export interface HttpLocation {
  /** `https://host/path`, without user, query or fragment. */
  readonly url: string;
  /** Holds `user:password` or a token; read anew for every operation. */
  readonly credentialsFile?: string;
  /**
   * Host names, addresses and networks (`10.0.0.0/8`) that may have private addresses, be asked without TLS, and be
   * redirected to. No other host may.
   */
  readonly trustedHosts: readonly string[];
}

export type GitFailure =
  | { readonly kind: 'notFound'; readonly reason: string }
  | { readonly kind: 'tooBig'; readonly reason: string }
  | { readonly kind: 'notAFile'; readonly reason: string }
  | { readonly kind: 'invalid'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

export type ResolvedRef =
  | { readonly kind: 'commit'; readonly commitId: string }
  /** The repository has no refs at all. */
  | { readonly kind: 'empty' }
  | GitFailure;

export type FileContents = { readonly kind: 'file'; readonly bytes: Buffer } | GitFailure;

/** Bounds of reading several files: of each, and of all of them. */
export interface FilesBounds {
  readonly fileBytesMax: number;
  readonly totalBytesMax: number;
}

export type FilesRead =
  | { readonly kind: 'files'; readonly files: ReadonlyMap<string, Buffer> }
  /** `path` is the file it is about, when it is about one. */
  | (GitFailure & { readonly path?: string });

export interface TreeEntry {
  readonly path: string;
  readonly type: 'blob' | 'tree' | 'commit';
  readonly oid: string;
}
export type TreeListing = { readonly kind: 'tree'; readonly entries: readonly TreeEntry[] } | GitFailure;

export interface Git {
  /**
   * Finds the commit of a full ref name (`refs/heads/x`, `refs/tags/x`, peeled) or of `HEAD`; for `HEAD` falls back to
   * `refs/heads/main`, then `refs/heads/master` (`spec/wire.md §14`).
   */
  resolveRef(repository: GitRepository, ref: string, signal: AbortSignal): Promise<ResolvedRef>;
  /** Reads one regular file at a commit; larger than `maxBytes` answers `tooBig`. */
  readFile(
    repository: GitRepository,
    commitId: string,
    path: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<FileContents>;
  /**
   * Reads regular files of one commit in as few exchanges as the repository allows: all of them, or the first failure.
   * Larger than the bounds answers `tooBig`.
   */
  readFiles(
    repository: GitRepository,
    commitId: string,
    paths: readonly string[],
    bounds: FilesBounds,
    signal: AbortSignal,
  ): Promise<FilesRead>;
  /**
   * Lists a folder (`.` is the root) at a commit; paths are relative to the repository's root. Of a `gitaly` location a
   * full ref name or `HEAD` may be given in place of a commit.
   */
  listTree(
    repository: GitRepository,
    commitId: string,
    path: string,
    options: { readonly recursive: boolean; readonly maxEntries: number },
    signal: AbortSignal,
  ): Promise<TreeListing>;
}
