/** What came of a manifest project: the commit to read next, and the last one that could be read. Newest wins (`spec/agentk.md §5.3`). */
import type { Manifest, ManifestFile } from '../../manifests/index.ts';

/** A commit as kas sent it. */
export interface ReceivedCommit {
  readonly commitId: string;
  /** Numeric id of the manifest project. */
  readonly projectId: bigint;
  readonly files: readonly ManifestFile[];
}

/** A commit that could be read. */
export interface ReadCommit {
  readonly commitId: string;
  readonly projectId: bigint;
  readonly manifests: readonly Manifest[];
}

export class CommitSlot {
  #received: ReceivedCommit | undefined;
  #read: ReadCommit | undefined;

  receive(commit: ReceivedCommit): void {
    this.#received = commit;
  }

  /** The commit of this id while it is the newest and not read yet. */
  unread(commitId: string): ReceivedCommit | undefined {
    return this.#received?.commitId === commitId ? this.#received : undefined;
  }

  /** It was read: its files are not needed any more. */
  keep(commit: ReadCommit): void {
    this.reject(commit.commitId);
    this.#read = commit;
  }

  /** It cannot be read: the one before stays what is to be in the cluster. */
  reject(commitId: string): void {
    if (this.#received?.commitId === commitId) this.#received = undefined;
  }

  /** What is to be in the cluster. */
  get usable(): ReadCommit | undefined {
    return this.#read;
  }
}
