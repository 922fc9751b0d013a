/**
 * News of git pushes, told to every kas (`spec/kas.md §4.5`): one kas hears of a push from GitLab, and the streams that
 * look at that project live in others. With Redis it is a channel all instances share, alone it stays in the process.
 */
export interface PushEvent {
  readonly projectId: bigint;
  /** Full path of the project, e.g. `group/project`. */
  readonly projectPath: string;
}

export interface PushEvents {
  /** Resolves when the news is on its way, to this process too; rejects when it could not be told. */
  publish(event: PushEvent): Promise<void>;
  /** Tells the listener of every push from now on; answers how to stop. A listener must not wait: others come after it. */
  subscribe(listener: (event: PushEvent) => void): () => void;
}
