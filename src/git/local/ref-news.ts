/**
 * News of pushes to repositories on this disk, without asking: their folders of refs are watched while somebody listens.
 *
 * 1. Only a hint: a watch that cannot be had or breaks is no error, because whoever listens polls as well.
 * 2. One watch per repository, however many listen; it ends with the last listener.
 * 3. A push writes several files; what is heard within a moment is told once.
 */
import { watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Log, TimerHandle } from '../../ports/index.ts';

const gatherMs = 50;

interface Watched {
  readonly listeners: Set<() => void>;
  readonly watchers: FSWatcher[];
  timer: TimerHandle;
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
    const watched: Watched = { listeners: new Set(), watchers: [], timer: undefined };
    this.#byFolder.set(gitDir, watched);
    // Branches are files here; packing them writes `packed-refs` beside `HEAD`.
    for (const folder of [join(gitDir, 'refs', 'heads'), join(gitDir, 'refs', 'tags'), gitDir]) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#noticed(watched));
        watcher.on('error', (error) => {
          watcher.close(); // 1
          this.#log.debug('Refs are not watched any more', { folder, error });
        });
        watched.watchers.push(watcher);
      } catch (error) {
        this.#log.debug('Refs cannot be watched', { folder, error: error as Error }); // 1
      }
    }
    return watched;
  }

  #noticed(watched: Watched): void {
    watched.timer ??= this.#clock.setTimeout(() => {
      watched.timer = undefined;
      for (const listener of watched.listeners) listener();
    }, gatherMs); // 3
  }

  #end(gitDir: string, { watchers, timer }: Watched): void {
    this.#byFolder.delete(gitDir);
    for (const watcher of watchers) watcher.close();
    this.#clock.clearTimeout(timer);
  }
}
