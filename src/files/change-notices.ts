/**
 * Noticing that files are others now. Their folders are watched rather than they, because editors and mounted ConfigMaps
 * and Secrets replace files; any news from a folder, and every few seconds none, makes us look at the files' identity,
 * size and times.
 *
 * 1. Where the system cannot tell of changes (network mounts, no watches left) the looking alone suffices.
 * 2. At most one look is under way; news meanwhile causes one more.
 */
import { watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fromCallback } from 'xstate';
import type { Clock, Log, TimerHandle } from '../ports/index.ts';
import { fileTimes } from './limits.ts';

/** Watches a folder; `onNews` comes for any change in it, `onLost` once when no more news will come. */
export type WatchFolder = (
  folder: string,
  onNews: () => void,
  onLost: (error: Error) => void,
) => { close(): void };

type Notice = { readonly type: 'files.changed' };

export interface Watched {
  readonly files: readonly string[];
  /** Whether the files with this signature are those that were read last. */
  wasRead(signature: string): boolean;
}

interface NoticesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly watchFolder: WatchFolder;
  readonly watchedBy: (name: string) => Watched;
}

/** What tells one state of files from another. Never rejects: a file that is not there has a signature too. */
export async function filesSignature(files: readonly string[]): Promise<string> {
  return (await Promise.all(files.map(fileSignature))).join(' ');
}

async function fileSignature(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return `absent: ${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'}`;
  }
}

/** The callback logic behind `noticeChanges` of the `watchedFiles` machine. */
export function changeNotices(deps: NoticesDeps) {
  return fromCallback<Notice | { readonly type: 'stop.requested' }, { readonly name: string }>(
    ({ input, sendBack }) => {
      const notices = new Notices(deps, deps.watchedBy(input.name), (notice) => sendBack(notice));
      return () => notices.close();
    },
  );
}

class Notices {
  readonly #deps: NoticesDeps;
  readonly #watched: Watched;
  readonly #notify: (notice: Notice) => void;
  readonly #watchers: readonly { close(): void }[];
  #timer: TimerHandle;
  #looking = false;
  #lookAgain = false;
  #closed = false;

  constructor(deps: NoticesDeps, watched: Watched, notify: (notice: Notice) => void) {
    this.#deps = deps;
    this.#watched = watched;
    this.#notify = notify;
    const folders = new Set(watched.files.map((file) => dirname(file)));
    this.#watchers = [...folders].flatMap((folder) => this.#watch(folder));
    this.#timer = this.#poll();
  }

  close(): void {
    this.#closed = true;
    this.#deps.clock.clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
  }

  #watch(folder: string): { close(): void }[] {
    const lost = (error: Error): void => {
      this.#deps.log.warn('Folder cannot be watched; changes of its files are noticed by polling', {
        folder,
        error,
      }); // 1
    };
    try {
      return [this.#deps.watchFolder(folder, () => this.#look(), lost)];
    } catch (error) {
      lost(error instanceof Error ? error : new Error(String(error)));
      return [];
    }
  }

  #poll(): TimerHandle {
    return this.#deps.clock.setTimeout(() => {
      this.#look();
      this.#timer = this.#poll();
    }, fileTimes.pollMs);
  }

  #look(): void {
    if (this.#looking) {
      this.#lookAgain = true; // 2
      return;
    }
    this.#looking = true;
    this.#lookAgain = false;
    void filesSignature(this.#watched.files).then((signature) => {
      this.#looking = false;
      if (this.#closed) return;
      if (!this.#watched.wasRead(signature)) this.#notify({ type: 'files.changed' });
      if (this.#lookAgain) this.#look();
    });
  }
}

/** The system's own watch. It does not keep the process alive. */
export const systemWatchFolder: WatchFolder = (folder, onNews, onLost) => {
  const watcher = watch(folder, { persistent: false });
  watcher.on('change', onNews);
  watcher.on('error', (error: Error) => {
    watcher.close();
    onLost(error);
  });
  return watcher;
};
