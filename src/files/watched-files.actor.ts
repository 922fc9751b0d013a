/** `statecharts/watched-files.ts` joined to files on disk. */
import { fromCallback, fromPromise } from 'xstate';
import { watchedFilesMachine, type FilesVerdict } from '../../statecharts/index.ts';
import type { Clock, Log } from '../ports/index.ts';
import { guarded, type ChildSpec } from '../supervisor/index.ts';
import { changeNotices, systemWatchFolder, type Watched, type WatchFolder } from './change-notices.ts';

/** Files that belong together, and what is made of them. */
export interface WatchedResource extends Watched {
  /** Reads the files, and puts them in force when they are good. */
  read(signal: AbortSignal): Promise<FilesVerdict>;
}

export interface WatchedFilesDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Default true; false reads once. */
  readonly watch?: boolean;
  /** How to hear of changes in a folder; for tests. */
  readonly watchFolder?: WatchFolder;
}

/** The logic of the actors that look after resources, each known to its actor by name. */
function createWatchedFilesLogic(resourceOf: (name: string) => WatchedResource, deps: WatchedFilesDeps) {
  const { clock, log, watch = true, watchFolder = systemWatchFolder } = deps;
  return guarded(
    watchedFilesMachine.provide({
      actors: {
        read: fromPromise(({ input, signal }) => resourceOf(input.name).read(signal)),
        noticeChanges: watch
          ? changeNotices({ clock, log, watchFolder, watchedBy: resourceOf })
          : fromCallback(() => {}),
      },
    }),
  );
}

/** One child per resource, for the supervisor that keeps them. */
export function watchedFilesChildren(
  resources: ReadonlyMap<string, WatchedResource>,
  deps: WatchedFilesDeps,
): readonly ChildSpec[] {
  const logic = createWatchedFilesLogic((name) => {
    const resource = resources.get(name);
    if (resource === undefined) throw new Error(`no files are called ${name}`);
    return resource;
  }, deps);
  return [...resources.keys()].map((name) => ({
    id: name,
    logic,
    input: { name },
    ready: 'tag',
    backoff: { initMs: 1_000, factor: 2, maxMs: 30_000, jitter: 0, resetMs: 60_000 },
  }));
}
