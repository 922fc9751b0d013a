/** The cluster for one manifest project: its runs, and looking for drift from what the last one applied. */
import { idText } from './object-id.ts';
import type { DriftWatch } from './drift-watch.actor.ts';
import type { ProjectCluster } from './project-work.ts';
import type { SyncRunner } from './sync-runner.ts';

export function projectCluster(runner: SyncRunner, drift: DriftWatch): ProjectCluster {
  return {
    run: (input, options) => runner.run(input, options),
    watchDrift: (signal, noticed) => {
      // Not in the transition that asks for it: actors are made in here.
      void Promise.resolve()
        .then(() => drift.look(runner.managed, signal))
        .then((found) => {
          if (found.kind === 'stopped') return;
          const more = found.count > found.ids.length ? ` and ${found.count - found.ids.length} more` : '';
          noticed(`${found.ids.map((id) => idText(id)).join(', ')}${more}`);
        });
    },
  };
}
