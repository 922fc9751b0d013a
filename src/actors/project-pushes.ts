/**
 * Hands news of pushes to those in this process who wait for them, by project: thousands of streams, of which a push
 * concerns a few.
 *
 * 1. A listener added or removed while news is handed out does not disturb the round under way.
 * 2. A listener that throws has a bug: it is logged, and the others hear the news all the same.
 * 3. Who listens to what is bounded by the populations of listeners; a project nobody listens to costs nothing.
 */
import type { GitRepository, Log, PushEvent, PushEvents } from '../ports/index.ts';

type Listener = (pushed: PushEvent) => void;
/** News of a repository's refs where they can be known without asking. */
type WatchRefs = (repository: GitRepository, heard: () => void) => () => void;

export class ProjectPushes {
  readonly #log: Log;
  readonly #watchRefs: WatchRefs | undefined;
  readonly #byProject = new Map<string, Set<Listener>>();
  #count = 0;

  constructor(deps: { readonly pushEvents: PushEvents; readonly log: Log; readonly watchRefs?: WatchRefs }) {
    this.#log = deps.log;
    this.#watchRefs = deps.watchRefs;
    deps.pushEvents.subscribe((pushed) => this.#tell(pushed));
  }

  /** Subscriptions, per project and stream. */
  get count(): number {
    return this.#count;
  }

  /** Calls `heard` at each push to the project (paths are compared exactly), until the answered function is called. */
  listen(projectPath: string, heard: Listener): () => void {
    const listener: Listener = (pushed) => heard(pushed); // its own identity: one may listen twice
    const listeners = this.#byProject.get(projectPath) ?? new Set<Listener>();
    listeners.add(listener);
    this.#byProject.set(projectPath, listeners);
    this.#count += 1;
    return () => {
      if (!listeners.delete(listener)) return;
      this.#count -= 1;
      if (listeners.size === 0 && this.#byProject.get(projectPath) === listeners) {
        this.#byProject.delete(projectPath);
      }
    };
  }

  /** The same for a repository, with what can be seen of it on this disk: nobody announces pushes where there is no GitLab. */
  listenTo(repository: GitRepository, heard: () => void): () => void {
    const stops = [this.listen(repository.projectPath, heard), this.#watchRefs?.(repository, heard)];
    return () => {
      for (const stop of stops) stop?.();
    };
  }

  #tell(pushed: PushEvent): void {
    const listeners = [...(this.#byProject.get(pushed.projectPath) ?? [])]; // invariant 1
    for (const listener of listeners) {
      try {
        listener(pushed);
      } catch (error) {
        this.#log.error('A listener for pushes failed', { error: error as Error });
      }
    }
  }
}
