/**
 * When deleting stops and asks: absence is not deletion. A glob that matches nothing any more, a repository that was moved
 * or emptied by mistake look exactly like the wish to delete everything.
 */
import { pruneApproval } from './annotations.ts';
import { gitopsLimits } from './limits.ts';
import { idText, type ObjectId } from './object-id.ts';
import type { PruneGuard } from './sync.ts';

export interface Deletions {
  readonly commitId: string;
  /** Objects the commit selects. */
  readonly selected: number;
  readonly doomed: readonly ObjectId[];
  /** `namespace/name` of the inventory. */
  readonly inventory: string;
  /** The commit whose deletions somebody agreed to. */
  readonly approved: string;
}

/** Why these deletions wait for a person and how to agree; undefined when they may go on. */
export function heldBack(guard: PruneGuard, deletions: Deletions): string | undefined {
  const { commitId, selected, doomed, inventory, approved } = deletions;
  if (doomed.length === 0 || approved === commitId) return undefined;
  const emptied = guard.holdsEmptiness && selected === 0;
  if (!emptied && doomed.length <= guard.deletionsMax) return undefined;
  const [namespace = '', name = ''] = inventory.split('/');
  const some = doomed.slice(0, gitopsLimits.toldMax).map(idText);
  const more = doomed.length > some.length ? ` and ${doomed.length - some.length} more` : '';
  const why = emptied
    ? 'the commit selects no objects at all'
    : `at most ${guard.deletionsMax} deletions go without asking`;
  return (
    `${doomed.length} deletions are held, because ${why}: ${some.join(', ')}${more}. To agree: kubectl annotate ` +
    `configmap --namespace ${namespace} ${name} --overwrite ${pruneApproval}=${commitId}`
  );
}
