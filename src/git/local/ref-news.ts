/**
 * News of pushes to repositories on this disk, without asking: their folders of refs are watched while somebody listens.
 *
 * 1. Only a hint: a watch that cannot be had or breaks is no error, because whoever listens polls as well.
 * 2. One watch per repository, however many listen; it ends with the last listener.
 * 3. A push writes several files; what is heard within a moment is told once.
 * 4. A repository that goes and comes back is another one under the same name: that is news, and it is watched anew. Seen is
 *    what happens in the folder it lies in; a folder above that only by who polls.
 */
import { watch, type FSWatcher } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Clock, Log, TimerHandle } from '../../ports/index.ts';

const gatherMs = 50;

interface Watched {
  readonly listeners: Set<() => void>;
  /** By the folder they watch. */
  readonly watchers: Map<string, FSWatcher>;
  timer: TimerHandle;
  closed: boolean;
}

export class RefNews {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #byFolder = new Map<string, Watched>();

  constructor(deps: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = deps.clock;
    this.#log = deps.log;
  }

  /** Repositories watched. */
  get count(): number {
    return this.#byFolder.size;
  }

  /** Calls `heard` soon after a ref of the repository changed, until the answered function is called. */
  listen(gitDir: string, heard: () => void): () => void {
    const watched = this.#byFolder.get(gitDir) ?? this.#begin(gitDir);
    const listener = () => heard(); // its own identity: one may listen twice
    watched.listeners.add(listener);
    return () => {
      if (!watched.listeners.delete(listener) || watched.listeners.size > 0) return;
      this.#end(gitDir, watched); // 2
    };
  }

  /** Ends all watches. */
  close(): void {
    for (const [gitDir, watched] of this.#byFolder) this.#end(gitDir, watched);
  }

  #begin(gitDir: string): Watched {
    const watched: Watched = { listeners: new Set(), watchers: new Map(), timer: undefined, closed: false };
    this.#byFolder.set(gitDir, watched);
    this.#watch(watched, dirname(gitDir), (name) => {
      if (name !== basename(gitDir)) return;
      for (const folder of foldersOf(gitDir)) closeWatch(watched, folder); // 4: what they watched is gone
      this.#noticed(gitDir, watched);
    });
    this.#watchInside(gitDir, watched);
    return watched;
  }

  /** Watches what is there of a repository and not watched yet: it may just be being made. */
  #watchInside(gitDir: string, watched: Watched): void {
    for (const folder of foldersOf(gitDir))
      this.#watch(watched, folder, () => this.#noticed(gitDir, watched));
  }

  #watch(watched: Watched, folder: string, saw: (name: string | null) => void): void {
    if (watched.watchers.has(folder)) return;
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => saw(name));
      watcher.on('error', (error) => {
        closeWatch(watched, folder); // 1
        this.#log.debug('Refs are not watched any more', { folder, error });
      });
      watched.watchers.set(folder, watcher);
    } catch (error) {
      this.#log.debug('Refs cannot be watched', { folder, error: error as Error }); // 1
    }
  }

  #noticed(gitDir: string, watched: Watched): void {
    if (watched.closed) return;
    watched.timer ??= this.#clock.setTimeout(() => {
      watched.timer = undefined;
      this.#watchInside(gitDir, watched); // 4
      for (const listener of watched.listeners) listener();
    }, gatherMs); // 3
  }

  #end(gitDir: string, watched: Watched): void {
    watched.closed = true;
    this.#byFolder.delete(gitDir);
    for (const folder of watched.watchers.keys()) closeWatch(watched, folder);
    this.#clock.clearTimeout(watched.timer);
  }
}

/** Branches are files here; packing them writes `packed-refs` beside `HEAD`. */
function foldersOf(gitDir: string): readonly string[] {
  return [join(gitDir, 'refs', 'heads'), join(gitDir, 'refs', 'tags'), gitDir];
}

function closeWatch({ watchers }: Watched, folder: string): void {
  watchers.get(folder)?.close();
  watchers.delete(folder);
}
