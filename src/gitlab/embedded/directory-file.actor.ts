/** `statecharts/directory-file.ts` joined to the file on disk. */
import { fromCallback, fromPromise } from 'xstate';
import { directoryFileMachine } from '../../../statecharts/index.ts';
import type { Clock, Log } from '../../ports/index.ts';
import { guarded } from '../../supervisor/index.ts';
import type { DirectoryFileResource } from './directory-file.ts';
import { changeNotices, systemWatchFolder, type WatchFolder } from './folder-watch.ts';

export interface DirectoryFileDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly watch?: boolean;
  readonly watchFolder?: WatchFolder;
}

/** The logic of the one actor that looks after `resource`. */
export function createDirectoryFileLogic(resource: DirectoryFileResource, deps: DirectoryFileDeps) {
  const { clock, log, watch = true, watchFolder = systemWatchFolder } = deps;
  const wasRead = (signature: string): boolean => resource.wasRead(signature);
  return guarded(
    directoryFileMachine.provide({
      actors: {
        read: fromPromise(({ signal }) => resource.read(signal)),
        noticeChanges: watch ? changeNotices({ clock, log, watchFolder, wasRead }) : fromCallback(() => {}),
      },
    }),
  );
}
