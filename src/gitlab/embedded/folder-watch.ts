/**
 * Noticing that the directory file is another one now. The folder is watched rather than the file, because editors and
 * mounted ConfigMaps replace files; any news from the folder, and every few seconds none, makes us look at the file's
 * identity, size and times.
 *
 * 1. Where the system cannot tell of changes (network mounts, no watches left) the looking alone suffices.
 * 2. At most one look is under way; news meanwhile causes one more.
 */
import { watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fromCallback } from 'xstate';
import type { Clock, Log, TimerHandle } from '../../ports/index.ts';
import { embeddedTimes } from './limits.ts';

/** Watches a folder; `onNews` comes for any change in it, `onLost` once when no more news will come. */
export type WatchFolder = (
  folder: string,
  onNews: () => void,
  onLost: (error: Error) => void,
) => { close(): void };

type Notice = { readonly type: 'file.changed' };

export interface ChangeNoticesDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly watchFolder: WatchFolder;
  /** Whether the file with this signature is the one that was read last. */
  readonly wasRead: (signature: string) => boolean;
}

/** What tells one state of a file from another. Never rejects: a file that is not there has a signature too. */
export async function fileSignature(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return `absent: ${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'}`;
  }
}

/** The callback logic behind `noticeChanges` of the `directoryFile` machine. */
export function changeNotices(deps: ChangeNoticesDeps) {
  return fromCallback<Notice | { readonly type: 'stop.requested' }, { readonly file: string }>(
    ({ input, sendBack }) => {
      const notices = new Notices(deps, input.file, (notice) => sendBack(notice));
      return () => notices.close();
    },
  );
}

class Notices {
  readonly #deps: ChangeNoticesDeps;
  readonly #file: string;
  readonly #notify: (notice: Notice) => void;
  readonly #watcher: { close(): void } | undefined;
  #timer: TimerHandle;
  #looking = false;
  #lookAgain = false;
  #closed = false;

  constructor(deps: ChangeNoticesDeps, file: string, notify: (notice: Notice) => void) {
    this.#deps = deps;
    this.#file = file;
    this.#notify = notify;
    this.#watcher = this.#watch();
    this.#timer = this.#poll();
  }

  close(): void {
    this.#closed = true;
    this.#deps.clock.clearTimeout(this.#timer);
    this.#watcher?.close();
  }

  #watch(): { close(): void } | undefined {
    const lost = (error: Error): void => {
      this.#deps.log.warn('Folder of the directory file cannot be watched; changes are noticed by polling', {
        error,
      }); // 1
    };
    try {
      return this.#deps.watchFolder(dirname(this.#file), () => this.#look(), lost);
    } catch (error) {
      lost(error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
  }

  #poll(): TimerHandle {
    return this.#deps.clock.setTimeout(() => {
      this.#look();
      this.#timer = this.#poll();
    }, embeddedTimes.pollMs);
  }

  #look(): void {
    if (this.#looking) {
      this.#lookAgain = true; // 2
      return;
    }
    this.#looking = true;
    this.#lookAgain = false;
    void fileSignature(this.#file).then((signature) => {
      this.#looking = false;
      if (this.#closed) return;
      if (!this.#deps.wasRead(signature)) this.#notify({ type: 'file.changed' });
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
