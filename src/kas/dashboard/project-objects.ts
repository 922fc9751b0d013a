/** The objects of one manifest project of an agent: asked for when somebody looks at them, for there can be thousands. */
import { dashboardLimits } from './limits.ts';
import type { ProjectObjects } from './wire.ts';

/** What is read of a project; its texts are harmless already. */
export interface SeenProject extends Pick<
  ProjectObjects,
  'project' | 'commit' | 'failures' | 'warnings' | 'objects'
> {
  readonly objectsHidden: number;
}

export function projectObjects(seen: SeenProject, now: number): ProjectObjects {
  const { project, commit, failures, warnings, objects, objectsHidden } = seen;
  const shown = objects.slice(0, dashboardLimits.objectsShownMax);
  const hidden = objectsHidden + objects.length - shown.length;
  return { now, project, commit, failures, warnings, objects: shown, hidden };
}
